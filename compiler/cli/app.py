"""The table of commands and the meaning of exit codes.

0 done; 1 the model, policy or run was judged and fails; 2 could not judge (bad option, missing file); 3 a bug of ppc;
130 interrupted.
"""

import sys
from importlib import import_module

import typer

from ppc import __version__

#: command -> "module:function"; loaded lazily, except that typer needs the signatures of all for --help.
COMMANDS = (
    "compile",
    "check",
    "explore",
    "suggest",
    "calibrate",
    "network",
    "deal",
    "run",
    "accuracy",
    "inspect",
    "verify",
    "fmt",
    "opt",
    "keys",
    "doctor",
    "explain",
    "ops",
)

app = typer.Typer(
    name="ppc",
    help="The privacy-preserving compiler: ONNX in; a readable plan under HE, MPC and TEE out.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ppc {__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


for _command in COMMANDS:
    app.command(_command)(import_module(f"ppc.compiler.cli.{_command}_").command)


def main() -> None:
    """Entry point of the console script."""
    from ppc.compiler.cli.errors import run_reporting_errors

    sys.exit(run_reporting_errors(app))

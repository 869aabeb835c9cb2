"""`ppc opt FILE.ppc -p PIPELINE`"""

from pathlib import Path

import typer


def command(
    file: Path = typer.Argument(..., help="A module in text form.", show_default=False),
    pipeline: str = typer.Option("", "-p", "--pipeline", help="Passes, e.g. 'fold,fuse-bn{eps=1e-5}'."),
    policy: Path | None = typer.Option(None, help="Policy for the passes that need one."),
    print_after_all: bool = typer.Option(False, help="Print the module after each pass to stderr."),
) -> int:
    """Run passes on the text form of the IR and print the result (for developers and golden tests)."""
    from ppc.compiler.opt import optimise
    from ppc.passes.pipeline import PipelineError
    from ppc.passes.registry import UnknownPass

    def show(name: str, text: str) -> None:
        typer.echo(f"// ---- after {name}\n{text}", err=True)

    text = file.read_text(encoding="utf-8")
    try:
        result = optimise(text, pipeline, policy=policy, after=show if print_after_all else None)
    except (PipelineError, UnknownPass) as e:
        raise typer.BadParameter(str(e)) from None
    typer.echo(result, nl=False)
    return 0

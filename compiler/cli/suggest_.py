"""`ppc suggest MODEL --calibrate x.npz`"""

import json
import sys
from pathlib import Path

import typer


def command(
    model: Path = typer.Argument(..., help="The ONNX model.", show_default=False),
    calibrate: Path = typer.Option(..., help=".npz of representative inputs, on which changes are measured."),
    labels: str | None = typer.Option(None, help="Array of that file with the right answers."),
    policy: Path | None = typer.Option(None, help="Policy file; without it the default policy is assumed."),
    targets: str = typer.Option("he,mpc,tee,client,server", help="Domains that may be used, comma-separated."),
    network: str | None = typer.Option(
        None, help="lan, wan, or a file that `ppc network` wrote; overrides the policy."
    ),
    objective: str | None = typer.Option(None, help="As for `ppc compile`."),
    batch: int = typer.Option(1, min=1, help="Samples a pass, for models with a symbolic first dimension."),
    dim: list[str] = typer.Option([], help="NAME=VALUE for other symbolic dimensions."),
    fix: list[str] = typer.Option([], help="NAME=NUMBER: give an input a value that is public and part of the plan."),
    calibration: Path | None = typer.Option(None, help="Table of prices made by `ppc calibrate -o`."),
    seconds: float = typer.Option(60.0, min=0.0, help="Begin no further change after this time; what is left is said."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """List changes of the model that would make its plan cheaper, each with its measured effect. Changes nothing."""
    from ppc.compiler.cli.options import parse_dims, parse_fixed
    from ppc.compiler.driver import Request
    from ppc.compiler.network import network_option
    from ppc.compiler.price_table import choose
    from ppc.compiler.suggest.run import suggest

    request = Request(
        model=model,
        policy=policy,
        targets=tuple(t.strip() for t in targets.split(",") if t.strip()),
        calibrate=calibrate,
        labels=labels,
        network=network_option(network),
        objective=objective,
        batch=batch,
        dims=parse_dims(dim),
        fixed=parse_fixed(fix),
        table=choose(calibration),
    )
    found = suggest(request, model.name, seconds)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
        return 0
    from rich.console import Console

    from ppc.compiler.suggest.show import render

    Console(file=sys.stdout, highlight=False).print(render(found))
    return 0

"""`ppc explore MODEL --policy P`"""

import json
import sys
from pathlib import Path

import typer


def command(
    model: Path = typer.Argument(..., help="The ONNX model.", show_default=False),
    policy: Path | None = typer.Option(None, help="Policy file; without it the default policy is the starting point."),
    targets: str = typer.Option("he,mpc,tee,client,server", help="Domains that may be used, comma-separated."),
    calibrate: Path | None = typer.Option(None, help=".npz of representative inputs: ranges for approximations."),
    network: str = typer.Option("lan,wan", help="Networks to compare, comma-separated: lan, wan, policy."),
    batch: str = typer.Option("1,16", help="Batch sizes to compare, comma-separated."),
    dim: list[str] = typer.Option([], help="NAME=VALUE for symbolic dimensions."),
    fix: list[str] = typer.Option([], help="NAME=NUMBER: give an input a value that is public and part of the plan."),
    calibration: Path | None = typer.Option(None, help="Table of prices made by `ppc calibrate -o`."),
    html: Path | None = typer.Option(None, help="Write tables and plot as one offline HTML file."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """Show the price of trust: the plan that each policy would get with one thing trusted more or less."""
    from ppc.compiler.cli.options import parse_dims, parse_fixed
    from ppc.compiler.driver import Request
    from ppc.compiler.explore.run import explore
    from ppc.compiler.price_table import choose

    sizes = [b.strip() for b in batch.split(",") if b.strip()]
    if not sizes or not all(b.isdigit() and int(b) > 0 for b in sizes):
        raise typer.BadParameter(f"--batch takes sizes, comma-separated, not {batch!r}")
    networks = [n.strip() for n in network.split(",") if n.strip()]
    request = Request(
        model=model,
        policy=policy,
        targets=tuple(t.strip() for t in targets.split(",") if t.strip()),
        calibrate=calibrate,
        dims=parse_dims(dim),
        fixed=parse_fixed(fix),
        table=choose(calibration),
    )
    found = explore(request, model.name, networks, [int(b) for b in sizes])
    if html is not None:
        from ppc.compiler.explore.show import render_html

        html.write_text(render_html(found), encoding="utf-8")
        typer.echo(f"wrote {html}", err=True)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=1))
    elif html is None:
        from rich.console import Console

        from ppc.compiler.explore.show import render

        Console(file=sys.stdout, highlight=False).print(render(found))
    return 0

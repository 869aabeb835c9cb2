"""`ppc compile MODEL -o plan.py`"""

from pathlib import Path

import typer


def command(
    model: Path = typer.Argument(..., help="The ONNX model.", show_default=False),
    output: Path = typer.Option(
        Path("plan.py"), "-o", "--output", help="Where the plan goes (.json and .server.npz beside it)."
    ),
    policy: Path | None = typer.Option(None, help="Policy file; without it the default policy is assumed, and said."),
    targets: str = typer.Option("he,mpc,tee,client,server", help="Domains that may be used, comma-separated."),
    calibrate: Path | None = typer.Option(
        None, help=".npz of representative inputs: for ranges, and to measure accuracy."
    ),
    labels: str | None = typer.Option(None, help="Array of the calibration data with the right answers."),
    network: str | None = typer.Option(
        None, help="lan, wan, or a file that `ppc network` wrote; overrides the policy."
    ),
    objective: str | None = typer.Option(
        None, help="latency, throughput, traffic, money, `total ...`, or a weighting such as latency=1,money=20."
    ),
    batch: int = typer.Option(1, min=1, help="Samples a pass, for models with a symbolic first dimension."),
    dim: list[str] = typer.Option([], help="NAME=VALUE for other symbolic dimensions."),
    fix: list[str] = typer.Option([], help="NAME=NUMBER: give an input a value that is public and part of the plan."),
    calibration: Path | None = typer.Option(
        None, help="Table of prices made by `ppc calibrate -o`; without it the stored or the shipped one."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="Print errors only."),
) -> int:
    """Compile a model to a plan and say who sees what, what runs where, and what it costs."""
    from ppc.compiler.cli.options import parse_dims, parse_fixed
    from ppc.compiler.cli.show import show_report, show_warnings
    from ppc.compiler.driver import Request, compile_model
    from ppc.compiler.network import network_option
    from ppc.compiler.price_table import choose

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
    compiled = compile_model(request)
    compiled.save(output)
    show_warnings(compiled.diagnostics)
    if not quiet:
        show_report(compiled.manifest, as_json=as_json)
        typer.echo(
            f"wrote {output}, {output.with_suffix('.json').name}, {output.with_suffix('.server.npz').name}", err=True
        )
    return 0

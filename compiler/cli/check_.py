"""`ppc check MODEL --policy P`"""

from pathlib import Path

import typer


def command(
    model: Path = typer.Argument(..., help="The ONNX model.", show_default=False),
    policy: Path | None = typer.Option(None, help="Policy file."),
    targets: str = typer.Option("he,mpc,tee,client,server", help="Domains that may be used, comma-separated."),
    batch: int = typer.Option(1, min=1, help="Samples a pass."),
    dim: list[str] = typer.Option([], help="NAME=VALUE for symbolic dimensions."),
    fix: list[str] = typer.Option([], help="NAME=NUMBER: give an input a value that is public and part of the plan."),
    calibration: Path | None = typer.Option(
        None, help="Table of prices made by `ppc calibrate -o`; without it the stored or the shipped one."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print diagnostics as JSON."),
) -> int:
    """Judge a model under a policy and write nothing: exit 0 if a plan exists, 1 with the reasons if none does."""
    from ppc.compiler.cli.options import parse_dims, parse_fixed
    from ppc.compiler.cli.show import diagnostics_json, show_warnings
    from ppc.compiler.driver import Request, compile_model
    from ppc.compiler.price_table import choose
    from ppc.ir.diagnostic import UserError

    wanted = tuple(t.strip() for t in targets.split(",") if t.strip())
    try:
        request = Request(
            model=model,
            policy=policy,
            targets=wanted,
            batch=batch,
            dims=parse_dims(dim),
            fixed=parse_fixed(fix),
            table=choose(calibration),
        )
        compiled = compile_model(request)
    except UserError as e:
        if not as_json:
            raise
        typer.echo(diagnostics_json(e.diagnostics))
        return 1
    if as_json:
        typer.echo(diagnostics_json(compiled.diagnostics))
    else:
        show_warnings(compiled.diagnostics)
        typer.echo(f"{model.name}: a plan exists under this policy")
    return 0

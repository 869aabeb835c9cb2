"""`ppc verify PLAN`"""

from pathlib import Path

import typer


def command(
    plan: Path = typer.Argument(..., help="A plan.py.", show_default=False),
    model: Path | None = typer.Option(None, help="Compile this model again and compare byte for byte."),
    calibrate: Path | None = typer.Option(None, help="The calibration data that the plan was compiled with."),
    calibration: Path | None = typer.Option(None, help="The table of prices that the plan was compiled with."),
    weights: bool = typer.Option(True, help="Also check plan.server.npz (only its owner has it)."),
) -> int:
    """Check that the files of a plan belong together; with --model, that they are what ppc makes of that model."""
    from ppc.compiler.verify import verify_plan

    for line in verify_plan(plan, model=model, calibrate=calibrate, calibration=calibration, weights=weights):
        typer.echo(line)
    return 0

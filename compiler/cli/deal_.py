"""`ppc deal PLAN --runs 1000`"""

from pathlib import Path

import typer


def command(
    plan: Path = typer.Argument(..., help="A plan.py.", show_default=False),
    runs: int = typer.Option(..., min=1, help="Passes over the plan to make correlated randomness for."),
    material: Path | None = typer.Option(None, help="Folder to fill (default: plan.material beside the plan)."),
    timeout: float = typer.Option(60.0, help="Seconds that a party may be silent."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="No progress."),
) -> int:
    """Let the dealer make material ahead, so that `ppc run` needs none online. On this machine, a process a party; on
    separate machines each party runs `python plan.py --party NAME --deal`."""
    from ppc.compiler.runner import stored_material
    from ppc.runtime.secure import deal_here

    folder = material or stored_material(plan)
    found = deal_here(plan, folder, runs, timeout=timeout, progress=not quiet)
    for party in (party for party in found if party != "dealer"):
        kept = f" in {folder / party}" if (folder / party).exists() else ""
        typer.echo(f"{party}: {found[party]['notes']['material']}{kept}")
    typer.echo(f"{found['dealer']['phases']['offline']:.1f} s, {found['dealer']['bytes_sent']:,} bytes from the dealer")
    return 0

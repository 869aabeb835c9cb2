"""`ppc calibrate`"""

import os
from pathlib import Path

import typer


def command(
    output: Path | None = typer.Option(
        None, "-o", "--output", help="Where the table goes; without it, where `ppc compile` looks for it."
    ),
    quick: bool = typer.Option(False, "--quick", help="About a minute instead of four, with fewer runs of each."),
    force: bool = typer.Option(False, "--force", help="Accept the numbers of a busy machine; the table says so."),
) -> int:
    """Measure what every primitive of HE, MPC and TEE costs on this machine, for `ppc compile` to choose by."""
    # before numpy is loaded: prices are those of one thread
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    from ppc.compiler.measure.table import measure
    from ppc.compiler.price_table import save, stored_path

    path = output or stored_path()
    table = measure(quick, force, lambda line: typer.echo(f"  {line}", err=True))
    save(path, table)
    load, rotations = table["load"], table["he"]["rotate"]["8192"]
    typer.echo(
        f"a rotation at N = 8192 takes {1e3 * rotations[0]:.3g} to {1e3 * rotations[-1]:.3g} ms, "
        f"a round of MPC {1e6 * table['mpc']['round']:.3g} us"
    )
    typer.echo(
        f"wrote {path}: {load['measurements']} measurements, {load['disturbed']} of them disturbed"
        + (" (busy machine, forced)" if load["forced"] else ""),
        err=True,
    )
    return 0

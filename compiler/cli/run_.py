"""`ppc run PLAN --data x.npz`"""

from pathlib import Path

import typer


def command(
    plan: Path = typer.Argument(..., help="A plan.py.", show_default=False),
    data: Path = typer.Option(
        ..., help=".npz (or .npy) of inputs, named after the model's inputs; first axis = samples."
    ),
    input: str | None = typer.Option(None, help="Which array of the file is the model's lone input."),
    mode: str = typer.Option(
        "secure", help="secure: every party its own process; simulate, clear: one process, no cryptography."
    ),
    compare: Path | None = typer.Option(None, help="The ONNX model: run it with onnxruntime too and compare."),
    samples: int | None = typer.Option(None, min=1, help="Use only the first N samples."),
    output: Path | None = typer.Option(None, "-o", "--output", help="Write the results to this .npz."),
    timeout: float = typer.Option(60.0, help="Seconds that a party may be silent."),
    material: Path | None = typer.Option(
        None, help="Folder that `ppc deal` filled (default: plan.material where there is one)."
    ),
    when_empty: str = typer.Option("fail", help="fail, or wait for `ppc deal`, where the material does not suffice."),
    fresh: bool = typer.Option(False, "--fresh", help="Start a dealer for this run and leave stored material alone."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="No progress."),
) -> int:
    """Run a plan on this machine, every party as its own process over TLS sockets on loopback."""
    from ppc.compiler.runner import run_plan, stored_material

    if mode not in ("secure", "simulate", "clear"):
        raise typer.BadParameter(f"--mode is secure, simulate or clear, not {mode!r}")
    if when_empty not in ("fail", "wait"):
        raise typer.BadParameter(f"--when-empty is fail or wait, not {when_empty!r}")
    if fresh and material is not None:
        raise typer.BadParameter("--fresh and --material exclude each other")
    there = stored_material(plan)
    stored = material or (there if there.is_dir() and not fresh else None)
    outcome = run_plan(
        plan,
        data,
        lone=input,
        mode=mode,
        compare=compare,
        samples=samples,
        timeout=timeout,
        progress=not (quiet or as_json),
        material=stored,
        when_empty=when_empty,
    )
    if output is not None:
        from ppc.runtime.data import save_atomic

        save_atomic(output, outcome.outputs)
    outcome.show(as_json=as_json)
    return 0

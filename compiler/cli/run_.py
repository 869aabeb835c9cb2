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
    timeout: float = typer.Option(60.0, help="Seconds that a party waits for another."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="No progress."),
) -> int:
    """Run a plan on this machine, every party as its own process over TLS sockets on loopback."""
    from ppc.compiler.runner import run_plan

    if mode not in ("secure", "simulate", "clear"):
        raise typer.BadParameter(f"--mode is secure, simulate or clear, not {mode!r}")
    outcome = run_plan(
        plan,
        data,
        lone=input,
        mode=mode,
        compare=compare,
        samples=samples,
        timeout=timeout,
        progress=not (quiet or as_json),
    )
    if output is not None:
        from ppc.runtime.data import save_atomic

        save_atomic(output, outcome.outputs)
    outcome.show(as_json=as_json)
    return 0

"""`ppc accuracy PLAN --data x.npz`"""

import json
import sys
from pathlib import Path

import typer


def command(
    plan: Path = typer.Argument(..., help="A plan.py, its plan.server.npz beside it.", show_default=False),
    data: Path = typer.Option(
        ..., help=".npz (or .npy) of inputs, named after the model's inputs; first axis = samples."
    ),
    input: str | None = typer.Option(None, help="Which array of the file is the model's lone input."),
    labels: str | None = typer.Option(None, help="Right answers: the name of an array in the data, or a .npy file."),
    model: Path | None = typer.Option(
        None, help="The ONNX model, run with onnxruntime; without it the plan in clear mode is compared with."
    ),
    samples: int | None = typer.Option(None, min=1, help="Use only the first N samples."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> int:
    """Measure how far a plan is from the model: in clear (polynomials alone) and simulated (rounding and noise too)."""
    from ppc.compiler.accuracy.trial import try_plan

    trial = try_plan(plan, data, model=model, labels=labels, samples=samples, lone=input)
    if as_json:
        typer.echo(json.dumps(trial.as_json(), indent=1))
        return 0
    from rich.console import Console

    from ppc.compiler.accuracy.show import render_trial

    Console(file=sys.stdout, highlight=False).print(render_trial(trial))
    return 0

"""The main job on a real model: compile LeNet-5, run it encrypted across separate processes, show the report.

Convolutions run under HE, ReLU and MaxPool under MPC, because the policy beside this file pins them there.
"""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import ppc
from ppc.compiler.report.html import render_html
from ppc.compiler.report.run import render_run
from ppc.compiler.report.terminal import render
from ppc.compiler.runner import run_plan

HERE = Path(__file__).parent
MODEL = HERE.parent / "models" / "lenet5_relu_maxpool_mnist.onnx"
POLICY = HERE / "policy.ppc"
SAMPLES = 16


def main() -> int:
    out = Path("build/demo")
    out.mkdir(parents=True, exist_ok=True)
    screen = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    samples = np.load(MODEL.with_suffix(".npz"))
    np.savez(out / "images.npz", x=samples["x"][:SAMPLES])
    np.savez(out / "calibration.npz", x=samples["x"][SAMPLES : SAMPLES + 64])

    screen.rule("ppc compile")
    compiled = ppc.compile(MODEL, POLICY, calibrate=out / "calibration.npz", batch=SAMPLES)
    plan = compiled.save(out / "plan.py")
    screen.print(render(compiled.manifest))
    (out / "report.html").write_text(render_html(compiled.manifest), encoding="utf-8")

    screen.rule("ppc run: client, server and dealer as separate processes")
    run = run_plan(plan, out / "images.npz", compare=MODEL)
    screen.print(render_run(run))
    screen.print(_predictions(run.outputs["output"], run.comparison["reference"]["output"], samples["y"][:SAMPLES]))
    screen.print(f"\nplan: {plan}   report: {out / 'report.html'}")
    worst = run.comparison["max_abs_err"]
    agree = run.comparison["argmax_agreement"]
    return 0 if worst <= 0.05 and agree == 1.0 else 1


def _predictions(got: np.ndarray, want: np.ndarray, labels: np.ndarray) -> Table:
    table = Table(title="\nPredictions", title_justify="left", title_style="bold", box=None, header_style="dim")
    for column in ("image", "label", "encrypted", "onnxruntime", "encrypted logit", "onnxruntime logit", "max error"):
        table.add_column(column, justify="right")
    for i, (g, w, y) in enumerate(zip(got, want, labels, strict=True)):
        k = int(w.argmax())
        table.add_row(str(i), str(y), str(g.argmax()), str(k), f"{g[k]:.4f}", f"{w[k]:.4f}", f"{abs(g - w).max():.1e}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())

"""Does a network under HE alone predict what it predicts in clear? `python -m benchmarks.he.accuracy [network ...]`.

With PPC_CORPUS set. Each network is compiled for HE with its own samples for calibration and run on labelled images:
all of them in simulate mode (the polynomials and scales of its plan, and a model of its noise), the first few
encrypted, between processes. Printed and written to build/bench/he_accuracy.json: the share of images on which the
largest output is onnxruntime's, and the share on which it is the label, ours and onnxruntime's. 1 where a row misses
its goal.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ppc
from ppc.compiler.runner import RunOutcome, run_plan

OUT = Path("build/bench")
CALIBRATION = 128
TIMEOUT = 900.0

POLICY = """output * reveal to client because "the client asked for its own prediction"
allow he
error <= 0.1
"""


@dataclass(frozen=True)
class Goal:
    """A network, on how many of MNIST's test images it is judged, and what is asked of it."""

    model: str
    images: int
    agreement: float = 0.0  # with onnxruntime
    accuracy: float = 0.0


GOALS = (
    Goal("models-ours/cryptonets_mnist", 1000, agreement=0.999),
    Goal("models-ours/lenet5_gelu_avgpool_mnist", 256, accuracy=0.985),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="only these")
    parser.add_argument("--encrypted", type=int, default=4, help="images that are run encrypted")
    parser.add_argument("--images", type=int, help="images that are run in simulate mode, if fewer")
    asked = parser.parse_args()
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder: nothing was measured", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    goals = [g for g in GOALS if not asked.networks or Path(g.model).name in asked.networks]
    rows = [judged(goal, Path(corpus), asked.encrypted, asked.images) for goal in goals]
    (OUT / "he_accuracy.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return int(not all(row["reached"] for row in rows))


def judged(goal: Goal, corpus: Path, encrypted: int, most: int | None) -> dict[str, Any]:
    """One row."""
    model = corpus / f"{goal.model}.onnx"
    fit, data = OUT / "calibration.npz", OUT / "images.npz"
    np.savez(fit, x=np.load(model.with_suffix(".npz"))["x"][:CALIBRATION])
    x, labels = images(corpus, min(goal.images, most or goal.images))
    np.savez(data, x=x)
    plan = ppc.compile(model, POLICY, targets=("he",), calibrate=fit).save(OUT / f"{model.stem}_accuracy.py")
    row: dict[str, Any] = {"network": model.stem, "agreement_goal": goal.agreement, "accuracy_goal": goal.accuracy}
    for mode, count in (("simulate", len(x)), ("secure", min(encrypted, len(x)))):
        if count:
            run = run_plan(plan, data, mode=mode, compare=model, samples=count, timeout=TIMEOUT, progress=False)
            row[mode] = shares(run, labels)
            print(f"{model.stem} {mode}: " + ", ".join(f"{k} {v:.4g}" for k, v in row[mode].items()), flush=True)
    found = row["simulate"]
    row["reached"] = found["agreement"] >= goal.agreement and found["accuracy"] >= goal.accuracy
    return row


def images(corpus: Path, count: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The first images of MNIST's test set, as the networks were trained on them, and their labels."""
    stored = np.load(corpus / "data" / "mnist" / "mnist_test.npz")
    x = (stored["x"][:count, None] / 255).astype(np.float32)
    return x, stored["y"][:count]


def shares(run: RunOutcome, labels: NDArray[np.uint8]) -> dict[str, float]:
    """Of the images: agreement with onnxruntime, accuracy of both."""
    (ours,), (reference,) = run.outputs.values(), run.comparison["reference"].values()
    mine, theirs = (np.reshape(a, (run.samples, -1)).argmax(axis=1) for a in (ours, reference))
    known = labels[: run.samples]
    return {
        "images": run.samples,
        "agreement": float((mine == theirs).mean()),
        "accuracy": float((mine == known).mean()),
        "onnxruntime_accuracy": float((theirs == known).mean()),
        "seconds": run.measured["seconds"]["online"],
    }


if __name__ == "__main__":
    raise SystemExit(main())

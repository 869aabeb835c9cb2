"""What the layout search gives: `python -m benchmarks.layouts [name ...]` with PPC_CORPUS set; one row a model.

Each model is compiled for HE and the client, one sample. Rotations are counted by the level they run at, from the
highest; keys are seeded Galois and relinearisation keys. Predicted times go by the table of primitives. Nothing runs.
"""

import os
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import ppc
from ppc.runtime.he.attrs import layout_of
from ppc.targets.he.primitives import Primitives, key_bytes

MODELS = (
    "models-bench/w1",
    "models-bench/w2_sq",
    "models-bench/w3",
    "models-bench/w4_sq",
    "models-ours/cryptonets_mnist",
    "models-ours/resnet8_cifar10",
    "models-ours/mobilenet_tiny_cifar10",
)
CALIBRATION = 16


def main() -> int:
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder with models-bench and models-ours")
        return 2
    for name in MODELS:
        if not sys.argv[1:] or Path(name).name in sys.argv[1:]:
            print(row(Path(corpus) / f"{name}.onnx"), flush=True)
    return 0


def row(model: Path) -> str:
    """One line: counts of the plan of a model."""
    data = np.load(model.with_suffix(".npz"))
    samples = Path("build/bench/calibration.npz")
    samples.parent.mkdir(parents=True, exist_ok=True)
    np.savez(samples, x=(data["x"] if "x" in data else data[data.files[0]])[:CALIBRATION])
    start = perf_counter()
    try:
        manifest = ppc.compile(model, targets=("he", "client"), calibrate=samples).manifest
    except ppc.CompileError as e:
        return f"{model.stem}: {e.diagnostics[0].code} {str(e.diagnostics[0].message)[:150]}"
    spent = perf_counter() - start
    he = manifest["he"]
    steps = [s for s in manifest["steps"] if s["step"] == "he.linear"]
    up = sum(layout_of(s["attrs"], "layout").ciphertexts for s in manifest["steps"] if s["step"].endswith("to_he"))
    keys = sum(len(found) for found in he["galois"].values())
    size = sum(len(found) * key_bytes(he["degree"], int(level)) for level, found in he["galois"].items())
    size += sum(key_bytes(he["degree"], level) for level in he["relin"])
    by_level = Counter[int]()
    for step in steps:
        by_level[step["attrs"]["level"]] += rotations(step)
    counts = " ".join(f"{level}:{count}" for level, count in sorted(by_level.items(), reverse=True))
    products = sum(len(s["attrs"]["terms"]) for s in steps)
    return (
        f"{model.stem}: N={he['degree']} up={up} rotations {counts} products={products} galois={keys} "
        f"keys={size / 1e6:.1f}MB predicted={predicted(steps, he['degree']):.1f}ms compiled={spent:.1f}s"
    )


def rotations(step: Any) -> int:
    """Rotations of one he.linear step."""
    attrs = step["attrs"]
    terms = attrs["terms"]
    babies, giants = {(i, b) for i, _, b, _ in terms if b}, {(o, g) for _, o, _, g in terms if g}
    before = len(attrs.get("pre", ())) * len({t[0] for t in terms})
    return before + len(babies) + len(giants) + len(attrs["post"]) * len({t[1] for t in terms})


def predicted(steps: list[Any], degree: int) -> float:
    """Milliseconds of the linear steps, one thread."""
    table, total = Primitives.default(), 0.0
    for step in steps:
        terms, level = step["attrs"]["terms"], step["attrs"]["level"]
        total += table.linear(rotations(step), len(terms), len({t[1] for t in terms}), degree, level)
    return total


if __name__ == "__main__":
    raise SystemExit(main())

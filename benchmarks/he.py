"""HE on small networks: `python -m benchmarks.he [name ...]` with PPC_CORPUS set; one row a model, build/bench/he.json.

Each model is compiled for HE and the client only and run by separate processes on three samples, one a pass; the time
of a sample is the server's, the mean over the passes of all its `he.*` steps. Keys and error are of the same run.
"""

import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import ppc
from ppc.compiler.runner import run_plan

MODELS = (
    "models-bench/w1",
    "models-bench/w2_sq",
    "models-bench/w3",
    "models-bench/w4_sq",
    "models-ours/cryptonets_mnist",
)
SAMPLES, CALIBRATION = 3, 64
COLUMNS = ("model", "degree", "primes", "galois", "setup_mb", "setup_s", "he_s", "sample_s", "products", "max_err")


def main() -> int:
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder with models-bench and models-ours")
        return 2
    out = Path("build/bench")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in MODELS:
        if not sys.argv[1:] or Path(name).name in sys.argv[1:]:
            rows.append(measure(Path(corpus) / f"{name}.onnx", out))
            print("  ".join(f"{column}={rows[-1][column]}" for column in COLUMNS))
    (out / "he.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def measure(model: Path, out: Path) -> dict[str, Any]:
    """One row of the table."""
    data = np.load(model.with_suffix(".npz"))
    x = data["x"] if "x" in data else data[data.files[0]]
    np.savez(out / "samples.npz", x=x[:SAMPLES])
    np.savez(out / "calibration.npz", x=x[SAMPLES : SAMPLES + CALIBRATION])
    start = perf_counter()
    compiled = ppc.compile(model, targets=("he", "client"), calibrate=out / "calibration.npz")
    spent = perf_counter() - start
    manifest = compiled.manifest
    run = run_plan(
        compiled.save(out / f"{model.stem}.py"), out / "samples.npz", compare=model, timeout=300.0, progress=False
    )
    he, seconds = manifest["he"], run.measured["seconds"]
    steps = [s for s in manifest["steps"] if s["step"] == "he.linear"]
    name_of = {s["id"]: s["step"] for s in manifest["steps"]}
    computing = sum(s["seconds"] for s in run.measured["steps"] if name_of.get(s["id"], "").startswith("he."))
    in_steps = sum(s["bytes_sent"] for s in run.measured["steps"])
    return {
        "model": model.stem,
        "compile_s": round(spent, 2),
        "degree": he["degree"],
        "primes": "+".join(map(str, he["prime_bits"])),
        "galois": sum(len(found) for found in he["galois"].values()),
        "setup_mb": round((run.measured["bytes"]["total"] - in_steps) / 1e6, 2),
        "setup_s": round(seconds["setup"], 2),
        "he_s": round(computing / SAMPLES, 4),
        "sample_s": round(seconds["online"] / SAMPLES, 4),
        "products": sum(len(s["attrs"]["terms"]) for s in steps),
        "max_err": float(f"{run.comparison['max_abs_err']:.3g}"),
    }


if __name__ == "__main__":
    raise SystemExit(main())

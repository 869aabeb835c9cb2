"""Throughput of batch packing: `python -m benchmarks.he_batch [name ...]` with PPC_CORPUS set; part of `make bench-he`.

Each model is compiled with public weights and a full batch, and run by client and server in one process, so that the
server's steps can be timed alone: on one thread, and on as many as there are cores. Then once more with every step
computed at once, which tells how each kind of step scales (`efficiency_*`: time on one thread over threads times the
time on all). With PPC_PROTOTYPES set, the experiment runs beside w3. On a busy machine look at `samples_cpu_s` (samples
a second of processor time on one thread), `ratio`, and `scaling_*`: the efficiency by the time of threads that did not
wait for a core, so that locks and memory count and other programs hardly do. Rows also go to
build/bench/he_batch.json.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

import ppc
from benchmarks.he_batch import prototype
from benchmarks.he_batch.parties import Pass, Program, Server, one_pass, parties
from ppc.runtime.he.schedule import available_cores
from ppc.runtime.party import Session
from ppc.runtime.plan import Plan

#: Model and samples a pass: the slots of the ring that it takes.
MODELS = {"w1": 2048, "w2_sq": 4096, "w3": 4096}
CALIBRATION, REPEATS = 128, 2
#: The network that the experiment computes.
EXPERIMENT = "w3"
POLICY = Path("examples/policies/he_public_weights.ppc")
Row = dict[str, Any]


def main() -> int:
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder with models-bench")
        return 2
    out = Path("build/bench")
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, batch in MODELS.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            rows.append(measure(Path(corpus) / "models-bench" / f"{name}.onnx", batch, out))
            print("  ".join(f"{k}={v}" for k, v in rows[-1].items()), flush=True)
    found = {"load_average": os.getloadavg(), "networks": rows}
    (out / "he_batch.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def measure(model: Path, batch: int, out: Path) -> Row:
    """One row of the table."""
    data = np.load(model.with_suffix(".npz"))
    x = np.resize(data["x"], (batch, *data["x"].shape[1:]))
    reference = np.resize(data["ref"], (batch, *data["ref"].shape[1:]))
    np.savez(out / "calibration.npz", x=data["x"][:CALIBRATION])
    calibration = out / "calibration.npz"
    compiled = ppc.compile(model, policy=POLICY, targets=("he",), calibrate=calibration, batch=batch)
    plan, program = Plan.load(compiled.save(out / f"{model.stem}_batch.py"))
    client, server = parties(plan)
    threads = available_cores()
    passes: dict[int, list[Pass]] = {1: [], threads: []}
    for run in range(REPEATS):
        for count in passes:
            server.use(count)
            passes[count].append(one_pass(client, server, program, x, run * threads + count))
    last = passes[1][-1]
    seconds = {count: min(p.server for p in found) for count, found in passes.items()}
    row = {
        "model": model.stem,
        "degree": plan.manifest["he"]["degree"],
        "primes": "+".join(map(str, plan.manifest["he"]["prime_bits"])),
        **{f"samples_s_{count}_threads": round(batch / found) for count, found in seconds.items()},
        "efficiency": round(seconds[1] / (threads * seconds[threads]), 2),
        "samples_cpu_s": round(batch / min(p.server_cpu for p in passes[1])),
        "encrypt_ms_sample": round(last.encrypt / batch * 1e3, 4),
        "decrypt_ms_sample": round(last.decrypt / batch * 1e3, 4),
        "max_err": float(f"{np.abs(last.y.reshape(reference.shape) - reference).max():.3g}"),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        **by_kind(client, server, program, x, threads),
    }
    if model.stem == EXPERIMENT and (other := prototype.measure()) is not None:
        row |= {"prototype_cpu_s": round(other), "ratio": round(row["samples_cpu_s"] / other, 2)}
    return row


def by_kind(client: Session, server: Server, program: Program, x: Any, threads: int) -> Row:
    """How each kind of step scales from one thread to all, every step computed at once."""
    best: dict[int, dict[str, tuple[float, float]]] = {}
    server.at_once = True
    for run in range(REPEATS):
        for count in (1, threads):
            server.use(count)
            server.spent = {}
            one_pass(client, server, program, x, (REPEATS + run) * threads + count)
            kept = best.setdefault(count, dict(server.spent))
            best[count] = {k: (min(w, kept[k][0]), min(o, kept[k][1])) for k, (w, o) in server.spent.items()}
    server.at_once = False
    row: Row = {}
    for kind, (wall, own) in best[1].items():
        key = kind.replace(" ", "_")
        wall_of_all, own_of_all = best[threads][kind]
        row[f"ms_{key}"] = round(1e3 * wall, 1)
        row[f"efficiency_{key}"] = round(wall / (threads * wall_of_all), 2)
        row[f"scaling_{key}"] = round(own / (threads * own_of_all), 2)
    return row


if __name__ == "__main__":
    raise SystemExit(main())

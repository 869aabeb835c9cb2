"""Throughput of batch packing: `python -m benchmarks.he_batch [name ...]` with PPC_CORPUS set.

Each model is compiled with public weights and a full batch, and run by client and server in one process, so that the
server's steps can be timed alone: on one core, and on all. On a busy machine look at `samples_cpu_s`, samples a second
of processor time, or run it beside another program that you compare it with. Rows also go to build/bench/he_batch.json.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import ppc
from ppc.runtime.he import engine
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session
from ppc.runtime.plan import Plan

#: Model and samples a pass: the slots of the ring that it takes.
MODELS = {"w1": 2048, "w2_sq": 4096, "w3": 4096}
CALIBRATION, REPEATS = 128, 3
POLICY = Path("examples/policies/he_public_weights.ppc")


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
            print("  ".join(f"{k}={v}" for k, v in rows[-1].items()))
    (out / "he_batch.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def measure(model: Path, batch: int, out: Path) -> dict[str, Any]:
    """One row of the table."""
    data = np.load(model.with_suffix(".npz"))
    x = np.resize(data["x"], (batch, *data["x"].shape[1:]))
    np.savez(out / "calibration.npz", x=data["x"][:CALIBRATION])
    calibration = out / "calibration.npz"
    compiled = ppc.compile(model, policy=POLICY, targets=("he",), calibrate=calibration, batch=batch)
    plan, program = Plan.load(compiled.save(out / f"{model.stem}_batch.py"))
    client, server = parties(plan)
    cores = os.sched_getaffinity(0)
    times: dict[int, list[float]] = {}
    busy: list[float] = []
    result: dict[str, Any] = {}
    for count in (1, len(cores)):
        os.sched_setaffinity(0, sorted(cores)[:count])
        for run in range(REPEATS):
            spent, result = one_pass(client, server, program, x, run)
            times.setdefault(count, []).append(spent)
            busy.append(result["busy"])
    os.sched_setaffinity(0, cores)
    reference = np.resize(data["ref"], (batch, *data["ref"].shape[1:]))
    return {
        "model": model.stem,
        "degree": plan.manifest["he"]["degree"],
        "primes": "+".join(map(str, plan.manifest["he"]["prime_bits"])),
        **{f"samples_s_{count}_cores": round(batch / min(found)) for count, found in times.items()},
        "samples_cpu_s": round(batch / min(busy)),
        "client_ms_sample": round(result["client"] / batch * 1e3, 3),
        "max_err": float(f"{np.abs(result['y'].reshape(reference.shape) - reference).max():.3g}"),
    }


def parties(plan: Plan) -> tuple[Session, Session]:
    """Both after set-up."""
    a, b = pair("client", "server")
    client, server = Session("client", plan.manifest, {"server": a}), Session("server", plan.manifest, {"client": b})
    server.weights = {**plan.public_constants(), **plan.server_weights()}
    client.weights = dict(plan.public_constants())
    at_once(lambda: engine.setup(client), lambda: engine.setup(server))
    return client, server


def one_pass(
    client: Session, server: Session, program: Callable[[Session], None], x: Any, run: int
) -> tuple[float, dict[str, Any]]:
    """Seconds of the server between the last ciphertext that arrives and the last that leaves; outputs."""
    marks: dict[str, float] = {}
    entered = threading.Event()

    def on_server(step: int, of: int, name: str) -> None:
        if step > 0 and "start" not in marks and name.startswith("he."):
            entered.wait()
            marks["start"], marks["busy"] = perf_counter(), process_time()

    def on_client(step: int, of: int, name: str) -> None:
        if name.startswith("convert."):
            marks["client"] = perf_counter()
        elif name.startswith("reveal."):
            marks["client"] = perf_counter() - marks["client"]
            entered.set()

    server.on_step, client.on_step = on_server, on_client
    client.start_run(run, {"x": x})
    server.start_run(run, {})

    def serve() -> None:
        program(server)
        marks["stop"], marks["busy"] = perf_counter(), process_time() - marks["busy"]

    at_once(lambda: program(client), serve)
    (y,) = client.outputs.values()
    return marks["stop"] - marks["start"], {**marks, "y": y}


def at_once(*calls: Callable[[], Any]) -> None:
    """Run each call in a thread of its own."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    raise SystemExit(main())

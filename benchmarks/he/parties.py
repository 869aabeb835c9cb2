"""A plan run by separate processes: times, sizes and errors of the true thing."""

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import ppc
from benchmarks.he.workloads import Workload
from ppc.compiler.artefacts import Compiled
from ppc.compiler.runner import reference, run_plan
from ppc.runtime.plan import Plan
from ppc.targets.he.primitives import key_bytes

#: Samples of the run from whose speed follows how many more there is time for.
FIRST = 2
TIMEOUT = 600.0


def compiled(workload: Workload, policy: Path | None, folder: Path, targets: tuple[str, ...]) -> Compiled:
    _, fit = workload.write(folder, FIRST)
    return ppc.compile(workload.model, policy, targets=targets, calibrate=fit)


def measure(workload: Workload, plan: Path, folder: Path, samples: int, seconds: float) -> dict[str, Any]:
    """One sample a pass, on as many of the samples as `seconds` allow. Times of a pass are the mean over them."""
    data, _ = workload.write(folder, FIRST)
    first = run_plan(plan, data, compare=workload.model, timeout=TIMEOUT, progress=False)
    a_pass = first.measured["seconds"]["online"] / FIRST
    count = int(max(FIRST, min(samples, len(workload.x), seconds / max(a_pass, 1e-3))))
    data, _ = workload.write(folder, count)
    run = run_plan(plan, data, compare=workload.model, timeout=TIMEOUT, progress=False)
    took, steps = run.measured["seconds"], run.measured["steps"]
    he = took["passes"]["server"]["he"]

    def sent(name: str) -> float:
        return sum(s["bytes_sent"] for s in steps if s["name"] == name) / count

    (outputs,) = run.comparison["reference"].values()
    leaving = ("convert.he_to_mpc", "reveal.he_to_client", "reveal.mpc_to_client")
    return {
        "samples": count,
        "server_s": took["busy"]["server"] / count,
        "he_s": sum(he) / count,
        "he_median_s": median(he),
        "client_s": took["busy"]["client"] / count,
        "online_s": took["online"] / count,
        "pass_s": median(took["online_passes"]["client"]),
        "setup_server_s": took["parties"]["server"]["setup"],
        "setup_client_s": took["parties"]["client"]["setup"],
        "keys_bytes": run.measured["bytes"]["total"] - sum(s["bytes_sent"] for s in steps),
        "up_bytes": sent("convert.client_to_he"),
        "down_bytes": sum(map(sent, leaving)),
        "server_peak_bytes": run.measured["peak_memory"]["server"],
        "max_err": run.comparison["max_abs_err"],
        "largest_output": float(abs(outputs).max()),
        "error": run.comparison["max_abs_err"] / output_range(workload, plan),
        "argmax_agreement": run.comparison["argmax_agreement"],
    }


def output_range(workload: Workload, plan: Path) -> float:
    """Largest less smallest output of the model on all of the samples, however few of them a plan is run on."""
    (given,) = Plan.load(plan)[0].manifest["model"]["inputs"]
    (outputs,) = reference(workload.model, {given["name"]: workload.x.astype(np.float32)}, len(workload.x)).values()
    return float(outputs.max() - outputs.min())


def parameters(made: Compiled) -> dict[str, Any]:
    """What the plan says of itself."""
    he = made.manifest["he"]
    return {
        "degree": he["degree"],
        "prime_bits": he["prime_bits"],
        "galois_keys": sum(map(len, he["galois"].values())),
        "galois_bytes": sum(len(steps) * key_bytes(he["degree"], int(k)) for k, steps in he["galois"].items()),
        "predicted_pass_s": made.report["predicted"]["seconds"],
        "predicted_he_s": made.report["he"]["server_seconds"],
        "privacy": [way["why"] for way in made.report["he"]["privacy"]],
        "prices": made.report["prices"],
    }

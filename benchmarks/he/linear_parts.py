"""Larger networks of which HE runs the linear layers and MPC the rest: what the linear layers take."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.he import parties, primitives
from benchmarks.he.workloads import Workload
from ppc.compiler.runner import run_plan
from ppc.ir.diagnostic import UserError
from ppc.runtime.errors import PartyError

POLICY = """party client, server, dealer
input  *  secret of client
weight *  secret of server
output *  reveal to client because "the client asked for its own prediction"
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
allow he, mpc, client
place operator Conv, Gemm in he
"""
TIMEOUT = 1800.0


def measure(model: Path, folder: Path, samples: int) -> dict[str, Any]:
    """Counts by level from the plan, and passes of one sample between processes (none: the plan alone)."""
    workload = Workload.of(model)
    policy = folder / "linear_in_he.ppc"
    policy.write_text(POLICY, encoding="utf-8")
    try:
        made = parties.compiled(workload, policy, folder, ("he", "mpc", "client"))
        found = {**parties.parameters(made), "counts": primitives.linear_counts(made.manifest)}
        return found | (_run(workload, made.save(folder / f"{workload.name}.py"), folder, samples) if samples else {})
    except (UserError, PartyError) as e:
        return {"failed": str(e).splitlines()[0]}


def _run(workload: Workload, plan: Path, folder: Path, samples: int) -> dict[str, Any]:
    data, _ = workload.write(folder, samples)
    run = run_plan(plan, data, compare=workload.model, timeout=TIMEOUT, progress=False)
    took = run.measured["seconds"]
    (reference,) = run.comparison["reference"].values()
    return {
        "samples": samples,
        "he_s": min(took["passes"]["server"]["he"]),
        "server_s": took["busy"]["server"] / samples,
        "client_s": took["busy"]["client"] / samples,
        "setup_server_s": took["parties"]["server"]["setup"],
        "setup_client_s": took["parties"]["client"]["setup"],
        "bytes": run.measured["bytes"]["total"],
        "server_peak_bytes": run.measured["peak_memory"]["server"],
        "error": run.comparison["max_abs_err"] / float(np.ptp(reference)),
        "argmax_agreement": run.comparison["argmax_agreement"],
    }

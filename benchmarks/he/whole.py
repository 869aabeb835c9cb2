"""A network that runs under HE from end to end, measured every way: with secret and with public weights, as separate
processes and by the server's CPU clock, beside the experiment and TenSEAL's own interface."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.he import beside, parties, primitives, tenseal_api
from benchmarks.he.goals import asked_of, judged
from benchmarks.he.workloads import POLICIES, Workload
from ppc.ir.diagnostic import UserError
from ppc.runtime.errors import PartyError


@dataclass(frozen=True)
class Effort:
    """What a row may take: samples of the error at most and seconds for them, of one policy; turns beside the
    experiment; seconds that TenSEAL's interface may be estimated at."""

    samples: int
    seconds: float
    turns: int
    tenseal_seconds: float


def measure(model: Path, out: Path, effort: Effort) -> dict[str, Any]:
    """One network under HE alone, every way."""
    workload = Workload.of(model)
    row: dict[str, Any] = {"network": workload.name}
    for kind, policy in POLICIES.items():
        row[kind] = _one_policy(workload, kind, policy, out, effort)
        print(_shown(workload.name, kind, row[kind]), flush=True)
    if any("failed" in row[kind] for kind in POLICIES):
        return row
    shape = row["public"]["input_shape"]
    plans = {kind: _plan(workload, kind, out) for kind in POLICIES}
    row["cpu_s"] = beside.measure(plans, workload.name, workload.x[:1].astype("float32").reshape(shape), effort.turns)
    row["tenseal"] = tenseal_api.measure(model, workload.x[0], effort.tenseal_seconds)
    row["ratios"] = _ratios(row)
    print(f"{workload.name:8} ratios of the server's CPU time: {said(row['ratios']) or 'none'}", flush=True)
    return judged(row, asked_of(row))


def _plan(workload: Workload, kind: str, out: Path) -> Path:
    return out / f"{workload.name}_{kind}.py"


def _one_policy(workload: Workload, kind: str, policy: Path | None, out: Path, effort: Effort) -> dict[str, Any]:
    """One network under one policy; what goes wrong is part of the row."""
    try:
        made = parties.compiled(workload, policy, out, ("he", "client"))
        plan = made.save(_plan(workload, kind, out))
        found = {**parties.parameters(made), **parties.measure(workload, plan, out, effort.samples, effort.seconds)}
        shape = made.manifest["model"]["inputs"][0]["shape"]
        sample = workload.x[:1].astype("float32").reshape(shape)
        return found | {"input_shape": shape} | primitives.profile(plan, sample)
    except (UserError, PartyError) as e:
        return {"failed": str(e).splitlines()[0]}


def _ratios(row: dict[str, Any]) -> dict[str, float]:
    """Of CPU seconds of a pass, each the best of several.

    Beside the experiment, which counts neither what comes in nor what leaves, and beside their prediction stand the HE
    steps alone; secret over public and TenSEAL's are all that the server does. The predicted pass stands beside the
    median one between processes, the client's part included.
    """
    he, whole = row["cpu_s"]["he"], row["cpu_s"]["all"]
    others = {
        "public_over_experiment": (he["public"], row["cpu_s"]["experiment"]),
        "secret_over_public": (whole["secret"], whole["public"]),
        "tenseal_over_public": (row["tenseal"].get("server_s"), whole["public"]),
        "tenseal_over_secret": (row["tenseal"].get("server_s"), whole["secret"]),
        **{f"{kind}_over_predicted": (he[kind], row[kind]["predicted_he_s"]) for kind in POLICIES},
        **{f"{kind}_pass_over_predicted": (row[kind]["pass_s"], row[kind]["predicted_pass_s"]) for kind in POLICIES},
    }
    return {name: a / b for name, (a, b) in others.items() if a is not None and b}


def _shown(name: str, kind: str, r: dict[str, Any]) -> str:
    if "failed" in r:
        return f"{name:8} {kind:7} FAILED: {r['failed']}"
    bits = "+".join(map(str, r["prime_bits"]))
    return (
        f"{name:8} {kind:7} N={r['degree']} {bits}  server {1e3 * r['server_s']:.1f} ms "
        f"(HE {1e3 * r['he_s']:.1f}, median {1e3 * r['he_median_s']:.1f}, {r['seal_share']:.0%} in SEAL, "
        f"predicted {1e3 * r['predicted_he_s']:.1f})  "
        f"client {1e3 * r['client_s']:.1f} ms  set-up {r['setup_server_s']:.2f} s  "
        f"keys {r['keys_bytes'] / 1e6:.2f} MB ({r['galois_keys']})  "
        f"up {r['up_bytes'] / 1e6:.2f} down {r['down_bytes'] / 1e6:.2f} MB  RSS {r['server_peak_bytes'] / 1e6:.0f} MB  "
        f"error {r['max_err']:.1e} of {r['largest_output']:.3g} over {r['samples']}"
    )


def said(values: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items() if k != "prices")

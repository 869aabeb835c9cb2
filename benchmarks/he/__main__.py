"""HE on small networks: `make bench-he`, or `python -m benchmarks.he [network ...]`, with PPC_CORPUS set.

Writes build/bench/he.json: for each network, with secret and with public weights, times and sizes of separate
processes, the primitives of a pass by level, the share of the server's time inside SEAL, and what the table of prices
predicts; beside it, in the same run, TenSEAL's own interface and, with PPC_PROTOTYPES set, the experiment. Ratios are
those of one run on one machine; how busy it was is in the file.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

# before numpy is loaded, and inherited by the parties: one core each
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PPC_THREADS": "1"}

from benchmarks.he import parties, primitives, prototype, tenseal_api
from benchmarks.he.workloads import PARTS, POLICIES, WHOLE, Workload, present
from ppc.compiler.measure.machine import fingerprint
from ppc.compiler.price_table import choose
from ppc.ir.diagnostic import UserError
from ppc.runtime.errors import PartyError

OUT = Path("build/bench")


def main() -> int:
    """1 where a network that HE can run did not run; 2 without a corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="only these")
    parser.add_argument("--samples", type=int, default=256, help="samples of the error, at most")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for the samples of one network and policy")
    parser.add_argument("--tenseal-seconds", type=float, default=60.0, help="skip TenSEAL's interface beyond this")
    asked = parser.parse_args()
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder: nothing was measured", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    whole, absent = present(Path(corpus), WHOLE, asked.networks)
    parts, more = present(Path(corpus), PARTS, asked.networks)
    for name in (*absent, *more):
        print(f"SKIPPED {name}: the corpus does not have it", file=sys.stderr)
    rows = [network(model, asked.samples, asked.seconds, asked.tenseal_seconds) for model in whole]
    rows += [linear_parts(model) for model in parts]
    load = os.getloadavg()
    found = {"machine": fingerprint(), "load_average": load, "networks": rows}
    (OUT / "he.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"wrote {OUT / 'he.json'} (load average {load[0]:.1f}: times of a busy machine are upper bounds)")
    return int(any("failed" in row.get(kind, {}) for row in rows for kind in POLICIES))


def network(model: Path, samples: int, seconds: float, api_seconds: float) -> dict[str, Any]:
    """One network, every way."""
    workload = Workload.of(model)
    row: dict[str, Any] = {"network": workload.name}
    for kind, policy in POLICIES.items():
        row[kind] = one_policy(workload, policy, samples, seconds)
        print(shown(workload.name, kind, row[kind]), flush=True)
    row["tenseal"] = tenseal_api.measure(model, workload.x[0], api_seconds)
    row["prototype_s"] = prototype.measure(workload.name)
    row["ratios"] = ratios(row)
    print(f"{workload.name:8} ratios of the server's time: {said(row['ratios']) or 'none'}", flush=True)
    return row


def one_policy(workload: Workload, policy: Path | None, samples: int, seconds: float) -> dict[str, Any]:
    """One network under one policy; what goes wrong is part of the row."""
    try:
        made = parties.compiled(workload, policy, OUT, ("he", "client"))
        found = {**parties.parameters(made), **parties.measure(workload, made, OUT, samples, seconds)}
        shape = made.manifest["model"]["inputs"][0]["shape"]
        sample = workload.x[:1].astype("float32").reshape(shape)
        return found | primitives.profile(OUT / f"{workload.name}.py", sample, choose())
    except (UserError, PartyError) as e:
        return {"failed": str(e).splitlines()[0]}


def linear_parts(model: Path) -> dict[str, Any]:
    """How many rotations and products the linear layers of a larger network take, others under MPC."""
    workload = Workload.of(model)
    row: dict[str, Any] = {"network": workload.name}
    policy = OUT / "linear_in_he.ppc"
    policy.write_text(LINEAR_IN_HE, encoding="utf-8")
    try:
        made = parties.compiled(workload, policy, OUT, ("he", "mpc", "client"))
    except UserError as e:
        row["linear"] = {"failed": str(e).splitlines()[0]}
    else:
        row["linear"] = {**parties.parameters(made), "counts": primitives.linear_counts(made.manifest)}
    print(f"{workload.name}: {said(row['linear'])}", flush=True)
    return row


def ratios(row: dict[str, Any]) -> dict[str, float]:
    """Server seconds of the others over ours with secret weights, and of secret over public.

    Secret over public and TenSEAL's are CPU times of a pass, all that the server does. The experiment counts neither
    what comes in nor what leaves: beside it stand the HE steps alone, both as the median of the passes.
    """
    ours, public = (row[kind].get("server_cpu_s") for kind in ("secret", "public"))
    ours_he, public_he = (row[kind].get("he_median_s") for kind in ("secret", "public"))
    others = {
        "secret_over_public": (ours, public),
        "tenseal_over_secret": (row["tenseal"].get("server_s"), ours),
        "secret_over_prototype": (ours_he, row["prototype_s"]),
        "public_over_prototype": (public_he, row["prototype_s"]),
        "measured_over_predicted": (row["secret"].get("measured_he_s"), row["secret"].get("predicted_he_s")),
    }
    return {name: a / b for name, (a, b) in others.items() if a is not None and b}


def shown(name: str, kind: str, r: dict[str, Any]) -> str:
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


LINEAR_IN_HE = """party client, server, dealer
input  *  secret of client
weight *  secret of server
output *  reveal to client because "the client asked for its own prediction"
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
allow he, mpc, client
place operator Conv, Gemm in he
"""

if __name__ == "__main__":
    raise SystemExit(main())

"""The plan that ppc chooses beside the others that the policy allows: every single domain, and hybrids picked by hand.

    python -m benchmarks.choices [--only PART ...] [--network lan wan] [--enclave with] [--passes 9] [--repeat 2]

Each model under two policies, without and with a simulated enclave, on loopback and on an emulated WAN (100 Mbit/s,
40 ms). A plan's time is the median pass of all its runs; the runs of one table are taken in turns, so that all plans
meet the same machine. A plan that is another's text is not measured twice. The last line counts the tables in which
nothing is faster than the chosen plan by more than 5 %.
"""

import argparse
import json
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.network import emulated
from benchmarks.predicted import MODELS, TIMEOUT, samples
from ppc.compiler.artefacts import Compiled
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.measure.ahead import dealt, run_dealt
from ppc.compiler.price_table import choose
from ppc.compiler.report.terminal import seconds
from ppc.ir.diagnostic import UserError
from ppc.ir.policy import DEFAULT, parse_policy, print_policy
from ppc.ir.target import WAN
from ppc.runtime.plan import Plan

#: What a plan may be slower than the fastest one and count as chosen well.
CLOSE = 0.05
ALL = ("he", "mpc", "tee", "client", "server")
#: By name: the domains, and what is added to the policy.
Choice = tuple[tuple[str, ...], tuple[str, ...]]


def _alone(domain: str) -> Choice:
    return (domain, "client"), ()


def _split(first: str, rest: str, *places: str, others: str = "") -> Choice:
    """`places` in one domain, `others` in another one, and what is left where it is cheaper of the two."""
    lines = (*(f"place {place} in {first}" for place in places), *([f"place {others} in {rest}"] if others else []))
    return (first, rest, "client"), lines


_CONV, _GEMM, _RELU = "operator Conv", "operator Gemm", "operator Relu, MaxPool"
_FFN = ('node "node_MatMul_49"', 'node "node_MatMul_58"')
_CURVED = "operator Softmax, LayerNormalization, Gelu"
#: By model and policy: the hybrids beside the free choice and the single domains.
HYBRIDS: dict[str, dict[bool, dict[str, Choice]]] = {
    "lenet5_relu_maxpool_mnist": {
        False: {
            "Conv in HE, rest MPC": _split("he", "mpc", _CONV),
            "Gemm in HE, rest MPC": _split("he", "mpc", _GEMM),
            "Conv, Gemm in HE, rest MPC": _split("he", "mpc", _CONV, _GEMM),
        },
        True: {
            "Conv in HE, rest TEE": _split("he", "tee", _CONV, others=_RELU),
            "Conv, Gemm in MPC, rest TEE": _split("mpc", "tee", _CONV, _GEMM, others=_RELU),
            "Conv, Gemm in TEE, rest MPC": _split("tee", "mpc", _CONV, _GEMM, others=_RELU),
        },
    },
    "transformer_sms": {
        False: {
            "last Gemm in HE, rest MPC": _split("he", "mpc", _GEMM),
            "feed-forward in HE, rest MPC": _split("he", "mpc", *_FFN),
            "feed-forward, Gemm in HE, rest MPC": _split("he", "mpc", *_FFN, _GEMM),
        },
        True: {
            "last Gemm in HE, rest TEE": _split("he", "tee", _GEMM, others=_CURVED),
            "non-linear in TEE, rest MPC": _split("tee", "mpc", _CURVED, others="operator MatMul, Gemm"),
            "feed-forward in TEE, rest MPC": _split("tee", "mpc", *_FFN, others=_CURVED),
        },
    },
}


@dataclass
class Row:
    """One plan. `why` it is not legal, where it is not; `same` as which plan before it."""

    name: str
    predicted: float = 0.0
    passes: list[float] = field(default_factory=list)
    why: str = ""
    same: str = ""

    @property
    def measured(self) -> float:
        return median(self.passes)


def choices(model: str, enclave: bool) -> dict[str, Choice]:
    domains = [d for d in ("he", "mpc", "tee") if enclave or d != "tee"]
    free = (tuple(d for d in ALL if enclave or d != "tee"), ())
    return {"chosen": free, **{f"{d.upper()} alone": _alone(d) for d in domains}, **HYBRIDS[model][enclave]}


def compiled(model: str, choice: Choice, enclave: bool, network: str) -> Compiled:
    targets, lines = choice
    text = "\n".join([print_policy(DEFAULT), *(["allow simulated tee"] if enclave else []), *lines, ""])
    policy = parse_policy(text, "benchmark")
    return compile_model(Request(MODELS / f"{model}.onnx", policy, targets, network=network, table=choose()))


def table(model: str, enclave: bool, network: str, passes: int, repeat: int, folder: Path) -> list[Row]:
    """All plans of one policy on one network, measured in turns."""
    rows: dict[str, Row] = {}
    plans: dict[str, Path] = {}
    texts: dict[str, str] = {}
    for number, (name, choice) in enumerate(choices(model, enclave).items()):
        row = rows[name] = Row(name)
        try:
            made = compiled(model, choice, enclave, network)
        except UserError as e:
            row.why = f"{e.diagnostics[0].code}: {e.diagnostics[0].message}"
            continue
        row.predicted, row.same = made.report["predicted"]["seconds"], texts.get(_steps(made), "")
        if not row.same:
            texts[_steps(made)] = name
            plans[name] = made.save(folder / f"plan{number}.py")
    for _ in range(repeat):
        for name, path in plans.items():
            feed = samples(MODELS / f"{model}.onnx", Plan.load(path)[0].manifest["model"]["inputs"], passes)
            with emulated(WAN) if network == "wan" else nullcontext() as net:
                link = net.link if net is not None else None
                dealt(path, passes, TIMEOUT)
                report = run_dealt(path, feed, TIMEOUT, link).report
            rows[name].passes += report["seconds"]["online_passes"]["client"][1:]  # the first one loads and warms up
    for row in rows.values():
        if row.same:
            row.passes = rows[row.same].passes
    return list(rows.values())


def _steps(made: Compiled) -> str:
    """What a plan does, without what it is called."""
    return json.dumps(made.manifest["steps"], sort_keys=True)


def show(rows: list[Row]) -> bool:
    """Print a table; whether the chosen plan, the first, was chosen well."""
    chosen = rows[0].measured
    for row in rows:
        if row.why:
            print(f"  {row.name:<36} not legal: {row.why[:90]}")
            continue
        note = f"   the plan of '{row.same}'" if row.same else ""
        times = f"{seconds(row.predicted):>10} {seconds(row.measured):>10} {row.measured / chosen:>7.2f}"
        print(f"  {row.name:<36} {times}{note}")
    return all(row.measured * (1 + CLOSE) >= chosen for row in rows if not row.why)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="*", default=[], help="models whose name contains one of these")
    parser.add_argument("--network", nargs="*", default=["lan", "wan"], choices=["lan", "wan"])
    parser.add_argument("--enclave", nargs="*", default=["without", "with"], choices=["without", "with"])
    parser.add_argument("--passes", type=int, default=9)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    well = 0
    for model in HYBRIDS:
        if options.only and not any(part in model for part in options.only):
            continue
        for network in options.network:
            for enclave in (word == "with" for word in options.enclave):
                with tempfile.TemporaryDirectory() as folder:
                    rows = table(model, enclave, network, options.passes, options.repeat, Path(folder))
                trusted = "with a simulated enclave" if enclave else "without an enclave"
                print(f"{model}, {network}, {trusted}")
                print(f"  {'plan':<36} {'predicted':>10} {'measured':>10} {'/chosen':>7}")
                good = show(rows)
                well += good
                print(f"  {'chosen well' if good else 'ANOTHER PLAN IS FASTER'}\n", flush=True)
                found.append({"model": model, "network": network, "enclave": enclave, "rows": [*map(asdict, rows)]})
    print(f"{well} of {len(found)} tables: the chosen plan is the fastest legal one, or within {CLOSE:.0%} of it")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

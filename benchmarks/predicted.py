"""Predicted beside measured time of whole plans, on loopback and on an emulated WAN (100 Mbit/s, 40 ms).

    [PPC_CORPUS=...] python -m benchmarks.predicted [--only NAME ...] [--passes 9] [--repeat 2] [--json FILE]

Predictions are for one thread and a machine a party: the computing parties have a core each, and the dealer has dealt
before.

A row a plan and network: online seconds of a pass as the plan predicts them and as they were (the best of so many
runs), traffic and rounds of a pass likewise. The last line says how many plans are within 25 %. Networks w1 to w4 are
in the corpus and left out without it.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.network import emulated
from ppc.compiler.artefacts import Compiled
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.measure.ahead import dealt, run_dealt
from ppc.compiler.price_table import choose
from ppc.compiler.report.compare import beside
from ppc.compiler.report.terminal import seconds, size
from ppc.ir.target import WAN
from ppc.runtime.data import load_inputs
from ppc.runtime.errors import PartyError
from ppc.runtime.plan import Plan

ROOT = Path(__file__).parents[1]
MODELS, POLICIES = ROOT / "examples" / "models", ROOT / "examples" / "policies"
CLOSE = 0.25  # a prediction that is this close is a good one
TIMEOUT = 300.0
#: What a plan is compiled for. The LAN is loopback here, which adds nothing to what the price table has of messages.
NETWORKS = {"lan": "network lan bandwidth 100 Gbps rtt 0.001 ms", "wan": "wan"}


@dataclass(frozen=True)
class Case:
    """A plan to be made."""

    name: str
    model: Path
    policy: Path | None


@dataclass(frozen=True)
class Row:
    """Of one pass."""

    name: str
    network: str
    predicted: float
    measured: float
    predicted_bytes: float
    measured_bytes: float
    predicted_rounds: float
    measured_rounds: float

    @property
    def ratio(self) -> float:
        return self.measured / self.predicted

    @property
    def close(self) -> bool:
        return abs(self.ratio - 1) <= CLOSE


def cases(corpus: Path | None) -> Iterator[Case]:
    public, mpc = POLICIES / "he_public_weights.ppc", POLICIES / "mpc.ppc"
    lenet = MODELS / "lenet5_relu_maxpool_mnist.onnx"
    yield Case("cryptonets, HE", MODELS / "cryptonets_mnist.onnx", public)
    for name in ("w1", "w2_sq", "w3", "w4_sq"):
        if corpus is not None and (path := corpus / "models-bench" / f"{name}.onnx").exists():
            yield Case(f"{name}, HE", path, public)
    yield Case("lenet5, MPC", lenet, mpc)
    yield Case("lenet5, HE and MPC", lenet, POLICIES / "he_mpc.ppc")
    yield Case("transformer_sms, MPC", MODELS / "transformer_sms.onnx", None)
    yield Case("logreg, MPC", MODELS / "logreg_heart.onnx", None)
    yield Case("mlp, MPC", MODELS / "mlp_relu_breast_cancer.onnx", None)


def measure(case: Case, network: str, passes: int, repeat: int, folder: Path) -> Row:
    compiled = compile_model(Request(case.model, case.policy, network=NETWORKS[network], table=choose()))
    path = compiled.save(folder / "plan.py")
    feed = samples(case.model, Plan.load(path)[0].manifest["model"]["inputs"], passes)
    with emulated(WAN) if network == "wan" else nullcontext() as net:
        link = net.link if net is not None else None
        dealt(path, passes * repeat, TIMEOUT)
        runs = [run_dealt(path, feed, TIMEOUT, link).report for _ in range(repeat)]
    return row(case.name, network, compiled, min(runs, key=lambda r: r["seconds"]["online"]), passes)


def row(name: str, network: str, compiled: Compiled, report: dict[str, Any], passes: int) -> Row:
    predicted = compiled.report["predicted"]
    segments = list(beside(compiled.report, report["steps"], passes))
    return Row(
        name,
        network,
        predicted["seconds"],
        median(report["seconds"]["online_passes"]["client"]),  # the first one also loads and warms up
        predicted["bytes"],
        sum(s.measured.bytes for s in segments) / passes,
        predicted["rounds"],
        sum(s.measured.rounds for s in segments) / passes,
    )


def samples(model: Path, inputs: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """The first stored samples, again from the first where there are fewer."""
    stored = np.load(model.with_suffix(".npz"))
    if len(inputs) == 1 and inputs[0]["name"] not in stored.files:
        array = stored["x"]
        return {inputs[0]["name"]: array[np.arange(count) % len(array)]}
    feed, n = load_inputs(model.with_suffix(".npz"), inputs)
    return {name: array[np.arange(count) % n] for name, array in feed.items()}


def show(r: Row) -> str:
    times = f"{seconds(r.predicted):>10} {seconds(r.measured):>10} {r.ratio:>6.2f}{' ' if r.close else '!'}"
    sent = f"{size(r.predicted_bytes):>10} {size(r.measured_bytes):>10}"
    return f"{r.name:<22} {r.network:<4} {times} {sent} {r.predicted_rounds:>7.0f} {r.measured_rounds:>7.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose name contains one of these")
    parser.add_argument("--network", nargs="*", default=["lan", "wan"], choices=["lan", "wan"])
    parser.add_argument("--passes", type=int, default=9)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    corpus = os.environ.get("PPC_CORPUS")
    print(f"{'plan':<22} {'net':<4} {'predicted':>10} {'measured':>10} {'ratio':>7} {'bytes':>10} {'measured':>10}"
          f" {'rounds':>7} {'measured':>7}")  # fmt: skip
    rows: list[Row] = []
    for case in cases(Path(corpus) if corpus else None):
        if options.only and not any(part in case.name for part in options.only):
            continue
        for network in options.network:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    rows.append(measure(case, network, options.passes, options.repeat, Path(folder)))
                except PartyError as e:
                    print(f"{case.name:<22} {network:<4} failed: {e}", file=sys.stderr)
                    continue
            print(show(rows[-1]), flush=True)
    print(f"{sum(r.close for r in rows)} of {len(rows)} within {CLOSE:.0%}")
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

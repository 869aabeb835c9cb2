"""One case, by ppc and by CrypTen: what a pass costs, all as plain numbers."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ppc
from benchmarks.mpc.cases import Case
from benchmarks.mpc.crypten_graph import INPUT_OF
from benchmarks.mpc.crypten_party import THIRD
from benchmarks.mpc.gloo_store import meeting_place
from benchmarks.network import Emulated, emulated
from ppc.compiler.measure.ahead import dealt, run_dealt
from ppc.compiler.measure.cores import core_of
from ppc.compiler.runner import compare_with, reference
from ppc.ir.target import WAN
from ppc.runtime.data import fit
from ppc.runtime.launch import launch
from ppc.runtime.net.address import Address
from ppc.runtime.secure import SecureRun

POLICY = Path(__file__).with_name("mpc_only.ppc")
TIMEOUT = 600.0
#: Passes on the slow network, at most.
WAN_PASSES = 2


@dataclass(frozen=True)
class Cost:
    """Of one pass, but for `setup`. Seconds; bytes of both directions together."""

    setup: float
    offline: float
    online: float
    rounds: float
    online_bytes: float
    dealer_bytes: float
    max_err: float
    steps: Sequence[Mapping[str, Any]] = ()  # of ppc: the meter's rows, over all passes of the run

    @property
    def bound(self) -> float:
        """The least that a pass takes on the slow network: its messages one after the other, both directions full."""
        return self.rounds * WAN.rtt / 2 + 8 * (self.online_bytes / 2) / WAN.bandwidth

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "wan_bound": self.bound}


def passes_of(case: Case, network: str) -> int:
    return case.passes if network == "lan" else min(case.passes, WAN_PASSES)


def ours(case: Case, network: str, objective: str, folder: Path, repeat: int) -> Cost:
    """Of so many runs the one with the pass that was fastest, at the client: from its input to its result. The dealer
    has dealt before, for all passes: offline is the mean, material being sealed and stored."""
    path, count = case.write(folder), passes_of(case, network)
    calibration = folder / "calibration.npz"
    np.savez(calibration, x=case.of_passes(1) if case.batch > 1 else case.samples[:64])
    made = ppc.compile(
        path,
        POLICY,
        targets=("mpc",),
        calibrate=calibration,
        network=network,
        objective=objective,
        batch=case.batch,
    )
    plan = made.save(folder / "plan.py")
    inputs = made.manifest["model"]["inputs"]
    feed, samples = fit({inputs[0]["name"]: case.of_passes(count)}, inputs)
    before = dealt(plan, count * repeat, TIMEOUT)
    runs = []
    for _ in range(repeat):
        with _network(network) as net:
            runs.append(run_dealt(plan, feed, TIMEOUT, net.link if net else None))
    best = min(runs, key=_fastest)
    took, steps = best.report["seconds"], best.report["steps"]
    return Cost(
        took["setup"],
        max(party["phases"]["offline"] for party in before.values()) / (count * repeat),
        _fastest(best),
        best.report["rounds"] / count,
        sum(step["bytes_sent"] for step in steps) / count,
        before["dealer"]["bytes_sent"] / (count * repeat),
        compare_with(path, feed, samples, best.outputs)["max_abs_err"],
        steps,
    )


def crypten(case: Case, network: str, provider: str, folder: Path) -> Cost:
    """CrypTen as it comes, under one of its providers; of the passes the fastest. It makes its triples as it runs: no
    offline part, and its third party's answers are bytes that CrypTen does not count."""
    path, x = case.write(folder), case.of_passes(1)
    np.save(folder / "x.npy", x)
    ranks = (0, 1, THIRD) if provider == "TTP" else (0, 1)
    with _network(network) as net, meeting_place(net.link if net else _direct) as port:

        def command(party: str) -> list[str]:
            arguments = [party, provider, str(port), str(folder), str(passes_of(case, network))]
            return [sys.executable, "-m", "benchmarks.mpc.crypten_party", *arguments]

        outcomes = launch(command, map(str, ranks), TIMEOUT, core_of=core_of)
    found = [outcomes[str(rank)].results for rank in (0, 1)]
    return Cost(
        max(f["setup"] for f in found),
        0.0,
        min(found[INPUT_OF]["passes"]),
        found[0]["rounds"],
        sum(f["bytes"] for f in found) / 2,
        0.0,
        _error(path, x, np.load(folder / "y.npy")),
    )


def _fastest(run: SecureRun) -> float:
    return float(min(run.report["seconds"]["online_passes"]["client"]))


def _error(model: Path, x: NDArray[np.float32], got: NDArray[np.float64]) -> float:
    import onnxruntime as ort

    name = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    (expected,) = reference(model, {name: x}, len(x)).values()
    return float(np.abs(got.reshape(expected.shape) - expected).max())


def _network(name: str) -> AbstractContextManager[Emulated | None]:
    return emulated(WAN) if name == "wan" else nullcontext()


def _direct(address: Address) -> Address:
    return address

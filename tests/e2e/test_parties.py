"""One party a machine: `python plan.py --party NAME`, started by hand, as in several terminals."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from three_way import MODELS, POLICIES

import ppc
from ppc.compiler.runner import reference
from ppc.runtime.data import load_inputs
from ppc.runtime.keys import make_keys
from ppc.runtime.launch import reserve_ports
from ppc.runtime.phases import pairs, roles
from ppc.runtime.plan import Plan
from ppc.runtime.tee.roots import write_roots

LENET = MODELS / "lenet5_relu_maxpool_mnist.onnx"
MLP = MODELS / "mlp_relu_breast_cancer.onnx"


class Deployment:
    """A plan's files and keys in a folder, and its parties as processes of their own."""

    def __init__(self, folder: Path, policy: str, batch: int, model: Path):
        self.folder, self.model = folder, model
        said = policy if "\n" in policy else POLICIES / f"{policy}.ppc"  # its text, or the name of an example
        self.plan = ppc.compile(model, said, batch=batch).save(folder / "plan.py")
        self.manifest = Plan.load(self.plan)[0].manifest
        self.parties = roles(self.manifest)
        make_keys(folder / "keys", self.parties)
        write_roots(folder / "keys", self.parties)
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, samples: int, timeout: float = 30.0) -> None:
        stored = np.load(self.model.with_suffix(".npz"))["x"]
        np.savez(self.folder / "x.npz", x=stored[np.arange(samples) % len(stored)])
        with reserve_ports(self.parties) as addresses:
            where = {p: f"{host}:{port}" for p, (host, port) in addresses.items()}
        for party in self.parties:
            peers = {q for pair in pairs(self.manifest) if party in pair for q in pair} - {party}
            line = [sys.executable, str(self.plan), "--party", party, "--listen", where[party]]
            line += ["--keys", str(self.folder / "keys"), "--timeout", str(timeout)]
            line += [part for q in sorted(peers) for part in ("--connect", f"{q}={where[q]}")]
            if party == "client":
                line += ["--data", str(self.folder / "x.npz"), "-o", str(self.folder / "y.npz")]
            if party == "server":
                line += ["-o", str(self.folder / "server.npz")]
            self.processes[party] = subprocess.Popen(
                line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder
            )

    def end(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[type[Deployment]]:
    made: list[Deployment] = []

    def make(policy: str, batch: int = 1, model: Path = LENET) -> Deployment:
        made.append(Deployment(tmp_path, policy, batch, model))
        return made[-1]

    yield make  # type: ignore[misc]
    for one in made:
        one.end()


def test_parties_started_by_hand(deployed) -> None:  # type: ignore[no-untyped-def]
    """All four parties, each its own process with its own keys; the result is the model's."""
    there = deployed("he_mpc_tee", batch=2)
    there.start(samples=2)
    ids = {p.pid for p in there.processes.values()} | {os.getpid()}
    assert len(ids) == 5
    for party, process in there.processes.items():
        _, errors = process.communicate(timeout=90)
        assert process.returncode == 0, f"{party}: {errors}"
    feed, _ = load_inputs(there.folder / "x.npz", there.manifest["model"]["inputs"])
    want = reference(LENET, feed, 2)["output"]
    assert np.abs(np.load(there.folder / "y.npz")["output"] - want).max() < 0.05
    assert not (there.folder / "server.npz").exists(), "it learns nothing"


def test_an_output_for_both_parties(deployed) -> None:  # type: ignore[no-untyped-def]
    text = (POLICIES / "mpc.ppc").read_text().replace("reveal to client", "reveal to client, server")
    there = deployed(text, batch=2)
    there.start(samples=2)
    for party, process in there.processes.items():
        _, errors = process.communicate(timeout=90)
        assert process.returncode == 0, f"{party}: {errors}"
    client, server = (np.load(there.folder / name)["output"] for name in ("y.npz", "server.npz"))
    assert client.shape == (2, 10) and np.array_equal(client, server)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("victim", "phase", "how"),
    [
        ("dealer", "offline", "SIGKILL"),
        pytest.param("dealer", "offline", "SIGSTOP", marks=slow),
        pytest.param("server", "offline", "SIGKILL", marks=slow),
        ("server", "offline", "SIGSTOP"),
        pytest.param("client", "offline", "SIGKILL", marks=slow),
        # a client that hangs while the dealer deals is noticed when the next one needs it: after the dealing
        pytest.param("server", "online", "SIGKILL", marks=slow),
        pytest.param("server", "online", "SIGSTOP", marks=slow),
        ("client", "online", "SIGKILL"),
        pytest.param("client", "online", "SIGSTOP", marks=slow),
    ],
)
def test_a_party_that_dies_or_hangs(deployed, victim: str, phase: str, how: str) -> None:  # type: ignore[no-untyped-def]
    """Every other one ends soon after the timeout, with one error that names it; the input is still there.

    The timeout is one that a party on a busy machine keeps. The dealer's part is over when the passes begin.
    """
    there = deployed("mpc", model=LENET if phase == "offline" else MLP)
    there.start(samples=2000, timeout=12.0)
    if phase == "offline":
        _wait_for_work(there, "dealer")
    else:
        there.processes["dealer"].communicate(timeout=120)
    there.processes[victim].send_signal(signal.Signals[how])
    code = "PPC6001" if how == "SIGKILL" else "PPC6002"
    for party in set(there.parties) - {victim} - ({"dealer"} if phase == "online" else set()):
        _, errors = there.processes[party].communicate(timeout=60)
        assert there.processes[party].returncode == 1, party
        assert errors.count("error[PPC") == 1, errors
        assert code in errors and victim in errors, errors
    assert not (there.folder / "y.npz").exists()
    assert (there.folder / "x.npz").exists()


def _wait_for_work(there: Deployment, party: str, cpu_seconds: float = 1.5) -> None:
    """Wait until it has computed for a while."""
    ticks = os.sysconf("SC_CLK_TCK")
    stat = Path(f"/proc/{there.processes[party].pid}/stat")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        fields = stat.read_text().rsplit(") ", 1)[1].split()
        if (int(fields[11]) + int(fields[12])) / ticks > cpu_seconds:
            return
        assert there.processes[party].poll() is None, there.processes[party].communicate()
        time.sleep(0.05)
    raise AssertionError(f"the {party} never got to work")


def test_another_plan_is_refused(deployed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A party with other files than its peers ends, and says which files to compare."""
    there = deployed("mpc", batch=1)
    other = tmp_path / "other"
    other.mkdir()
    changed = ppc.compile(LENET, POLICIES / "mpc.ppc", batch=2).save(other / "plan.py")
    there.start(samples=1, timeout=8.0)
    client = there.processes["client"]
    client.kill()
    client.communicate()
    line = [str(changed) if part == str(there.plan) else part for part in client.args]  # type: ignore[union-attr]
    result = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "error[PPC600" in result.stderr and "plan" in result.stderr

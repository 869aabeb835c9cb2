"""One party a machine: `python plan.py --party NAME`, started by hand, as in several terminals."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from deployment import LENET, MLP
from three_way import POLICIES

import ppc
from ppc.compiler.runner import reference
from ppc.runtime.data import load_inputs


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
    """Every other one ends soon after the timeout, with one error that names it; the input is still there. The dealer's
    part is over when the passes begin."""
    there = deployed("mpc", model=LENET if phase == "offline" else MLP)
    there.begin_passes(phase)
    there.lose(victim, how, set(there.parties) - {victim} - ({"dealer"} if phase == "online" else set()))
    assert not (there.folder / "y.npz").exists()
    assert (there.folder / "x.npz").exists()


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

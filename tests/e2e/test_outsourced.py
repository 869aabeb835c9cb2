"""Client and model owner share their secrets to two parties that own nothing: five processes, TLS between them."""

from pathlib import Path

import numpy as np
import pytest
from deployment import LENET, MLP
from three_way import MODELS, POLICIES, assert_three_ways

import ppc
from ppc.compiler.runner import reference
from ppc.runtime.data import load_inputs
from ppc.runtime.keys import load
from ppc.runtime.secure import deal_here, run_secure

OUTSOURCED = POLICIES / "outsourced.ppc"
PAIR = ("compute0", "compute1")


@pytest.mark.parametrize(
    ("model", "samples", "batch"), [("mlp_relu_breast_cancer", 20, 1), ("lenet5_relu_maxpool_mnist", 4, 2)]
)
def test_the_outputs_are_those_of_onnxruntime(model: str, samples: int, batch: int, tmp_path: Path) -> None:
    case = assert_three_ways(tmp_path, MODELS / f"{model}.onnx", OUTSOURCED, samples=samples, batch=batch, budget=0.02)
    assert {n["domain"] for n in case.compiled.report["nodes"]} == {"mpc"}
    assert case.report["seconds"]["parties"].keys() == {"client", "server", "dealer", *PAIR}
    sees = case.compiled.report["parties"]
    assert all(sees[party] == [] for party in (*PAIR, "dealer"))
    holds = {party: {row["what"] for row in rows} for party, rows in case.compiled.report["holds"].items()}
    assert holds == {party: {"shares", "masked copies"} for party in PAIR}
    assert case.compiled.report["soundness"][0]["altered_by"] == [*PAIR, "dealer"]


def test_a_run_on_stored_material_needs_neither_the_model_owner_nor_the_dealer(tmp_path: Path) -> None:
    plan = ppc.compile(MLP, OUTSOURCED).save(tmp_path / "plan.py")
    told = deal_here(plan, tmp_path / "material", 6)
    assert told.keys() == {"server", "dealer", *PAIR}
    (tmp_path / "plan.server.npz").unlink()  # its machine is off
    feed = {"input": np.load(MLP.with_suffix(".npz"))["x"][:3]}
    for _ in range(2):
        found = run_secure(plan, feed, material=tmp_path / "material")
        assert found.report["seconds"]["parties"].keys() == {"client", *PAIR}
        want = reference(MLP, feed, 3)
        assert all(np.abs(found.outputs[name] - want[name]).max() < 0.02 for name in want)


def test_parties_started_by_hand(deployed) -> None:  # type: ignore[no-untyped-def]
    """Every party has keys of its own; the model owner is done before the passes are."""
    there = deployed("outsourced", model=MLP)
    there.start(samples=400)
    assert {load(there.folder / "keys", party).party for party in PAIR} == set(PAIR)
    _, errors = there.processes["server"].communicate(timeout=90)
    assert there.processes["server"].returncode == 0, errors
    assert there.processes["client"].poll() is None, "the passes go on without the model owner"
    for party, process in there.processes.items():
        if party != "server":
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, f"{party}: {errors}"
    feed, _ = load_inputs(there.folder / "x.npz", there.manifest["model"]["inputs"])
    want = reference(MLP, feed, 400)
    got = np.load(there.folder / "y.npz")
    assert all(np.abs(got[name] - want[name]).max() < 0.02 for name in want)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("victim", "phase", "how"),
    [
        ("compute0", "online", "SIGKILL"),
        ("compute1", "online", "SIGSTOP"),
        ("compute1", "offline", "SIGKILL"),
        # one that hangs while nothing is sent to it (compute0 expands its material) is noticed when it is needed
        pytest.param("compute1", "offline", "SIGSTOP", marks=slow),
        pytest.param("compute1", "online", "SIGKILL", marks=slow),
        pytest.param("compute0", "online", "SIGSTOP", marks=slow),
        pytest.param("client", "online", "SIGKILL", marks=slow),
    ],
)
def test_a_party_that_dies_or_hangs(deployed, victim: str, phase: str, how: str) -> None:  # type: ignore[no-untyped-def]
    """Whoever still waits for something ends soon after the timeout, with one error that names the victim. The model
    owner's part is over once its weights are given, the dealer's when the passes begin."""
    there = deployed("outsourced", model=LENET if phase == "offline" else MLP)
    there.begin_passes(phase)
    gone = {victim, "server"} | ({"dealer"} if phase == "online" else set())
    there.lose(victim, how, set(there.parties) - gone)
    there.processes["server"].communicate(timeout=60)
    assert not (there.folder / "y.npz").exists()

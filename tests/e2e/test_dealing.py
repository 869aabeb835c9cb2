"""Material dealt ahead by processes, and runs that live off it without a dealer."""

from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from three_way import MODELS, POLICIES

import ppc
from ppc.compiler.runner import reference
from ppc.runtime.data import load_inputs
from ppc.runtime.errors import PartyError
from ppc.runtime.plan import Plan
from ppc.runtime.secure import deal_here, run_secure

MODEL = MODELS / "mlp_relu_breast_cancer.onnx"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return ppc.compile(MODEL, POLICIES / "mpc.ppc").save(tmp_path / "plan.py")


def test_runs_without_a_dealer_until_the_material_is_used_up(plan: Path, tmp_path: Path) -> None:
    material = tmp_path / "material"
    feed, _ = load_inputs(MODEL.with_suffix(".npz"), Plan.load(plan)[0].manifest["model"]["inputs"])
    feed = {name: array[:2] for name, array in feed.items()}
    want = reference(MODEL, feed, 2)
    dealt = deal_here(plan, material, 5)
    assert dealt["dealer"]["bytes_sent"] > dealt["server"]["bytes_sent"]
    for left in (3, 1):
        run = run_secure(plan, feed, material=material)
        for name, got in run.outputs.items():
            np.testing.assert_allclose(got, want[name].reshape(got.shape), atol=0.05)
        assert "dealer" not in run.report["bytes"]
        assert run.report["notes"]["server"]["material"].startswith(f"{left} passes are left")
    with pytest.raises(PartyError, match="1 passes are left") as caught:
        run_secure(plan, feed, material=material)
    assert caught.value.code == "PPC6009"
    assert not list(tmp_path.rglob("input.npz"))  # nobody's input is left beside the material

    dealing = Thread(target=deal_here, args=(plan, material, 2))
    dealing.start()  # what a run that waits is waiting for
    run = run_secure(plan, feed, material=material, when_empty="wait")
    dealing.join()
    assert len(run.outputs[next(iter(want))]) == 2


@pytest.mark.parametrize("policy", ["mpc", "outsourced"])
def test_keys_of_comparisons_lie_at_both_holders(policy: str, tmp_path: Path) -> None:
    """Over a slow network ReLU takes one round, and what is dealt for it goes to both."""
    plan = ppc.compile(MODEL, POLICIES / f"{policy}.ppc", network="wan").save(tmp_path / "plan.py")
    manifest = Plan.load(plan)[0].manifest
    assert [step["attrs"].get("tables") for step in manifest["steps"] if step["step"] == "mpc.Relu"] == ["dcf"] * 2
    feed, _ = load_inputs(MODEL.with_suffix(".npz"), manifest["model"]["inputs"])
    feed = {name: array[:2] for name, array in feed.items()}
    want = reference(MODEL, feed, 2)
    deal_here(plan, tmp_path / "material", 2)
    run = run_secure(plan, feed, material=tmp_path / "material")
    for name, got in run.outputs.items():
        np.testing.assert_allclose(got, want[name].reshape(got.shape), atol=0.05)


def test_material_of_another_plan_is_refused(plan: Path, tmp_path: Path) -> None:
    deal_here(plan, tmp_path / "material", 1)
    other = ppc.compile(MODEL, POLICIES / "mpc.ppc", batch=2).save(tmp_path / "other.py")
    inputs = Plan.load(other)[0].manifest["model"]["inputs"]
    feed, _ = load_inputs(MODEL.with_suffix(".npz"), inputs)
    with pytest.raises(PartyError, match="another plan") as caught:
        run_secure(other, {name: array[:2] for name, array in feed.items()}, material=tmp_path / "material")
    assert caught.value.code == "PPC6015"


def test_there_is_nothing_to_deal_for_a_plan_without_mpc(tmp_path: Path) -> None:
    plan = ppc.compile(MODELS / "logreg_heart.onnx", POLICIES / "he_public_weights.ppc").save(tmp_path / "plan.py")
    with pytest.raises(PartyError, match="nothing to deal"):
        deal_here(plan, tmp_path / "material", 1)
    assert not (tmp_path / "material").exists()

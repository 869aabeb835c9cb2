"""Large networks are placed to the optimum, proven, with a figure for every domain that may run a node."""

from pathlib import Path

import onnx
import pytest

import ppc
from ppc.ir.policy import DEFAULT, print_policy

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
POLICY = print_policy(DEFAULT) + "\nallow simulated tee\n"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "nodes"), [("light_resnet50", 120), ("light_densenet121", 420)])
def test_the_gap_is_zero(model: str, nodes: int) -> None:
    report = ppc.compile(LIGHT / f"{model}.onnx", POLICY).report
    assert len(report["nodes"]) > nodes
    assert report["optimality"]["gap"] < 1e-12 and report["optimality"]["method"] == "elimination"
    reasons = [why for node in report["nodes"] for why in node["why_not"].values()]
    assert any(why.startswith("dearer by ") for why in reasons)
    assert not any("not computed" in why for why in reasons)


@pytest.mark.slow
def test_a_limit_that_binds_is_kept_with_a_proof() -> None:
    report = ppc.compile(LIGHT / "light_resnet50.onnx", POLICY + "limit memory <= 60 MB\n").report
    assert report["optimality"]["method"] == "flow MILP" and report["optimality"]["gap"] < 1e-6
    assert report["counts"]["mpc"] > 0 < report["counts"]["tee"]

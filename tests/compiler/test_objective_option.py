"""What a plan is best in, from the request to the report."""

import re
from pathlib import Path

import pytest

import ppc
from ppc.compiler.report.reasons import amount, short
from ppc.compiler.verify import verify_plan
from ppc.ir.diagnostic import UserError

MODELS = Path(__file__).parents[2] / "examples" / "models"
MLP = MODELS / "mlp_relu_breast_cancer.onnx"
POLICY = """input * secret of client
weight * secret of server
output * reveal to client because "it asked"
trust dealer non_colluding
network wan
"""


def test_the_option_goes_before_the_policy() -> None:
    said = ppc.compile(MLP, POLICY + "objective total money 1\n").report["optimality"]
    asked = ppc.compile(MLP, POLICY + "objective total money 1\n", objective="traffic").report["optimality"]
    assert (said["objective"], said["unit"]) == ("total money", "$")
    assert (asked["objective"], asked["unit"]) == ("traffic", "B")
    assert said["gap"] < 1e-9 and asked["gap"] < 1e-9


def test_less_traffic_or_less_time() -> None:
    fast, small = (ppc.compile(MLP, POLICY, objective=o).report for o in ("latency", "traffic"))
    assert fast["predicted"]["seconds"] <= small["predicted"]["seconds"]
    assert fast["predicted"]["bytes"] >= small["predicted"]["bytes"]


def test_verify_compiles_for_the_same_objective(tmp_path: Path) -> None:
    plan = ppc.compile(MLP, POLICY, objective="latency=1,money=20").save(tmp_path / "plan.py")
    said = verify_plan(plan, model=MLP, calibrate=None, calibration=None, weights=True)
    assert "same bytes" in said[-1]


@pytest.mark.parametrize("text", ["speed", "latency=fast", ""])
def test_what_is_no_objective(text: str) -> None:
    with pytest.raises(UserError, match="PPC5011"):
        ppc.compile(MLP, POLICY, objective=text)


def test_every_node_has_a_figure_for_every_domain_that_may_run_it() -> None:
    nodes = ppc.compile(MLP, POLICY).report["nodes"]
    dearer = [why for n in nodes for d, why in n["why_not"].items() if d == "he" and "dearer" in why]
    assert dearer and all(re.fullmatch(r"dearer by [0-9.e+]+ (ms|s)", why) for why in dearer)


def test_with_limits_a_figure_is_a_lower_bound() -> None:
    nodes = ppc.compile(MLP, POLICY + "limit traffic <= 1 GB\n").report["nodes"]
    found = [why for n in nodes for why in n["why_not"].values() if "dearer" in why]
    assert found and all(why.startswith("dearer by at least ") for why in found)
    assert short(found[0]).endswith(" or more")


def test_amounts() -> None:
    assert [amount(0.0021, "s"), amount(12.0, "s"), amount(2100, "B"), amount(3e9, "B"), amount(0.5, "$")] == [
        "2.1 ms", "12 s", "2.1 kB", "3 GB", "0.5 $",
    ]  # fmt: skip
    assert amount(0.25, "") == "0.25"

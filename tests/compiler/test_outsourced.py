"""What the compiler says of a plan whose shares two parties hold that own nothing."""

import json
from pathlib import Path

import pytest
from three_way import MODELS, POLICIES

import ppc
from ppc.compiler.artefacts import Compiled
from ppc.compiler.codegen import manifest as plan_json
from ppc.compiler.driver import Request, read_model
from ppc.compiler.recheck import judge
from ppc.compiler.verify import verify_plan
from ppc.ir.diagnostic import UserError
from ppc.ir.policy import parse_policy

MLP = MODELS / "mlp_relu_breast_cancer.onnx"
POLICY = (POLICIES / "outsourced.ppc").read_text()


def compiled(policy: str) -> Compiled:
    return ppc.compile(MLP, policy)


def test_the_plan_names_the_holders_of_shares() -> None:
    made = compiled(POLICY)
    assert made.manifest["mpc"]["parties"] == ["compute0", "compute1"]
    assert "# ---- compute0 and compute1, on shares (MPC)" in made.plan
    assert all(f"  {party}: nothing" in made.plan for party in ("compute0", "compute1", "dealer"))
    trusted = "\n".join(made.report["trust"])
    assert all(f"{party} follows the plan and colludes with neither" in trusted for party in ("compute0", "compute1"))
    assert [d.code for d in made.diagnostics if d.severity != "warning"] == []


def test_who_computes_pays_for_the_weights_that_neither_knows() -> None:
    """Both ways what went one way, and one share more in a reveal."""
    usual, other = compiled((POLICIES / "mpc.ppc").read_text()), compiled(POLICY)
    assert [s["step"] for s in usual.manifest["steps"]] == [s["step"] for s in other.manifest["steps"]]
    assert other.report["predicted"]["bytes"] > usual.report["predicted"]["bytes"]
    assert other.report["predicted"]["seconds"] > usual.report["predicted"]["seconds"]


def test_the_report_says_that_nothing_gets_from_he_to_their_shares() -> None:
    made = compiled(POLICY.replace("allow mpc, client", "allow mpc, he, client"))
    (note,) = [d for d in made.diagnostics if d.code == "PPC3007"]
    assert note.severity == "note" and "compute0 and compute1" in note.message
    assert {n["domain"] for n in made.report["nodes"]} == {"mpc"}
    pinned = POLICY.replace("allow mpc, client", 'allow mpc, he\nplace node "node_relu" in mpc')
    reasons = {n["name"]: n["why_not"] for n in compiled(pinned).report["nodes"]}
    assert "no value gets from he to the shares of this deployment" in reasons["node_linear"]["he"]


def test_neighbours_under_he_and_on_their_shares_have_no_plan(tmp_path: Path) -> None:
    both = 'allow mpc, he\nplace node "node_linear" in he\nplace node "node_relu" in mpc'
    with pytest.raises(UserError) as caught:
        compiled(POLICY.replace("allow mpc, client", both))
    assert caught.value.diagnostics[0].code == "PPC3003"


def test_a_plan_that_gives_the_shares_to_others_is_found(tmp_path: Path) -> None:
    """In plan.json the holders of shares are one line; the policy says who they may be."""
    made = compiled(POLICY)
    plan = made.save(tmp_path / "plan.py")
    verify_plan(plan, model=MLP, calibrate=None, calibration=None, weights=True)
    resolved = parse_policy(POLICY).resolve(*reversed(read_model(Request(MLP))))
    for wrong in ({**made.manifest["mpc"], "parties": ["client", "server"]}, None):
        manifest = json.loads(plan_json.dump({**made.manifest, "mpc": wrong}))
        with pytest.raises(UserError) as caught:
            judge(manifest, {}, resolved)
        assert caught.value.diagnostics[0].code == "PPC2019"

"""`ppc compile --calibrate` measures accuracy, and the policy's `error` limit is judged by it."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ppc.compiler import stages
from ppc.compiler.accuracy import effort
from ppc.compiler.artefacts import Compiled
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.report.html import render_html
from ppc.compiler.report.terminal import render
from ppc.compiler.verify import verify_plan
from ppc.ir.diagnostic import UserError
from ppc.runtime.data import load_inputs
from ppc.runtime.plan import Plan
from ppc.runtime.session import run_local

EXAMPLES = Path(__file__).parents[3] / "examples"
MLP = EXAMPLES / "models" / "mlp_relu_breast_cancer.onnx"
DATA = MLP.with_suffix(".npz")
HE = 'output * reveal to client because "its own prediction"\nallow he, client\nerror <= 0.1\n'
MPC = (EXAMPLES / "policies" / "mpc.ppc").read_text()


def compiled(policy: str, **options: Any) -> Compiled:
    return compile_model(Request(MLP, policy, calibrate=DATA, **options))


def test_the_whole_plan_and_every_node(tmp_path: Path) -> None:
    made = compiled(HE, labels="y")
    assert not made.diagnostics, "the limit was measured, and is kept"
    found = made.report["accuracy"]
    assert found["samples"] == found["node_samples"] == 64 and found["left_out"] == [] and found["limit"] == 0.1
    plan = made.save(tmp_path / "plan.py")
    stored = np.load(DATA)
    assert found["model_accuracy"] == float((stored["out"][:64].argmax(1) == stored["y"][:64]).mean())

    # the figures are those of simulate mode on the same samples
    loaded, program = Plan.load(plan)
    feed, _ = load_inputs(DATA, loaded.manifest["model"]["inputs"])
    got = run_local(loaded, program, {k: v[:64] for k, v in feed.items()}, noise=True)
    off = np.abs(next(iter(got.values())).astype(np.float64) - stored["out"][:64])
    assert found["simulated"]["max_error"] == pytest.approx(off.max(), rel=0.02)
    assert found["plan_accuracy"] == float((next(iter(got.values())).argmax(1) == stored["y"][:64]).mean())

    # a polynomial alone does what the choice of degrees measured
    losses = {a["node"]: a["loss"] for a in made.report["approximations"]}
    alone = {n["node"]: n["alone"] for n in found["nodes"] if n["alone"] is not None}
    assert losses and set(losses) == set(alone)
    assert all(alone[node] == pytest.approx(loss, rel=0.2) for node, loss in losses.items())
    assert all(n["sensitivity"] > 0 for n in found["nodes"])

    said = verify_plan(plan, model=MLP, calibrate=DATA, calibration=None, weights=True)
    assert any("same bytes" in line for line in said)


def test_the_last_linear_node_is_as_sensitive_as_its_change() -> None:
    rows = compiled(MPC).report["accuracy"]["nodes"]
    assert 0.05 < rows[-1]["sensitivity"] < 5, "the outputs are this node's own results"


def test_a_limit_of_the_policy_is_an_error_that_names_a_node() -> None:
    with pytest.raises(UserError) as caught:
        compiled(MPC + "limit error <= 0.0000001\n")
    found = [d for d in caught.value.diagnostics if d.severity == "error"]
    rows = compiled(MPC).report["accuracy"]["nodes"]
    assert [d.code for d in found] == ["PPC4003"]
    assert found[0].node == max(rows, key=lambda row: row["alone"])["node"]


def test_the_default_limit_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "APPROXIMATION_ERROR", 1e-7)
    assert [(d.code, d.severity) for d in compiled(MPC).diagnostics] == [("PPC4003", "warning")]


def test_what_takes_too_long_is_left_out_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "MOST_SECONDS", 0.0)
    made = compiled(MPC)
    assert made.report["accuracy"]["simulated"] is None and "everything" in made.report["accuracy"]["left_out"][0]
    assert [(d.code, d.severity) for d in made.diagnostics] == [("PPC4004", "warning")]


def test_without_calibration_nothing_is_measured() -> None:
    made = compile_model(Request(MLP, MPC))
    assert "accuracy" not in json.loads(made.manifest_bytes)["report"]


def test_reports_show_it() -> None:
    made = compiled(MPC, labels="y")
    for text in (render_html(made.manifest), _terminal(made)):
        assert "Accuracy on the calibration data" in text and "same decision" in text and "sensitivity" in text


def _terminal(made: Compiled) -> str:
    console = Console(record=True, width=140, file=StringIO())
    console.print(render(made.manifest))
    return console.export_text()


@pytest.mark.parametrize("labels", ["absent", "x"], ids=["no such array", "not one a sample"])
def test_bad_labels_are_named(labels: str) -> None:
    with pytest.raises(UserError, match="PPC5005"):
        compiled(MPC, labels=labels)
    with pytest.raises(UserError, match="PPC5005"):
        compile_model(Request(MLP, MPC, labels="y"))

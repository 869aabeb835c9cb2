"""Polynomials as deep as the error budget wants, and as shallow as there are levels for."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_models import make_model

import ppc
from ppc.compiler.approximated import composed
from ppc.compiler.calibration import calibration
from ppc.compiler.driver import Request, plan_model
from ppc.compiler.runner import reference
from ppc.ir.approximation import degrees
from ppc.passes.degrees import output_error
from ppc.runtime.secure import run_secure

POLICY = """party client, server
input * secret of client
weight * public
output * reveal to client because "it asked"
trust client semi_honest
trust server semi_honest
allow he, client
place node * in he
"""


def relu_net(folder: Path, *widths: int) -> Path:
    """MatMul, Relu, MatMul, ... and data beside it."""
    rng, nodes, weights, last = np.random.default_rng(1), [], {}, "x"
    for i, (rows, columns) in enumerate(pairwise(widths)):
        weights[f"w{i}"] = (rng.normal(size=(rows, columns)) / rows**0.5).astype(np.float32)
        nodes.append(helper.make_node("MatMul", [last, f"w{i}"], [f"h{i}"], name=f"fc{i}"))
        last = f"h{i}"
        if i + 2 < len(widths):
            nodes.append(helper.make_node("Relu", [last], [f"a{i}"], name=f"relu{i}"))
            last = f"a{i}"
    path = folder / "net.onnx"
    onnx.save(make_model(nodes, {"x": (1, widths[0])}, [last], weights), path)
    np.savez(path.with_suffix(".npz"), x=rng.normal(size=(40, 1, widths[0])).astype(np.float32))
    return path


def planned(model: Path, error: float):
    return plan_model(Request(model, POLICY + f"error <= {error}\n", calibrate=model.with_suffix(".npz")))


@pytest.mark.parametrize(("error", "chosen"), [(0.02, (31,)), (0.003, (127,)), (0.001, (7, 7, 15))])
def test_as_deep_as_the_budget_wants(tmp_path: Path, error: float, chosen: tuple[int, ...]) -> None:
    model = relu_net(tmp_path, 8, 12, 3)
    found = planned(model, error)
    module = found.findings.assigned.module
    (relu,) = (op for op in module.ops if op.name == "Relu")
    assert degrees(relu) == chosen
    assert output_error(module, calibration(model.with_suffix(".npz"), module)) <= error
    assert bool(composed(module)) == (len(degrees(relu)) > 1)
    assert not {"PPC4005"} & {d.code for d in found.diagnostics}


def test_what_has_no_levels_goes_back_with_a_note(tmp_path: Path) -> None:
    """Two compositions one after the other are deeper than any ring."""
    found = planned(relu_net(tmp_path, 8, 12, 12, 3), 0.001)
    assert all(max(degrees(op), default=0) <= 31 for op in found.findings.assigned.module.ops)
    (note,) = (d for d in found.diagnostics if d.code == "PPC4005")
    assert note.severity == "note" and note.facts["error"] > note.facts["budget"] == 0.001
    assert "relu0: composite" in note.message and "0.10%" in note.message


def test_a_budget_that_nothing_meets_changes_nothing(tmp_path: Path) -> None:
    found = planned(relu_net(tmp_path, 8, 12, 3), 1e-7)
    assert not any(d.code == "PPC4005" for d in found.diagnostics)
    assert all(max(degrees(op), default=0) <= 31 for op in found.findings.assigned.module.ops)


@pytest.mark.slow
def test_a_composition_encrypted(tmp_path: Path) -> None:
    model, data = relu_net(tmp_path, 8, 12, 3), tmp_path / "net.npz"
    compiled = ppc.compile(model, POLICY + "error <= 0.001\n", calibrate=data)
    (told,) = compiled.report["approximations"]
    assert told["polynomial"] == "composite 7, 7, 15" and told["loss"] <= 0.001
    assert [d.code for d in compiled.diagnostics].count("PPC4006") == 1
    names = [step["step"] for step in compiled.manifest["steps"]]
    assert names.count("he.polynomial") == 3 and names.count("he.mul") == 1
    feed = {"x": np.load(data)["x"][:2]}
    expected = reference(model, feed, 2)["h1"]
    got = run_secure(compiled.save(tmp_path / "plan.py"), feed, timeout=120).outputs["h1"]
    # the budget of the polynomial, and as much of the noise as a revealed result may have
    assert np.abs(got - expected.reshape(got.shape)).max() <= (0.001 + 2.0**-9) * 2 * np.ptp(expected)

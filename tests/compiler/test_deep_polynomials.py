"""Polynomials as deep as the error budget wants, and as shallow as there are levels for."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_models import make_model
from three_way import assert_three_ways

from ppc.compiler.approximated import composed
from ppc.compiler.calibration import calibration
from ppc.compiler.driver import Request, plan_model
from ppc.ir.approximation import degrees
from ppc.passes.degrees import output_error

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
    return plan_model(Request(model, POLICY + f"limit error <= {error}\n", calibrate=model.with_suffix(".npz")))


@pytest.mark.parametrize(("error", "least"), [(0.02, (15,)), (0.002, (63,)), (0.0003, (7, 7, 15))])
def test_as_deep_as_the_budget_wants(tmp_path: Path, error: float, least: tuple[int, ...]) -> None:
    model = relu_net(tmp_path, 8, 12, 3)
    found = planned(model, error)
    module = found.findings.assigned.module
    (relu,) = (op for op in module.ops if op.name == "Relu")
    assert degrees(relu) >= least if len(least) == 1 else len(degrees(relu)) == len(least)
    assert output_error(module, calibration(model.with_suffix(".npz"), module)) <= error
    assert bool(composed(module)) == (len(degrees(relu)) > 1)
    assert not {"PPC4005"} & {d.code for d in found.diagnostics}


def test_what_has_no_levels_goes_back_with_a_note(tmp_path: Path) -> None:
    """Four layers of compositions are deeper than any ring."""
    found = planned(relu_net(tmp_path, 8, 12, 12, 12, 3), 0.0005)
    assert all(max(degrees(op), default=0) <= 31 for op in found.findings.assigned.module.ops)
    (note,) = (d for d in found.diagnostics if d.code == "PPC4005")
    assert note.severity == "note" and note.facts["error"] > note.facts["budget"] == 0.0005
    assert "relu0" in note.message and "0.05%" in note.message


def test_a_budget_that_nothing_meets_changes_nothing(tmp_path: Path) -> None:
    found = planned(relu_net(tmp_path, 8, 12, 3), 1e-7)
    assert not any(d.code == "PPC4005" for d in found.diagnostics)
    assert all(max(degrees(op), default=0) <= 31 for op in found.findings.assigned.module.ops)


def test_a_composition_encrypted(tmp_path: Path) -> None:
    model = relu_net(tmp_path, 8, 12, 3)
    policy = POLICY + "limit error <= 0.0003\n"
    case = assert_three_ways(tmp_path, model, policy, samples=2, budget=0.02, calibrate=model.with_suffix(".npz"))
    (told,) = case.compiled.report["approximations"]
    assert told["polynomial"].startswith("composite 7, ") and told["loss"] <= 0.0003
    assert [d.code for d in case.compiled.diagnostics].count("PPC4006") == 1
    names = [step["step"] for step in case.compiled.manifest["steps"]]
    assert names.count("he.polynomial") == 3 and names.count("he.mul") == 1

"""A sample that alone makes a calibrated range wide is named."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_models import make_model

from ppc.compiler.driver import Request, plan_model
from ppc.ir.diagnostic import Diagnostic
from ppc.passes.calibrate import Seen

POLICY = """input * secret of client
weight * public
output * reveal to client because "it asked"
allow he, client
place node * in he
"""


def notes(folder: Path, data: np.ndarray, batch: int = 1) -> list[Diagnostic]:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"], name="act")]
    model = folder / "net.onnx"
    onnx.save(make_model(nodes, {"x": ("n", 4)}, ["y"], {"w": np.eye(4, dtype=np.float32)}), model)
    np.savez(folder / "data.npz", x=data.astype(np.float32))
    found = plan_model(Request(model, POLICY, calibrate=folder / "data.npz", batch=batch))
    return [d for d in found.diagnostics if d.code == "PPC4007"]


def test_the_sample_is_named_with_both_ranges(tmp_path: Path) -> None:
    data = np.random.default_rng(0).uniform(-1, 1, (20, 4))
    assert notes(tmp_path, data) == []
    data[13, 2] = 9.0
    (note,) = notes(tmp_path, data)
    assert note.severity == "note" and note.node == "act" and note.facts["first_sample"] == 13
    assert note.facts["range"][1] == pytest.approx(9) and note.facts["without"][1] < 1
    (note,) = notes(tmp_path, data, batch=2)
    assert "one of samples 12 to 13" in note.message


def test_a_few_samples_have_no_outlier(tmp_path: Path) -> None:
    data = np.random.default_rng(0).uniform(-1, 1, (7, 4))
    data[3] = 50
    assert notes(tmp_path, data) == []


def test_ends_of_other_batches_are_kept() -> None:
    seen = Seen()
    for batch, row in enumerate(([-1.0, 2.0], [-5.0, 9.0], [np.nan, 0.0], [-2.0, 3.0])):
        seen.add(np.array(row), batch)
    assert seen.range == (-5, 9) and seen.ends == (1, 1) and seen.without(1) == (-2, 3) and seen.without(0) == (-5, 9)

"""Attention with a mask of −infinity under MPC: masked positions weigh nothing."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_models import make_model
from three_way import assert_three_ways

POLICY = """input * secret of client
weight * secret of server
output * reveal to client because "it asked"
trust dealer non_colluding
place node * in mpc
"""
TOKENS, WIDTH = 5, 4


def _attention(mask: np.ndarray, chosen: bool) -> onnx.ModelProto:
    """Each token looks at itself and those before it; the mask is added to the scores, or (`chosen`) taken in their
    place."""
    rng = np.random.default_rng(4)
    weights = {n: rng.normal(size=(WIDTH, WIDTH)).astype(np.float32) for n in "qkv"}
    if chosen:
        weights |= {"keep": np.isfinite(mask) & (mask > -1), "mask": np.float32(mask.min())}
        masking = helper.make_node("Where", ["keep", "scores", "mask"], ["masked"])
    else:
        weights |= {"mask": mask.astype(np.float32)}
        masking = helper.make_node("Add", ["scores", "mask"], ["masked"])
    nodes = [
        *(helper.make_node("MatMul", ["x", n], [f"x{n}"]) for n in "qkv"),
        helper.make_node("Transpose", ["xk"], ["t"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["xq", "t"], ["scores"]),
        masking,
        helper.make_node("Softmax", ["masked"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "xv"], ["y"]),
    ]
    return make_model(nodes, {"x": (1, TOKENS, WIDTH)}, ["y"], weights)


@pytest.mark.parametrize(("least", "chosen", "calibrated"), [(-np.inf, 0, 0), (-1e9, 0, 1), (-np.inf, 1, 1)])
def test_what_is_masked_weighs_nothing(least: float, chosen: int, calibrated: int, tmp_path: Path) -> None:
    model = tmp_path / "attention.onnx"
    mask = np.where(np.tri(TOKENS) > 0, 0.0, least)
    onnx.save(_attention(mask, bool(chosen)), model)
    data = model.with_suffix(".npz")
    np.savez(data, x=np.random.default_rng(5).normal(size=(2, TOKENS, WIDTH)).astype(np.float32))
    given = data if calibrated else None
    case = assert_three_ways(tmp_path, model, POLICY, samples=2, budget=1e-3, calibrate=given)
    assert {n["domain"] for n in case.compiled.report["nodes"]} == {"mpc"}

"""A model whose inputs have no first axis in common: a pass takes one full set, and so does calibration."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

import ppc
from ppc.compiler.runner import reference
from ppc.runtime.session import InferenceSession

node, info, F = onnx.helper.make_node, onnx.helper.make_tensor_value_info, TensorProto.FLOAT


def recurrent(path: Path) -> Path:
    """Two layers' state first, as recurrent networks are exported; it comes out as well."""
    nodes = [
        node("Add", ["state", "x"], ["sum"]),
        node("Mul", ["sum", "w"], ["next"]),
        node("ReduceMax", ["next"], ["y"]),
    ]
    weights = [numpy_helper.from_array(np.linspace(-1, 1, 3, dtype="f4"), "w")]
    ends = [info("x", F, [1, 3]), info("state", F, [2, 1, 3])], [info("y", F, [1, 1, 1]), info("next", F, [2, 1, 3])]
    graph = onnx.helper.make_graph(nodes, "recurrent", *ends, weights)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_row_of_each_output_for_each_full_set(tmp_path: Path) -> None:
    model, rng = recurrent(tmp_path / "model.onnx"), np.random.default_rng(0)
    feed = {"x": rng.normal(size=(5, 1, 3)).astype("f4"), "state": rng.normal(size=(5, 2, 1, 3)).astype("f4")}
    np.savez(tmp_path / "data.npz", **feed)
    compiled = ppc.compile(model, targets=("mpc", "client"), calibrate=tmp_path / "data.npz")
    assert compiled.report["accuracy"]["samples"] == 5
    session = InferenceSession(compiled.save(tmp_path / "plan.py"), mode="simulate")
    y, state = session.run(["y", "next"], feed)
    assert y.shape == (5, 1, 1, 1) and state.shape == (5, 2, 1, 3)
    expected = reference(model, feed, 5)
    np.testing.assert_allclose(state, expected["next"].reshape(state.shape), atol=1e-3)
    np.testing.assert_allclose(y, expected["y"].reshape(y.shape), atol=1e-3)

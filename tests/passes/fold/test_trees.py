"""Tree ensembles as matrix products, where a way is set for missing values."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.interpret import interpret
from ppc.passes.fold import Fold

#: One tree: x[1] <= 0.5 ? (x[0] <= -1 ? 1 : 2) : 3.
TREE: dict[str, Any] = {
    "nodes_treeids": [0] * 5, "nodes_nodeids": [0, 1, 2, 3, 4], "nodes_featureids": [1, 0, 0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"], "nodes_values": [0.5, -1.0, 0.0, 0.0, 0.0],
    "nodes_truenodeids": [1, 2, 0, 0, 0], "nodes_falsenodeids": [4, 3, 0, 0, 0],
    "target_treeids": [0] * 3, "target_nodeids": [2, 3, 4], "target_ids": [0] * 3, "target_weights": [1.0, 2.0, 3.0],
    "n_targets": 1, "nodes_missing_value_tracks_true": [1, 1, 0, 0, 0],
}  # fmt: skip


def folded_trees(values: list[float]) -> tuple[Any, Any]:
    """The module as imported and folded, of TREE with other thresholds."""
    tree = TREE | {"nodes_values": values, "nodes_missing_value_tracks_true": [0] * 5}
    nodes = [onnx.helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **tree)]
    ends = [[onnx.helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in (("x", [4, 2]), ("y", [4, 1]))]
    sets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    graph = onnx.helper.make_graph(nodes, "trees", *ends)
    imported = import_model(onnx.helper.make_model(graph, opset_imports=sets, ir_version=8))
    return imported, Fold()(imported)


def test_thresholds_a_unit_in_the_last_place_below_a_number() -> None:
    """As converters write `x <= 2.9` of a double: float32(2.9) is above it. 16 fractional bits alone do not tell."""
    below = float(np.nextafter(np.float32(2.9), np.float32(0)))
    imported, folded = folded_trees([below, -1.0, 0.0, 0.0, 0.0])
    (gemm,) = (op for op in folded.ops if op.name == "Gemm" and "select" in op.operands[1])
    (turn,) = (op for op in folded.ops if op.name == "LessOrEqual")
    x = np.array([[0.0, np.float32(2.9)], [0.0, below], [0.0, 3e38], [0.0, -3e38]])
    (want,) = interpret(imported, {"x": x}).values()
    made = interpret(folded, {"x": x}, keep="all")
    (got,) = (made[o] for o in folded.outputs)
    np.testing.assert_array_equal(got, want)
    limited, threshold = made[gemm.operands[0]], folded.constants[turn.operands[1]].data
    assert np.abs(limited).max() <= 2.0**25, "what shares hold"
    assert limited[0, 1] - threshold[0] >= 2.0**-16 and limited[1, 1] == threshold[0]


def test_thresholds_beyond_the_limit_are_compared_with_as_they_are() -> None:
    _, folded = folded_trees([2.0**17, -1.0, 0.0, 0.0, 0.0])
    assert "Clip" not in [op.name for op in folded.ops]


@pytest.mark.parametrize("computed", [False, True], ids=["an input", "computed"])
def test_missing_values_come_only_out_of_computations(computed: bool) -> None:
    node = onnx.helper.make_node
    nodes = [node("TreeEnsembleRegressor", ["z" if computed else "x"], ["y"], domain="ai.onnx.ml", **TREE)]
    if computed:
        nodes.insert(0, node("Sqrt", ["x"], ["z"]))
    ends = [[onnx.helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in (("x", [4, 2]), ("y", [4, 1]))]
    sets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    graph = onnx.helper.make_graph(nodes, "trees", *ends)
    imported = import_model(onnx.helper.make_model(graph, opset_imports=sets, ir_version=8))
    folded = Fold()(imported)
    assert any(op.name == "TreeEnsembleRegressor" for op in folded.ops) == computed
    x = np.array([[-2.0, 0.0], [0.0, 0.5], [0.0, 1.0], [-1.0, -1.0]])
    (want,), (got,) = (list(interpret(m, {m.inputs[0]: x}).values()) for m in (imported, folded))
    np.testing.assert_array_equal(got, want)
    assert computed or got.ravel().tolist() == [1.0, 2.0, 3.0, 1.0]

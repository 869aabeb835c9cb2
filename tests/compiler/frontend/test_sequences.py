"""Sequences and optionals whose lengths are known leave no trace in the IR."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
Evaluate = Callable[..., list[np.ndarray]]
node = helper.make_node
X = np.arange(12, dtype=np.float32).reshape(4, 3)
N = {name: np.asarray(value, np.int64) for name, value in {"zero": 0, "one": 1, "last": -1, "three": 3}.items()}
PARTS = np.asarray([1, 3], np.int64)


def same(make: Make, evaluate: Evaluate, nodes: list[Any], opset: int = 18) -> list[str]:
    """The names of the ops, once what they give is what onnxruntime gives."""
    read = {name for n in nodes for name in n.input}
    constants = {n: a for n, a in {**N, "parts": PARTS}.items() if n in read}
    model = make(nodes, {"x": X.shape}, ["y"], constants, opset=opset)
    module = import_model(model)
    (got,) = evaluate(module, X)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(got, session.run(None, {"x": X})[0])
    return [op.name for op in module.ops]


CASES = {
    "single rows": [node("SplitToSequence", ["x"], ["s"], keepdims=0), node("SequenceAt", ["s", "last"], ["y"])],
    "pieces of three": [node("SplitToSequence", ["x", "three"], ["s"]), node("SequenceAt", ["s", "one"], ["y"])],
    "given sizes": [node("SplitToSequence", ["x", "parts"], ["s"]), node("SequenceAt", ["s", "one"], ["y"])],
    "joined": [node("SplitToSequence", ["x", "parts"], ["s"]), node("ConcatFromSequence", ["s"], ["y"], axis=0)],
    "stacked": [
        node("Relu", ["x"], ["h"]),
        node("SequenceConstruct", ["x", "h"], ["s"]),
        node("ConcatFromSequence", ["s"], ["y"], axis=-1, new_axis=1),
    ],
    "inserted and erased": [
        node("Neg", ["x"], ["h"]),
        node("SequenceEmpty", [], ["e"]),
        node("SequenceInsert", ["e", "x"], ["s1"]),
        node("SequenceInsert", ["s1", "h", "zero"], ["s2"]),
        node("SequenceErase", ["s2", "one"], ["s3"]),
        node("Identity", ["s3"], ["s4"]),
        node("SequenceAt", ["s4", "zero"], ["y"]),
    ],
    "length": [
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("SequenceLength", ["s"], ["n"]),
        node("Cast", ["n"], ["f"], to=TensorProto.FLOAT),
        node("Add", ["x", "f"], ["y"]),
    ],
    "optional": [
        node("Optional", ["x"], ["o"]),
        node("OptionalHasElement", ["o"], ["has"]),
        node("OptionalGetElement", ["o"], ["v"]),
        node("Where", ["has", "v", "x"], ["y"]),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_sequence(make_model: Make, evaluate: Evaluate, name: str) -> None:
    names = same(make_model, evaluate, CASES[name])
    assert not [n for n in names if "Sequence" in n or "Optional" in n]


def test_a_loop_may_carry_a_sequence(make_model: Make, evaluate: Evaluate) -> None:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("SequenceInsert", ["s", "x"], ["t"]), node("Identity", ["go"], ["on"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)],
        [value("on", TensorProto.BOOL, []), helper.make_tensor_sequence_value_info("t", TensorProto.FLOAT, None)],
    )  # fmt: skip
    nodes = [
        node("SequenceEmpty", [], ["e"]),
        node("Loop", ["three", "", "e"], ["s3"], body=body),
        node("ConcatFromSequence", ["s3"], ["y"], axis=1),
    ]
    assert same(make_model, evaluate, nodes) == ["Concat"]


REFUSED = {
    "PPC1014": [node("SequenceConstruct", ["x"], ["s"]), node("SequenceAt", ["s", "three"], ["y"])],
    "PPC1011": [node("SequenceConstruct", ["x"], ["s"]), node("Relu", ["s"], ["y"])],
    "PPC1017": [node("SequenceConstruct", ["x"], ["y"])],
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused(make_model: Make, code: str) -> None:
    with pytest.raises(UserError) as caught:
        import_model(make_model(REFUSED[code], {"x": X.shape}, ["y"], {"three": N["three"]}, opset=18))
    assert caught.value.diagnostics[0].code == code

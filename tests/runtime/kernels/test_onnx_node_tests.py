"""The node tests that the onnx wheel ships, for every operator of the table, at whatever opset they are written.

They were made by the authors of the standard. A node test is run if its one node is a row of OPS and its attributes,
once static operands have moved into attributes, are ones that the shape rule takes; what is skipped is listed.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from kernel_oracle import ENUM, ML, STATIC, Case, operand_types
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

from ppc.ir.ops import OPS, opdef
from ppc.ir.ops.declare import OpError
from ppc.runtime import kernels

NAMES = {number: name for name, number in ENUM.items()}

#: Node tests that cannot fit, by a part of their name, with the reason.
SKIPPED = {
    "training_mode": "training, not inference",
    "dropout": "ratio and mode are operands there; inference is the identity",
    "batchnorm": "old opsets and training",
    "maxpool_with_argmax": "indices of MaxPool are refused at import",
    "maxunpool": "no such operator",
    "strnorm": "import takes it apart; kernel_cases/text.py has the cases",
    "tfidf": "import takes it apart; kernel_cases/text.py has the cases",
    "tf_crop_and_resize": "refused at import",
    "float8": "no such type",
    "FLOAT8": "no such type",
    "BFLOAT16": "no such type",
    "bfloat16": "no such type",
    "INT4": "no such type",
    "int4": "no such type",
    "FLOAT4": "no such type",
    "float4": "no such type",
    "int2": "no such type",
    "e8m0": "no such type",
    "e4m3": "no such type",
    "e5m2": "no such type",
    "UINT2": "no such type",
    "INT2": "no such type",
    "label_encoder": "its typed attributes are gathered at import; kernel_cases/ml.py has the cases",
    "downsample_scales_linear_align": "onnxruntime rounds the output extent down first, and so do we",
    "downsample_scales_cubic_align": "onnxruntime rounds the output extent down first, and so do we",
    "last_window_starts_on_pad": "its expected values have four digits",
    "gridsample_bicubic": "its expected values have four digits; kernel_cases/shape.py has the cases",
    "STRING": "text is not converted",
    "test_dynamicquantizelinear": "a tie that rounding to float32 decides; kernel_cases/nets.py has the cases",
    "castlike": "Cast after import",
}


def node_tests() -> Iterator[tuple[str, TestCase]]:
    for test in collect_testcases(None):
        nodes = test.model.graph.node if test.model else []
        known = len(nodes) == 1 and nodes[0].op_type in OPS and nodes[0].domain in ("", "ai.onnx.ml")
        if known and not any(word in test.name for word in SKIPPED):
            yield test.name, test


def array_of(value: Any) -> Any:
    """An input or output as an array; text as numpy's own text type."""
    array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    return array.astype(np.str_) if array.dtype.kind == "O" else array


def _attr(node: onnx.NodeProto) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for a in node.attribute:
        value = onnx.helper.get_attribute_value(a)
        if isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value).reshape(-1)[0].item()
        if isinstance(value, bytes):
            value = value.decode()
        if isinstance(value, list | tuple):
            value = tuple(v.decode() if isinstance(v, bytes) else v for v in value)
        out[a.name] = NAMES.get(value) if a.name in ("to", "dtype", "output_dtype") and value else value
    return out


def as_case(test: TestCase) -> Case:
    """The node test with static operands as attributes."""
    (node,), graph = test.model.graph.node, test.model.graph
    inputs, outputs = ([array_of(v) for v in values] for values in test.data_sets[0])
    arrays = dict(zip([i.name for i in graph.input], inputs, strict=True))
    operands: list[Any] = [arrays.get(name) for name in node.input]
    attrs, rows = _attr(node), STATIC.get(node.op_type, [])
    first = {"Range": 0, "ConstantOfShape": 0}.get(node.op_type, 1)
    for row, value in zip(rows, operands[first:], strict=False):
        if row and value is not None:
            listed = tuple(value.reshape(-1).tolist())
            if row[0] == "depth":  # any number type may hold it
                listed = (int(listed[0]),)
            attrs[row[0]] = listed if row[2] and row[0] != "k" else listed[0]
            if node.op_type == "TopK":
                attrs["k"] = listed[0]
    operands = operands[:first] if rows else operands
    if node.op_type == "ConstantOfShape" and isinstance(attrs.get("value"), float):
        attrs["value"] = float(attrs["value"])
    return Case(node.op_type, operands, attrs, outputs)


TESTS = dict(node_tests())


@pytest.mark.parametrize("name", TESTS)
def test_node(name: str) -> None:
    case = as_case(TESTS[name])
    types = operand_types(case)
    try:
        wanted_types = opdef(case.op).shape(types, case.attrs)
    except OpError as e:
        pytest.skip(f"refused: {e}")
    got = kernels.run(case.op, case.operands, case.attrs)
    assert [y.shape for y in got] == [t.shape for t in wanted_types]
    kept = [y for y, out in zip(got, TESTS[name].model.graph.node[0].output, strict=False) if out]
    assert case.expected is not None
    for y, reference in zip(kept, case.expected, strict=True):
        assert y.shape == reference.shape
        if reference.dtype.kind == "f":
            rtol = 2e-3 if reference.dtype == np.float16 else 1e-3 if "Resize" in case.op else 1e-4
            np.testing.assert_allclose(y, reference.astype(np.float64), rtol=rtol, atol=1e-5)
        else:
            np.testing.assert_array_equal(y, reference)


def test_most_node_tests_run() -> None:
    assert len(TESTS) > 500 and not ML.isdisjoint(OPS)

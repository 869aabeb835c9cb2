"""Nodes that would end the process, hang it or fill its memory inside onnx or numpy: found by the fuzzer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
node = helper.make_node
BIG = np.asarray([2**40, 2**40, -1, 5] * 8, np.int64)
INNER = helper.make_graph([node("Identity", ["r"], ["o"])], "i", [helper.make_tensor_value_info("r", 1, [])],
                          [helper.make_tensor_value_info("o", 1, [])])  # fmt: skip

CASES: dict[str, tuple[list[Any], dict[str, np.ndarray], str]] = {
    "onnx's inference of Split ends the process": (
        [node("Split", ["x"], ["y", "b", "c"], num_outputs=2)], {}, "PPC1014"),
    "onnx's reference of GatherElements does not come back": (
        [node("GatherElements", ["t", "big"], ["g"]), node("Add", ["x", "g"], ["y"])],
        {"t": np.ones(32, np.float32), "big": BIG}, "PPC1014"),
    "pads that only memory knows": (
        [node("MaxPool", ["p"], ["g"], kernel_shape=[2, 2], pads=[0, 0, 0, 2**31], strides=[1, 2**30]),
         node("Add", ["x", "g"], ["y"])],
        {"p": np.ones((1, 1, 3, 3), np.float32)}, "PPC1014"),
    "a required operand is left out": ([node("Add", ["", "x"], ["y"])], {}, "PPC1006"),
    "a scan over nothing": ([node("Scan", [""], ["y"], body=INNER, num_scan_inputs=1)], {}, "PPC1014"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_a_user_error(make_model: Make, name: str) -> None:
    nodes, constants, code = CASES[name]
    with pytest.raises(UserError) as caught:
        import_model(make_model(nodes, {"x": (1, 4)}, ["y"], constants))
    assert caught.value.diagnostics[0].code == code

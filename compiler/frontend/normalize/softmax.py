"""Softmax, LogSoftmax, Hardmax. Before opset 13 they flatten to two axes at `axis` and work on the second."""

from collections.abc import Sequence
from math import prod

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import axis_of, emit
from ppc.ir.types import TensorType


def softmax(node: Node, b: Builder) -> Sequence[str]:
    type = b.type_of(node.inputs[0])
    axis = axis_of(node, b, -1 if node.opset >= 13 else 1)
    tail = type.shape[axis:]
    if node.opset >= 13 or prod(tail) == type.shape[axis]:  # one axis alone is longer than 1
        return emit(node, b, node.inputs, {"axis": axis})
    flat = (prod(type.shape[:axis]), prod(tail))
    x = b.reshape(node.inputs[0], flat, f"{node.loc}/flatten", f"{node.outputs[0]}_flat")
    out = TensorType(type.dtype, flat)
    y = b.emit(node.op, (x,), (out,), node.loc, (f"{node.outputs[0]}_rows",), {"axis": 1})[0]
    return (b.reshape(y, type.shape, f"{node.loc}/restore", node.outputs[0]),)


TABLE = {"Hardmax": softmax, "LogSoftmax": softmax, "Softmax": softmax}

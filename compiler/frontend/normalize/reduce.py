"""Reductions: axes are an attribute, counted from the front, never empty."""

from collections.abc import Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, axis_of, emit, ints

_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
#: With no axes and noop_with_empty_axes they return the operand; the others still apply their function to it.
_NOOP = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"}


def reduce(node: Node, b: Builder) -> Sequence[str]:
    rank = len(b.type_of(node.inputs[0]).shape)
    axes = tuple(node.attrs.get("axes", ())) or ints(node, b, 1, "axes") or ()
    if not axes and node.attrs.get("noop_with_empty_axes"):
        if node.op in _NOOP:
            return alias(node, b)
        raise node.refuse("no axes and noop_with_empty_axes")
    axes = tuple(sorted({a % rank for a in axes})) or tuple(range(rank))
    if not axes:
        raise node.refuse("its operand is a scalar")
    return emit(node, b, node.inputs[:1], {"axes": axes, "keepdims": int(node.attrs["keepdims"])})


def arg(node: Node, b: Builder) -> Sequence[str]:
    attrs = {"keepdims": int(node.attrs["keepdims"]), "select_last_index": int(node.attrs.get("select_last_index", 0))}
    return emit(node, b, node.inputs, {"axis": axis_of(node, b), **attrs})


def cumsum(node: Node, b: Builder) -> Sequence[str]:
    rank = len(b.type_of(node.inputs[0]).shape)
    axis = (ints(node, b, 1, "axis") or (0,))[0] % rank
    attrs = {"axis": axis, "exclusive": int(node.attrs["exclusive"]), "reverse": int(node.attrs["reverse"])}
    return emit(node, b, node.inputs[:1], attrs)


TABLE = {
    "ArgMax": arg,
    "ArgMin": arg,
    "CumProd": cumsum,
    "CumSum": cumsum,
    **dict.fromkeys([f"Reduce{name}" for name in _REDUCTIONS], reduce),
}

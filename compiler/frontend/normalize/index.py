"""Operators that read or make indices."""

from collections.abc import Sequence

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import axis_of, emit, floats, ints
from ppc.ir.diagnostic import fail
from ppc.ir.module import Attr
from ppc.ir.types import TensorType


def gather(node: Node, b: Builder) -> Sequence[str]:
    """Constant indices are checked and counted from the front."""
    axis = axis_of(node, b)
    operands = list(node.inputs)
    data = b.data(operands[1])
    if data is not None:
        size = b.type_of(operands[0]).shape[axis]
        if data.size and not (-size <= int(data.min()) and int(data.max()) < size):
            raise fail("PPC1014", f"{node.op}: an index from {data.min()} to {data.max()} on an axis of {size}",
                       node=node.loc)  # fmt: skip
        if (data < 0).any():
            operands[1] = b.constant(np.where(data < 0, data + size, data).astype(data.dtype), operands[1])
    return emit(node, b, operands, {"axis": axis})


def gather_elements(node: Node, b: Builder) -> Sequence[str]:
    return emit(node, b, node.inputs, {"axis": axis_of(node, b)})


def scatter_elements(node: Node, b: Builder) -> Sequence[str]:
    attrs: dict[str, Attr] = {"axis": axis_of(node, b), "reduction": str(node.attrs.get("reduction", "none"))}
    return emit(node, b, node.inputs, attrs, "ScatterElements")


def top_k(node: Node, b: Builder) -> Sequence[str]:
    k = node.attrs["k"] if node.opset < 10 else (ints(node, b, 1, "k") or (1,))[0]
    attrs = {"k": int(k), "axis": axis_of(node, b, -1)}
    flags = {"largest": int(node.attrs.get("largest", 1)), "sorted": int(node.attrs.get("sorted", 1))}
    return emit(node, b, node.inputs[:1], {**attrs, **flags})


def one_hot(node: Node, b: Builder) -> Sequence[str]:
    """`values` is (off, on): integers give i64, floats f32; other types are cast from these."""
    out = node.types[0]
    values = (ints if out.dtype.startswith(("i", "u")) else floats)(node, b, 2, "values") or (0, 1)
    attrs: dict[str, Attr] = {
        "axis": int(node.attrs["axis"]) % len(out.shape),
        "depth": (ints(node, b, 1, "depth") or (0,))[0],
        "values": values,
    }
    if out.dtype in ("i64", "f32"):
        return emit(node, b, node.inputs[:1], attrs)
    wide = TensorType("i64" if isinstance(values[0], int) else "f32", out.shape)
    hot = b.emit("OneHot", node.inputs[:1], (wide,), node.loc, (f"{node.outputs[0]}_wide",), attrs)
    return emit(node, b, hot, {"to": out.dtype}, "Cast")


def grid_sample(node: Node, b: Builder) -> Sequence[str]:
    """The modes by their names of opset 20."""
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(node.attrs["mode"], node.attrs["mode"])
    attrs: dict[str, Attr] = {"mode": mode, "padding_mode": node.attrs["padding_mode"]}
    return emit(node, b, node.inputs, {**attrs, "align_corners": int(node.attrs["align_corners"])})


TABLE = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "GridSample": grid_sample,
    "OneHot": one_hot,
    "Scatter": scatter_elements,
    "ScatterElements": scatter_elements,
    "TopK": top_k,
}

"""Operators that move elements: static operands become attributes, and all reshapes are Reshape."""

from collections.abc import Sequence

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.element_types import NUMPY_OF
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, axis_of, emit, floats, ints
from ppc.ir.module import Attr


def reshape(node: Node, b: Builder) -> Sequence[str]:
    """Reshape, Flatten, Squeeze, Unsqueeze: inference has worked out the shape (0 and -1 resolved)."""
    return emit(node, b, node.inputs[:1], {"shape": node.types[0].shape}, "Reshape")


def transpose(node: Node, b: Builder) -> Sequence[str]:
    rank = len(b.type_of(node.inputs[0]).shape)
    return emit(node, b, node.inputs, {"perm": tuple(node.attrs.get("perm", range(rank - 1, -1, -1)))})


def expand(node: Node, b: Builder) -> Sequence[str]:
    """`shape` is the shape of the result (ONNX's operand may be smaller: it broadcasts both ways)."""
    return emit(node, b, node.inputs[:1], {"shape": node.types[0].shape})


def tile(node: Node, b: Builder) -> Sequence[str]:
    return emit(node, b, node.inputs[:1], {"repeats": ints(node, b, 1, "repeats") or ()})


def concat(node: Node, b: Builder) -> Sequence[str]:
    """Empty operands drop out; one operand is itself."""
    operands = [i for i in node.inputs if b.type_of(i).size] or list(node.inputs[:1])
    if len(operands) == 1:
        return (operands[0],)
    return emit(node, b, operands, {"axis": axis_of(node, b)})


def slice_(node: Node, b: Builder) -> Sequence[str]:
    """Starts and ends within the axis. Backwards, an end before the first element is -(size + 1), as ONNX and
    numpy both read it."""
    shape = b.type_of(node.inputs[0]).shape
    if node.opset < 10:
        starts, ends = tuple(node.attrs["starts"]), tuple(node.attrs["ends"])
        axes, steps = tuple(node.attrs.get("axes", range(len(starts)))), (1,) * len(starts)
    else:
        starts, ends = ints(node, b, 1, "starts") or (), ints(node, b, 2, "ends") or ()
        axes = ints(node, b, 3, "axes") or tuple(range(len(starts)))
        steps = ints(node, b, 4, "steps") or (1,) * len(starts)
    axes = tuple(a % len(shape) for a in axes)
    ranges = [slice(s, e, t).indices(shape[a]) for s, e, t, a in zip(starts, ends, steps, axes, strict=True)]
    rows = sorted((a, s, e if e >= 0 else -(shape[a] + 1), t) for a, (s, e, t) in zip(axes, ranges, strict=True))
    attrs: dict[str, Attr] = {
        "starts": tuple(s for _, s, _, _ in rows),
        "ends": tuple(e for _, _, e, _ in rows),
        "axes": tuple(a for a, _, _, _ in rows),
        "steps": tuple(t for _, _, _, t in rows),
    }
    return emit(node, b, node.inputs[:1], attrs)


def split(node: Node, b: Builder) -> Sequence[str]:
    """One Slice for each part that is used."""
    axis, start, parts = axis_of(node, b), 0, []
    for name, type in zip(node.outputs, node.types, strict=True):
        size = type.shape[axis] if name else 0
        if not name:  # an unused part has no inferred type: only possible last
            parts.append("")
            continue
        parts.append(b.cut(node.inputs[0], axis, start, start + size, node.loc, name))
        start += size
    return parts


def pad(node: Node, b: Builder) -> Sequence[str]:
    """`pads` for every axis: all begins, then all ends."""
    rank = len(b.type_of(node.inputs[0]).shape)
    if node.opset < 11:
        given, value = tuple(node.attrs["pads"]), float(node.attrs["value"])
    else:
        given = ints(node, b, 1, "pads") or ()
        value = (floats(node, b, 2, "constant_value") or (0.0,))[0]
    axes = [a % rank for a in (ints(node, b, 3, "axes") if node.opset >= 18 else None) or range(rank)]
    pads = [0] * (2 * rank)
    for i, axis in enumerate(axes):
        pads[axis], pads[rank + axis] = given[i], given[len(axes) + i]
    attrs: dict[str, Attr] = {"pads": tuple(pads), "value": value, "mode": node.attrs["mode"]}
    return emit(node, b, node.inputs[:1], attrs)


def center_crop_pad(node: Node, b: Builder) -> Sequence[str]:
    """`shape` is the size of each of `axes`."""
    rank = len(node.types[0].shape)
    axes = tuple(a % rank for a in node.attrs.get("axes", range(rank)))
    return emit(node, b, node.inputs[:1], {"axes": axes, "shape": tuple(node.types[0].shape[a] for a in axes)})


def eye_like(node: Node, b: Builder) -> Sequence[str]:
    """A constant: it reads the shape of its operand only."""
    rows, columns = node.types[0].shape
    eye = np.eye(rows, columns, int(node.attrs["k"]), NUMPY_OF[node.types[0].dtype])
    return (b.constant(eye, node.outputs[0]),)


def space_to_depth(node: Node, b: Builder) -> Sequence[str]:
    """Column first (`mode` CRD, the inverse of DepthToSpace's) is written as its Reshape and Transpose."""
    size = int(node.attrs["blocksize"])
    if node.attrs.get("mode", "DCR") == "DCR":
        return emit(node, b, node.inputs, {"blocksize": size})
    out = node.types[0].shape
    n, c, h, w = b.type_of(node.inputs[0]).shape
    split = b.reshape(node.inputs[0], (n, c, h // size, size, w // size, size), node.loc, f"{node.outputs[0]}_blocks")
    moved = b.transpose(split, (0, 1, 3, 5, 2, 4), node.loc, f"{node.outputs[0]}_moved")
    return (b.reshape(moved, out, node.loc, node.outputs[0]),)


def trilu(node: Node, b: Builder) -> Sequence[str]:
    k = (ints(node, b, 1, "k") or (0,))[0]
    return emit(node, b, node.inputs[:1], {"k": k, "upper": node.attrs["upper"]})


def shape(node: Node, b: Builder) -> Sequence[str]:
    """A constant: every shape is static."""
    dims = b.type_of(node.inputs[0]).shape
    part = slice(node.attrs.get("start", 0), node.attrs.get("end"))
    return (b.constant(np.asarray(dims[part], np.int64), node.outputs[0]),)


def size(node: Node, b: Builder) -> Sequence[str]:
    return (b.constant(np.asarray(b.type_of(node.inputs[0]).size, np.int64), node.outputs[0]),)


TABLE = {
    "CenterCropPad": center_crop_pad,
    "Concat": concat,
    "Expand": expand,
    "EyeLike": eye_like,
    "Flatten": reshape,
    "Identity": alias,
    "Pad": pad,
    "Reshape": reshape,
    "Shape": shape,
    "Size": size,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": reshape,
    "Tile": tile,
    "Transpose": transpose,
    "Trilu": trilu,
    "Unsqueeze": reshape,
}

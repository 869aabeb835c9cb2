"""Rows of operators that move elements, and Cast."""

from math import prod

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import MANY, OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import at_least, at_least_all, axes_of, axis_of, broadcast, one_of, same, text
from ppc.ir.types import DTYPES, TensorType
from ppc.runtime.kernels.shape import new_shape, slices, split_sizes

Dims = tuple[int, ...]


def _cast(types: Types, *, to: str, saturate: int) -> Result:
    one_of("to", to, DTYPES)
    if "str" in (to, types[0].dtype) and to != types[0].dtype:
        raise OpError(f"Cast from {types[0].dtype} to {to}: text is not converted")
    return (TensorType(to, types[0].shape),)


def _reshape(types: Types, *, shape: Dims, allowzero: int) -> Result:
    x = types[0]
    if shape.count(-1) > 1 or any(d == 0 and i >= len(x.shape) and not allowzero for i, d in enumerate(shape)):
        raise OpError(f"Reshape of {text(x.shape)} to {shape}: more than one -1, or a 0 without a dimension to copy")
    dims = new_shape(x.shape, shape, allowzero)
    if prod(dims) != x.size or min(dims, default=0) < 0:
        raise OpError(f"Reshape of {text(x.shape)} ({x.size} elements) to {shape} ({prod(dims)} elements)")
    return (TensorType(x.dtype, dims),)


def _flatten(types: Types, *, axis: int) -> Result:
    x = types[0]
    if not -len(x.shape) <= axis <= len(x.shape):
        raise OpError(f"axis {axis} is outside a tensor of rank {len(x.shape)}")
    at = axis if axis >= 0 else axis + len(x.shape)
    return (TensorType(x.dtype, (prod(x.shape[:at]), prod(x.shape[at:]))),)


def _squeeze(types: Types, *, axes: Dims | None) -> Result:
    x = types[0]
    over = axes_of(axes, len(x.shape)) if axes else [i for i, d in enumerate(x.shape) if d == 1]
    if any(x.shape[a] != 1 for a in over):
        raise OpError(f"Squeeze of axes {axes} of {text(x.shape)}: each must be 1")
    return (TensorType(x.dtype, tuple(d for i, d in enumerate(x.shape) if i not in over)),)


def _unsqueeze(types: Types, *, axes: Dims) -> Result:
    x, rank = types[0], len(types[0].shape) + len(axes)
    new = {axis_of(a, rank) for a in axes}
    if len(new) != len(axes):
        raise OpError(f"Unsqueeze: axes {axes} repeat")
    old = iter(x.shape)
    return (TensorType(x.dtype, tuple(1 if i in new else next(old) for i in range(rank))),)


def _transpose(types: Types, *, perm: Dims | None) -> Result:
    x = types[0]
    order = tuple(perm) if perm else tuple(reversed(range(len(x.shape))))
    if sorted(order) != list(range(len(x.shape))):
        raise OpError(f"perm {order} is no permutation of the {len(x.shape)} axes of {text(x.shape)}")
    return (TensorType(x.dtype, tuple(x.shape[i] for i in order)),)


def _slice(types: Types, *, starts: Dims, ends: Dims, axes: Dims | None, steps: Dims | None) -> Result:
    x = types[0]
    over = axes_of(axes, len(x.shape)) if axes else list(range(len(starts)))
    if len({len(starts), len(ends), len(over), len(steps or starts)}) > 1 or len(over) > len(x.shape):
        raise OpError(f"Slice: starts {starts}, ends {ends}, axes {axes} and steps {steps} differ in length")
    if 0 in (steps or ()):
        raise OpError("Slice with a step of 0")
    cuts = slices(x.shape, starts, ends, axes, steps)
    return (TensorType(x.dtype, tuple(len(range(d)[c]) for d, c in zip(x.shape, cuts, strict=True))),)


def _concat(types: Types, *, axis: int) -> Result:
    at = axis_of(axis, len(types[0].shape))
    rest = {(t.dtype, *t.shape[:at], *t.shape[at + 1 :]) for t in types}
    if len(rest) > 1 or len({len(t.shape) for t in types}) > 1:
        raise OpError(f"Concat on axis {axis} of {', '.join(map(str, types))}: the other axes differ")
    dims = types[0].shape
    total = sum(t.shape[at] for t in types)
    return (TensorType(types[0].dtype, (*dims[:at], total, *dims[at + 1 :])),)


def _split(types: Types, *, axis: int, split: Dims | None, num_outputs: int | None) -> Result:
    x = types[0]
    at = axis_of(axis, len(x.shape))
    if not split and not num_outputs:
        raise OpError("Split needs split or num_outputs")
    sizes = split_sizes(x.shape[at], split, num_outputs)
    if sum(sizes) != x.shape[at] or min(sizes) < 0:
        raise OpError(f"Split of {x.shape[at]} elements into {sizes}")
    return tuple(TensorType(x.dtype, (*x.shape[:at], n, *x.shape[at + 1 :])) for n in sizes)


def _expand(types: Types, *, shape: Dims) -> Result:
    at_least_all("shape", 0, shape)
    return (TensorType(types[0].dtype, broadcast(types[0].shape, tuple(shape))),)


def _tile(types: Types, *, repeats: Dims) -> Result:
    x = types[0]
    if len(repeats) != len(x.shape) or min(repeats, default=0) < 0:
        raise OpError(f"Tile of {text(x.shape)} by {repeats}")
    return (TensorType(x.dtype, tuple(d * r for d, r in zip(x.shape, repeats, strict=True))),)


def _trilu(types: Types, *, k: int, upper: int) -> Result:
    at_least(types[0], 2, "the input of Trilu")
    return (types[0],)


def _reverse_sequence(types: Types, *, batch_axis: int, time_axis: int) -> Result:
    x, lengths = types
    at_least(x, 2, "the input of ReverseSequence")
    if {batch_axis, time_axis} != {0, 1}:
        raise OpError(f"ReverseSequence on axes {batch_axis} and {time_axis}: ONNX has 0 and 1")
    if lengths.shape != (x.shape[batch_axis],):
        raise OpError(f"{text(lengths.shape)} lengths for a batch of {x.shape[batch_axis]}")
    return (x,)


IDENTITY = declare("Identity", Kind.VIEW, 1, same, "The operand itself.")


CAST = declare("Cast", Kind.OTHER, 1, _cast, "Change of element type.", need("to", str), attr("saturate", int, 1))


RESHAPE = declare(
    "Reshape",
    Kind.VIEW,
    1,
    _reshape,
    "The same elements in another shape (0 copies a dimension, -1 takes the rest).",
    need("shape", tuple),
    attr("allowzero", int, 0),
)


FLATTEN = declare("Flatten", Kind.VIEW, 1, _flatten, "A matrix: axes before `axis` by the rest.", attr("axis", int, 1))


SQUEEZE = declare("Squeeze", Kind.VIEW, 1, _squeeze, "Without axes of extent 1.", attr("axes", tuple))


UNSQUEEZE = declare("Unsqueeze", Kind.VIEW, 1, _unsqueeze, "With new axes of extent 1.", need("axes", tuple))


TRANSPOSE = declare("Transpose", Kind.VIEW, 1, _transpose, "Axes in another order.", attr("perm", tuple))


SLICE = declare(
    "Slice",
    Kind.VIEW,
    1,
    _slice,
    "A part of each axis, by start, end and step.",
    need("starts", tuple),
    need("ends", tuple),
    attr("axes", tuple),
    attr("steps", tuple),
)


CONCAT = declare("Concat", Kind.VIEW, (1, MANY), _concat, "Tensors joined along axis.", need("axis", int))


SPLIT = declare(
    "Split",
    Kind.VIEW,
    1,
    _split,
    "Parts of a tensor along axis.",
    attr("axis", int, 0),
    attr("split", tuple),
    attr("num_outputs", int),
)


EXPAND = declare("Expand", Kind.VIEW, 1, _expand, "Broadcast to a shape.", need("shape", tuple))


TILE = declare("Tile", Kind.VIEW, 1, _tile, "Repeated along each axis.", need("repeats", tuple))


TRILU = declare(
    "Trilu",
    Kind.VIEW,
    1,
    _trilu,
    "The upper or lower triangle, zeros elsewhere.",
    attr("k", int, 0),
    attr("upper", int, 1),
)


REVERSESEQUENCE = declare(
    "ReverseSequence",
    Kind.INDEX,
    2,
    _reverse_sequence,
    "The first steps of each sequence reversed.",
    attr("batch_axis", int, 1),
    attr("time_axis", int, 0),
)

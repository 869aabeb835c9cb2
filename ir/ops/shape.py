"""Rows of operators that move elements, and of those that read nothing but shapes."""

from math import ceil, isfinite, prod
from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import MANY, OpError, Result, Types, attr, declare, is_public, need
from ppc.ir.ops.rules import at_least, at_least_all, axes_of, axis_of, broadcast, of_dtypes, one_of, same, text
from ppc.ir.types import DTYPES, TensorType
from ppc.runtime.kernels.cast import NUMPY
from ppc.runtime.kernels.pad import pad_widths
from ppc.runtime.kernels.resize import NEAREST, POLICIES, TRANSFORMS, resized
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


def _image(x: TensorType) -> tuple[int, int, int, int]:
    if len(x.shape) != 4:
        raise OpError(f"input {text(x.shape)} is not N x C x H x W")
    n, c, h, w = x.shape
    return n, c, h, w


def _depth_to_space(types: Types, *, blocksize: int, mode: str) -> Result:
    one_of("mode", mode, ("DCR", "CRD"))
    at_least_all("blocksize", 1, (blocksize,))
    n, c, h, w = _image(types[0])
    if c % blocksize**2:
        raise OpError(f"{c} channels do not divide by {blocksize} squared")
    return (TensorType(types[0].dtype, (n, c // blocksize**2, h * blocksize, w * blocksize)),)


def _space_to_depth(types: Types, *, blocksize: int) -> Result:
    at_least_all("blocksize", 1, (blocksize,))
    n, c, h, w = _image(types[0])
    if h % blocksize or w % blocksize:
        raise OpError(f"{h}x{w} does not divide by {blocksize}")
    return (TensorType(types[0].dtype, (n, c * blocksize**2, h // blocksize, w // blocksize)),)


def _reverse_sequence(types: Types, *, batch_axis: int, time_axis: int) -> Result:
    x, lengths = types
    at_least(x, 2, "the input of ReverseSequence")
    if {batch_axis, time_axis} != {0, 1}:
        raise OpError(f"ReverseSequence on axes {batch_axis} and {time_axis}: ONNX has 0 and 1")
    if lengths.shape != (x.shape[batch_axis],):
        raise OpError(f"{text(lengths.shape)} lengths for a batch of {x.shape[batch_axis]}")
    return (x,)


def _pad(types: Types, *, pads: Dims, mode: str, value: float | None, axes: Dims | None) -> Result:
    x = types[0]
    one_of("mode", mode, ("constant", "reflect", "edge", "wrap"))
    over = axes_of(axes, len(x.shape))
    if len(pads) != 2 * len(over):
        raise OpError(f"{len(pads)} pads for {len(over)} axes")
    widths = pad_widths(len(x.shape), pads, axes)
    dims = tuple(d + a + b for d, (a, b) in zip(x.shape, widths, strict=True))
    if min(dims, default=0) < 0:
        raise OpError(f"pads {pads} cut more of {text(x.shape)} than there is")
    return (TensorType(x.dtype, dims),)


def _center_crop_pad(types: Types, *, shape: Dims, axes: Dims | None) -> Result:
    x = types[0]
    over = axes_of(axes, len(x.shape))
    at_least_all("shape", 0, shape)
    if len(over) != len(shape):
        raise OpError(f"CenterCropPad of {len(over)} axes to {shape}")
    wanted = dict(zip(over, shape, strict=True))
    return (TensorType(x.dtype, tuple(wanted.get(i, d) for i, d in enumerate(x.shape))),)


def _resize(types: Types, *, scales: Any, sizes: Any, axes: Any, mode: str, **rest: Any) -> Result:
    x = types[0]
    one_of("mode", mode, ("nearest", "linear", "cubic"))
    one_of("coordinate_transformation_mode", rest["coordinate_transformation_mode"], tuple(TRANSFORMS))
    one_of("nearest_mode", rest["nearest_mode"], tuple(NEAREST))
    count = len(axes) if axes else len(x.shape)
    if bool(scales) == bool(sizes) or len(scales or sizes) != count:
        raise OpError(f"Resize of {count} axes needs {count} scales or {count} sizes; it has {scales} and {sizes}")
    dims = list(x.shape)
    if not x.size or not all(v > 0 and isfinite(v) for v in scales or sizes):
        raise OpError(f"Resize of {text(x.shape)} by {scales or sizes}: extents and scales must be positive")
    axes_of(axes, len(x.shape))
    policy = rest["keep_aspect_ratio_policy"]
    one_of("keep_aspect_ratio_policy", policy, tuple(POLICIES))
    for axis, extent, _ in resized(x.shape, scales, sizes, axes, policy):
        dims[axis] = extent
    return (TensorType(x.dtype, tuple(dims)),)


def _shape(types: Types, *, start: int, end: int | None) -> Result:
    return (TensorType("i64", (len(types[0].shape[start:end]),)),)


def _size(types: Types) -> Result:
    return (TensorType("i64", ()),)


def _range(types: Types, *, start: float, limit: float, delta: float) -> Result:
    if not delta or not all(map(isfinite, (start, limit, delta))):
        raise OpError(f"Range from {start} to {limit} by {delta}")
    whole = all(isinstance(v, int) for v in (start, limit, delta))
    return (TensorType("i64" if whole else "f32", (max(0, ceil((limit - start) / delta)),)),)


def _constant_of_shape(types: Types, *, shape: Dims, value: float) -> Result:
    at_least_all("shape", 0, shape)
    dtype = "bool" if isinstance(value, bool) else "i64" if isinstance(value, int) else "f32"
    return (TensorType(dtype, tuple(shape)),)


def _eye_like(types: Types, *, k: int, dtype: str | None) -> Result:
    x = types[0]
    if len(x.shape) != 2:
        raise OpError(f"EyeLike needs a matrix, not {text(x.shape)}")
    one_of("dtype", dtype or x.dtype, tuple(NUMPY))
    return (TensorType(dtype or x.dtype, x.shape),)


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
DEPTHTOSPACE = declare(
    "DepthToSpace",
    Kind.VIEW,
    1,
    _depth_to_space,
    "Blocks of channels moved into space.",
    need("blocksize", int),
    attr("mode", str, "DCR"),
)
SPACETODEPTH = declare(
    "SpaceToDepth", Kind.VIEW, 1, _space_to_depth, "Blocks of space moved into channels.", need("blocksize", int)
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
PAD = declare(
    "Pad",
    Kind.VIEW,
    1,
    _pad,
    "Elements around a tensor; negative pads cut.",
    need("pads", tuple),
    attr("mode", str, "constant"),
    attr("value", float),
    attr("axes", tuple),
)
CENTERCROPPAD = declare(
    "CenterCropPad",
    Kind.VIEW,
    1,
    _center_crop_pad,
    "Cut or padded around the middle.",
    need("shape", tuple),
    attr("axes", tuple),
)
RESIZE = declare(
    "Resize",
    Kind.LINEAR,
    1,
    of_dtypes("f16 f32 f64 u8 i8 i32", _resize),
    "Interpolation to other extents: nearest, linear or cubic.",
    attr("scales", tuple),
    attr("sizes", tuple),
    attr("axes", tuple),
    attr("mode", str, "nearest"),
    attr("coordinate_transformation_mode", str, "half_pixel"),
    attr("nearest_mode", str, "round_prefer_floor"),
    attr("cubic_coeff_a", float, -0.75),
    attr("exclude_outside", int, 0),
    attr("antialias", int, 0),
    attr("keep_aspect_ratio_policy", str, "stretch"),
    attr("extrapolation_value", float, 0.0),
)
SHAPE = declare(
    "Shape",
    Kind.VIEW,
    1,
    _shape,
    "The dims, which are public.",
    attr("start", int, 0),
    attr("end", int),
    label=is_public,
)
SIZE = declare("Size", Kind.VIEW, 1, _size, "The number of elements, which is public.", label=is_public)
RANGE = declare(
    "Range",
    Kind.VIEW,
    0,
    _range,
    "start, start + delta, ... before limit: i64 where all three are ints, else f32.",
    need("start", float),
    need("limit", float),
    need("delta", float),
)
CONSTANTOFSHAPE = declare(
    "ConstantOfShape",
    Kind.VIEW,
    0,
    _constant_of_shape,
    "A tensor filled with one value: bool, i64 or f32 as the value is.",
    need("shape", tuple),
    attr("value", float, 0.0),
)
EYELIKE = declare(
    "EyeLike",
    Kind.VIEW,
    1,
    _eye_like,
    "Ones on a diagonal of a matrix of the operand's shape.",
    attr("k", int, 0),
    attr("dtype", str),
    label=is_public,
)

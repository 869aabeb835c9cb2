"""Rows that change spatial extents: padding, resizing, blocks."""

from math import isfinite
from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import at_least_all, axes_of, of_dtypes, one_of, text
from ppc.ir.types import TensorType
from ppc.runtime.kernels.pad import pad_widths
from ppc.runtime.kernels.resize import NEAREST, POLICIES, TRANSFORMS, resized

Dims = tuple[int, ...]


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

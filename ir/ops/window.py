"""Rows of operators whose windows slide over (N, C, d...): convolution and pooling."""

from math import prod

from ppc.ir.opdef import AttrSpec, Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import FLOATS, NUMBERS, at_least_all, of_dtypes, one_of, text
from ppc.ir.types import TensorType
from ppc.runtime.kernels.conv import transpose_pads
from ppc.runtime.kernels.window import explicit_pads, ones_if_none, window_counts

Dims = tuple[int, ...]
#: Elements of a padded input: pads cost memory that no result shows.
MOST_PADDED = 2**28
AUTO_PADS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")


def _check(x: TensorType, taps: Dims, auto_pad: str, *lists: Dims | None) -> int:
    """The number of spatial axes. Raises OpError where a list of the attributes has another length."""
    rank = len(x.shape) - 2
    if rank < 1:
        raise OpError(f"input {text(x.shape)} has no spatial axis (it should be N x C x d...)")
    one_of("auto_pad", auto_pad, AUTO_PADS)
    if len(taps) != rank:
        raise OpError(f"a window {text(taps)} does not fit the {rank} spatial axes of {text(x.shape)}")
    at_least_all("kernel", 1, taps)
    for what, low, given in zip(("strides", "dilations", "pads"), (1, 1, 0), lists, strict=True):
        at_least_all(what, low, given)
    for given, length in zip(lists, (rank, rank, 2 * rank), strict=False):
        if given and len(given) != length:
            raise OpError(f"{given} has {len(given)} entries; {length} are needed for input {text(x.shape)}")
    return rank


def _slid(
    x: TensorType, taps: Dims, strides: Dims | None, dilations: Dims | None, pads: Dims | None, auto_pad: str, ceil: int
) -> Dims:
    rank, dims = _check(x, taps, auto_pad, strides, dilations, pads), x.shape[2:]
    s, e = ones_if_none(strides, rank), ones_if_none(dilations, rank)
    p = explicit_pads(auto_pad, pads, dims, taps, s, e)
    padded = prod(x.shape[:2]) * prod(d + p[i] + p[i + rank] for i, d in enumerate(dims))
    if padded > MOST_PADDED:
        raise OpError(f"pads {p} make {padded} elements of {text(x.shape)}")
    counts = tuple(window_counts(dims, taps, s, e, p, ceil))
    if min(counts) < 1:
        raise OpError(f"a window {text(taps)} (dilations {text(e)}, pads {p}) is larger than the input {text(dims)}")
    return counts


def _bias(types: Types, channels: int) -> None:
    if len(types) > 2 and types[2] is not None and types[2].shape != (channels,):
        raise OpError(f"bias is {text(types[2].shape)}; {channels} output channels need {channels}")


def conv_rule(
    types: Types,
    *,
    auto_pad: str,
    dilations: Dims | None,
    group: int,
    kernel_shape: Dims | None,
    pads: Dims | None,
    strides: Dims | None,
) -> Result:
    x, w = types[:2]
    counts = _slid(x, w.shape[2:], strides, dilations, pads, auto_pad, 0)
    if kernel_shape and tuple(kernel_shape) != w.shape[2:]:
        raise OpError(f"kernel_shape {text(kernel_shape)} is not that of the weights {text(w.shape)}")
    if group < 1 or x.shape[1] != w.shape[1] * group or w.shape[0] % group:
        raise OpError(f"weights {text(w.shape)} in {group} groups do not fit {x.shape[1]} input channels")
    _bias(types, w.shape[0])
    return (TensorType(x.dtype, (x.shape[0], w.shape[0], *counts)),)


def _conv_transpose(
    types: Types,
    *,
    auto_pad: str,
    dilations: Dims | None,
    group: int,
    kernel_shape: Dims | None,
    output_padding: Dims | None,
    output_shape: Dims | None,
    pads: Dims | None,
    strides: Dims | None,
) -> Result:
    x, w = types[:2]
    rank = _check(x, w.shape[2:], auto_pad, strides, dilations, pads)
    if group < 1 or x.shape[1] != w.shape[0] or w.shape[0] % group:
        raise OpError(f"weights {text(w.shape)} in {group} groups do not fit {x.shape[1]} input channels")
    for what, given in (("output_padding", output_padding), ("output_shape", output_shape)):
        at_least_all(what, 0, given)
        if given and len(given) != rank:
            raise OpError(f"{what} {given} has {len(given)} entries for {rank} spatial axes")
    channels = w.shape[1] * group
    _bias(types, channels)
    s, e = ones_if_none(strides, rank), ones_if_none(dilations, rank)
    extra = tuple(output_padding) if output_padding else (0,) * rank
    _, out = transpose_pads(x.shape[2:], w.shape[2:], s, e, extra, auto_pad, pads, output_shape)
    if min(out) < 1:
        raise OpError(f"the output would be {text(out)}")
    return (TensorType(x.dtype, (x.shape[0], channels, *out)),)


def _pool(
    types: Types,
    *,
    kernel_shape: Dims,
    auto_pad: str,
    ceil_mode: int,
    dilations: Dims | None,
    pads: Dims | None,
    strides: Dims | None,
    p: int = 2,
    **rest: object,
) -> Result:
    (x,) = types
    at_least_all("p", 1, (p,))
    counts = _slid(x, tuple(kernel_shape), strides, dilations, pads, auto_pad, ceil_mode)
    return (TensorType(x.dtype, (*x.shape[:2], *counts)),)


def _global(types: Types, p: int = 2) -> Result:
    (x,) = types
    at_least_all("p", 1, (p,))
    if len(x.shape) < 3 or not x.size:
        raise OpError(f"input {text(x.shape)} has no spatial axis (it should be N x C x d...)")
    return (TensorType(x.dtype, (*x.shape[:2], *(1,) * (len(x.shape) - 2))),)


_SLIDE = (attr("dilations", tuple), attr("pads", tuple), attr("strides", tuple), attr("auto_pad", str, "NOTSET"))
CONV_ATTRS = (*_SLIDE, attr("group", int, 1), attr("kernel_shape", tuple))
_POOL: tuple[AttrSpec, ...] = (*_SLIDE, need("kernel_shape", tuple), attr("ceil_mode", int, 0))

CONV = declare(
    "Conv", Kind.BILINEAR, (2, 3), of_dtypes(FLOATS, conv_rule), "Convolution in 1 to 3 dimensions.", *CONV_ATTRS
)
CONVTRANSPOSE = declare(
    "ConvTranspose",
    Kind.BILINEAR,
    (2, 3),
    of_dtypes(FLOATS, _conv_transpose),
    "Transposed convolution: the adjoint of Conv.",
    *CONV_ATTRS,
    attr("output_padding", tuple),
    attr("output_shape", tuple),
)
MAXPOOL = declare(
    "MaxPool",
    Kind.COMPARISON,
    1,
    of_dtypes(NUMBERS, _pool),
    "Largest element of each window (no indices).",
    *_POOL,
    attr("storage_order", int, 0),
)
AVERAGEPOOL = declare(
    "AveragePool",
    Kind.LINEAR,
    1,
    of_dtypes(FLOATS, _pool),
    "Mean of each window; padding counts where count_include_pad.",
    *_POOL,
    attr("count_include_pad", int, 0),
)
LPPOOL = declare(
    "LpPool", Kind.COMPOUND, 1, of_dtypes(FLOATS, _pool), "p-norm of each window.", *_POOL, attr("p", int, 2)
)
GLOBALMAXPOOL = declare("GlobalMaxPool", Kind.COMPARISON, 1, of_dtypes(FLOATS, _global), "Maximum of each channel.")
GLOBALAVERAGEPOOL = declare("GlobalAveragePool", Kind.LINEAR, 1, of_dtypes(FLOATS, _global), "Mean of each channel.")
GLOBALLPPOOL = declare(
    "GlobalLpPool", Kind.COMPOUND, 1, of_dtypes(FLOATS, _global), "p-norm of each channel.", attr("p", int, 2)
)

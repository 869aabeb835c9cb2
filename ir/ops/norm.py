"""Rows of normalisation. Statistics that come from the data make an operator COMPOUND; given ones make it LINEAR."""

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import Operands, OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import FLOATS, at_least, axes_of, axis_of, broadcast, of_dtypes, one_of, text, with_axis
from ppc.ir.types import TensorType


def _per_channel(types: Operands, x: TensorType) -> None:
    """The other operands must be vectors with one element a channel (axis 1)."""
    at_least(x, 2, "the input")
    for t in types:
        if t is not None and t.shape != (x.shape[1],):
            raise OpError(f"{text(t.shape)} elements for {x.shape[1]} channels of {text(x.shape)}")


def _batch(types: Types, *, epsilon: float, momentum: float, training_mode: int) -> Result:
    if training_mode:
        raise OpError("BatchNormalization in training mode: export the model for inference")
    _per_channel(types[1:], types[0])
    return (types[0],)


def _instance(types: Types, *, epsilon: float) -> Result:
    at_least(types[0], 3, "the input")
    _per_channel(types[1:], types[0])
    return (types[0],)


def _group(types: Types, *, num_groups: int, epsilon: float, stash_type: int) -> Result:
    _per_channel(types[1:], types[0])
    if num_groups < 1 or types[0].shape[1] % num_groups:
        raise OpError(f"{types[0].shape[1]} channels do not divide into {num_groups} groups")
    return (types[0],)


def _scaled(types: Operands, x: TensorType) -> None:
    for t in types:
        if t is not None and broadcast(x.shape, t.shape) != x.shape:
            raise OpError(f"scale or bias {text(t.shape)} does not broadcast to {text(x.shape)}")


def _layer(types: Types, *, axis: int, epsilon: float, stash_type: int) -> Result:
    x, first = types[0], axis_of(axis, len(types[0].shape))
    _scaled(types[1:], x)
    statistic = TensorType(x.dtype, x.shape[:first] + (1,) * (len(x.shape) - first))
    return (x, statistic, statistic)


def _rms(types: Types, *, axis: int, epsilon: float, stash_type: int) -> Result:
    axis_of(axis, len(types[0].shape))
    _scaled(types[1:], types[0])
    return (types[0],)


def _lrn(types: Types, *, size: int, alpha: float, beta: float, bias: float) -> Result:
    at_least(types[0], 2, "the input")
    if size < 1:
        raise OpError(f"LRN over {size} channels")
    return (types[0],)


def _lp(types: Types, *, axis: int, p: int) -> Result:
    one_of("p", str(p), ("1", "2"))
    return with_axis(types, axis=axis)


def _mvn(types: Types, *, axes: tuple[int, ...]) -> Result:
    axes_of(axes, len(types[0].shape))
    return (types[0],)


def _dropout(types: Types, *, seed: int) -> Result:
    return (types[0], TensorType("bool", types[0].shape))


_EPSILON, _STASH = attr("epsilon", float, 1e-5), attr("stash_type", int, 1)

BATCHNORMALIZATION = declare(
    "BatchNormalization",
    Kind.LINEAR,
    5,
    of_dtypes(FLOATS, _batch),
    "Scaled and shifted by given statistics of each channel (inference).",
    _EPSILON,
    attr("momentum", float, 0.9),
    attr("training_mode", int, 0),
)
INSTANCENORMALIZATION = declare(
    "InstanceNormalization", Kind.COMPOUND, 3, of_dtypes(FLOATS, _instance), "Each channel standardised.", _EPSILON
)
GROUPNORMALIZATION = declare(
    "GroupNormalization",
    Kind.COMPOUND,
    3,
    of_dtypes(FLOATS, _group),
    "Groups of channels standardised; scale and bias have one element a channel.",
    need("num_groups", int),
    _EPSILON,
    _STASH,
)
LAYERNORMALIZATION = declare(
    "LayerNormalization",
    Kind.COMPOUND,
    (2, 3),
    of_dtypes(FLOATS, _layer),
    "The axes from `axis` on standardised: result, mean, inverse standard deviation.",
    attr("axis", int, -1),
    _EPSILON,
    _STASH,
)
RMSNORMALIZATION = declare(
    "RMSNormalization",
    Kind.COMPOUND,
    2,
    of_dtypes(FLOATS, _rms),
    "The axes from `axis` on over their root mean square.",
    attr("axis", int, -1),
    _EPSILON,
    _STASH,
)
LRN = declare(
    "LRN",
    Kind.COMPOUND,
    1,
    of_dtypes(FLOATS, _lrn),
    "Each element over a power of the sum of squares of neighbouring channels.",
    need("size", int),
    attr("alpha", float, 1e-4),
    attr("beta", float, 0.75),
    attr("bias", float, 1.0),
)
LPNORMALIZATION = declare(
    "LpNormalization",
    Kind.COMPOUND,
    1,
    of_dtypes(FLOATS, _lp),
    "Vectors along axis over their p-norm.",
    attr("axis", int, -1),
    attr("p", int, 2),
)
MEANVARIANCENORMALIZATION = declare(
    "MeanVarianceNormalization",
    Kind.COMPOUND,
    1,
    of_dtypes(FLOATS, _mvn),
    "Standardised over the given axes.",
    attr("axes", tuple, (0, 2, 3)),
)
DROPOUT = declare(
    "Dropout", Kind.VIEW, 1, _dropout, "Inference: the operand, and a mask of ones.", attr("seed", int, 0)
)

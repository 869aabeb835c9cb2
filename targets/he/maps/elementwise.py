"""Elementwise affine operators with one encrypted operand."""

import numpy as np
from numpy.typing import NDArray

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap, weighted
from ppc.targets.he.maps.attributes import number
from ppc.targets.he.sample import Refusal, Samples

Array = NDArray[np.float64]


def _split(op: Op, samples: Samples) -> tuple[NDArray[np.int64], Array, bool]:
    """(input index broadcast to the result, constant broadcast to the result, the constant is on the left)."""
    left, right = op.operands[:2]
    first = samples.is_constant(left)
    if first == samples.is_constant(right):
        raise Refusal("it has two encrypted operands where one was expected")
    shape = samples.shape(op.results[0])
    constant = samples.constant(left if first else right)
    try:
        return (
            np.broadcast_to(samples.index(right if first else left), shape),
            np.broadcast_to(constant, shape),
            first,
        )
    except ValueError:
        raise Refusal(
            f"its constant of shape {constant.shape} differs from sample to sample of the batch of {samples.batch}"
        ) from None


def _map(op: Op, samples: Samples, index: NDArray[np.int64], weight: Array, bias: Array) -> LinearMap:
    return weighted(index, samples.size(samples.secrets(op)[0]), weight, bias)


def add(op: Op, samples: Samples) -> LinearMap:
    index, constant, _ = _split(op, samples)
    return _map(op, samples, index, np.ones(index.shape), constant)


def sub(op: Op, samples: Samples) -> LinearMap:
    index, constant, first = _split(op, samples)
    sign = -1.0 if first else 1.0
    return _map(op, samples, index, np.full(index.shape, sign), -sign * constant)


def mul(op: Op, samples: Samples) -> LinearMap:
    index, constant, _ = _split(op, samples)
    return _map(op, samples, index, constant, np.zeros(index.shape))


def div(op: Op, samples: Samples) -> LinearMap:
    index, constant, first = _split(op, samples)
    if first:
        raise Refusal("it divides by an encrypted value, which is not polynomial; mpc or tee can run it")
    if not np.all(constant):
        raise Refusal("its divisor holds a zero")
    return _map(op, samples, index, 1.0 / constant, np.zeros(index.shape))


def neg(op: Op, samples: Samples) -> LinearMap:
    index = samples.index(op.operands[0])
    return _map(op, samples, index, np.full(index.shape, -1.0), np.zeros(index.shape))


def batch_normalization(op: Op, samples: Samples) -> LinearMap:
    """(x - mean) / sqrt(var + epsilon) * scale + b, a channel at a time (inference form)."""
    index = samples.index(op.operands[0])
    if not all(samples.is_constant(o) for o in op.operands[1:5]):
        raise Refusal("its statistics are not constants of the model")
    per_channel = (1, -1) + (1,) * (index.ndim - 2)
    scale, b, mean, var = (samples.constant(o).reshape(per_channel) for o in op.operands[1:5])
    factor = scale / np.sqrt(var + number(op, "epsilon", 1e-5))
    weight, bias = np.broadcast_to(factor, index.shape), np.broadcast_to(b - mean * factor, index.shape)
    return _map(op, samples, index, weight, bias)

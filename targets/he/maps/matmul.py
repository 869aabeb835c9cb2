"""Gemm and MatMul with one constant operand."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap, from_entries
from ppc.targets.he.maps.attributes import integer, number
from ppc.targets.he.sample import Refusal, Samples

BOTH = "both its operands are secret: a product of two encrypted matrices is not lowered; mpc or tee can run it"


def matmul(op: Op, samples: Samples) -> LinearMap:
    """numpy.matmul with one constant operand, left or right; batched operands broadcast."""
    left, right = op.operands[:2]
    if samples.is_constant(left) == samples.is_constant(right):
        raise Refusal(BOTH)
    if samples.is_constant(right):
        return _left_secret(samples.index(left), samples.constant(right))
    return _right_secret(samples.constant(left), samples.index(right))


def gemm(op: Op, samples: Samples) -> LinearMap:
    """alpha * A' B' + beta * C, C constant."""
    a, b = op.operands[:2]
    if samples.is_constant(a) == samples.is_constant(b):
        raise Refusal(BOTH)
    alpha, beta = number(op, "alpha", 1.0), number(op, "beta", 1.0)
    flip_a, flip_b = bool(integer(op, "transA", 0)), bool(integer(op, "transB", 0))
    if samples.batch > 1 and (flip_a or samples.is_constant(a)):
        raise Refusal("it mixes the samples of the batch (transA, or the batch is not on the rows of A)")
    if samples.is_constant(b):
        weight = samples.constant(b)
        index = samples.index(a)
        found = _left_secret(index.T if flip_a else index, alpha * (weight.T if flip_b else weight))
    else:
        weight = samples.constant(a)
        index = samples.index(b)
        found = _right_secret(alpha * (weight.T if flip_a else weight), index.T if flip_b else index)
    if len(op.operands) < 3 or not op.operands[2]:
        return found
    if not samples.is_constant(op.operands[2]):
        raise Refusal("its C operand is encrypted: write it as MatMul and Add")
    out = samples.shape(op.results[0])
    constant = samples.constant(op.operands[2])
    if samples.batch > 1 and constant.ndim == 2 and constant.shape[0] not in (1, out[0]):
        raise Refusal("its C operand differs from sample to sample of the batch")
    bias = beta * np.broadcast_to(constant, out).reshape(-1)
    return LinearMap(found.out_size, found.in_size, found.rows, found.cols, found.values, bias)


def _left_secret(index: NDArray[np.int64], weight: NDArray[np.float64]) -> LinearMap:
    """index (..., m, k) of the encrypted operand, weight (..., k, n)."""
    x = index[None, :] if index.ndim == 1 else index
    w = weight[:, None] if weight.ndim == 1 else weight
    outer = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
    m, k, n = x.shape[-2], x.shape[-1], w.shape[-1]
    rows = np.arange(prod(outer) * m * n, dtype=np.int64).reshape(*outer, m, 1, n)
    cols = np.broadcast_to(x, (*outer, m, k))[..., None]
    return from_entries(rows.size, index.size, rows, cols, w[..., None, :, :], np.zeros(rows.size))


def _right_secret(weight: NDArray[np.float64], index: NDArray[np.int64]) -> LinearMap:
    """weight (..., m, k), index (..., k, n) of the encrypted operand."""
    w = weight[None, :] if weight.ndim == 1 else weight
    x = index[:, None] if index.ndim == 1 else index
    outer = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
    m, k, n = w.shape[-2], w.shape[-1], x.shape[-1]
    rows = np.arange(prod(outer) * m * n, dtype=np.int64).reshape(*outer, m, 1, n)
    cols = np.broadcast_to(x, (*outer, k, n))[..., None, :, :]
    return from_entries(rows.size, index.size, rows, cols, w[..., :, :, None], np.zeros(rows.size))

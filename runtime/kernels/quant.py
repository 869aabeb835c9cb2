"""Kernels of quantised nets."""

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.cast import NUMPY


def _along(v: Array, x: Array, axis: int, block_size: int) -> Array:
    """A scale or zero point shaped to broadcast against x: one a tensor, a slice of `axis`, or a block of it."""
    if v.ndim == 0 or v.size == 1:
        return v.reshape(())
    if block_size:
        return np.take(np.repeat(v, block_size, axis), range(x.shape[axis]), axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    return v.reshape(shape)


def quantize_linear(
    x: Array,
    y_scale: Array,
    y_zero_point: Array | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: str | None = None,
    saturate: int = 1,
) -> Array:
    """round(x / scale) + zero, saturated; uint8 where neither a zero point nor `output_dtype` says otherwise."""
    dtype = y_zero_point.dtype if y_zero_point is not None else np.dtype(NUMPY[output_dtype or "u8"])
    y = np.rint(x / _along(y_scale, x, axis, block_size))
    if y_zero_point is not None:
        y = y + _along(y_zero_point, x, axis, block_size).astype(np.float64)
    limits = np.iinfo(dtype)
    return np.clip(y, limits.min, limits.max).astype(dtype)


def dequantize_linear(
    x: Array, x_scale: Array, x_zero_point: Array | None = None, *, axis: int = 1, block_size: int = 0
) -> Array:
    """(x - zero) * scale."""
    wide = x.astype(np.float64)
    if x_zero_point is not None:
        wide = wide - _along(x_zero_point, x, axis, block_size)
    return wide * _along(x_scale, x, axis, block_size)


def mat_mul_integer(a: Array, b: Array, a_zero: Array | None = None, b_zero: Array | None = None) -> Array:
    """(A - a_zero) (B - b_zero) in int32; zero points are scalars, or one a row of A and one a column of B."""
    wide_a, wide_b = a.astype(np.int32), b.astype(np.int32)
    if a_zero is not None:
        wide_a = wide_a - (a_zero.astype(np.int32)[..., None] if a_zero.ndim else a_zero.astype(np.int32))
    if b_zero is not None:
        wide_b = wide_b - b_zero.astype(np.int32)
    return wide_a @ wide_b

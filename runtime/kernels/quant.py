"""Kernels of quantised nets."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.cast import NUMPY
from ppc.runtime.kernels.conv import conv


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
    scale = _along(y_scale, x, axis, block_size).astype(np.float32)
    y = np.rint(x.astype(np.float32) / scale).astype(np.float64)  # in float32, which decides a tie
    if y_zero_point is not None:
        y = y + _along(y_zero_point, x, axis, block_size).astype(np.float64)
    limits = np.iinfo(dtype)
    out: Array = np.clip(y, limits.min, limits.max).astype(dtype)
    return out


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


def _centred(x: Array, zero: Array | None, shape: Sequence[int] | None = None) -> Array:
    """Integers less their zero point, in float64 (exact: products of bytes stay far below 2^53)."""
    wide = x.astype(np.float64)
    return wide if zero is None else wide - (zero.reshape(shape) if shape and zero.size > 1 else zero.reshape(-1))


def _requantized(y: Array, scale: Array, zero: Array) -> Array:
    limits = np.iinfo(zero.dtype)
    out: Array = np.clip(np.rint(y / scale) + zero.astype(np.float64), limits.min, limits.max).astype(zero.dtype)
    return out


def conv_integer(
    x: Array,
    w: Array,
    x_zero: Array | None = None,
    w_zero: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    """Convolution of integers less their zero points, in int32; w_zero is one number or one an output channel."""
    per_channel = (-1, *(1,) * (w.ndim - 1))
    y = conv(
        _centred(x, x_zero),
        _centred(w, w_zero, per_channel),
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        pads=pads,
        strides=strides,
    )
    return y.astype(np.int32)


def q_linear_conv(
    x: Array,
    x_scale: Array,
    x_zero: Array,
    w: Array,
    w_scale: Array,
    w_zero: Array,
    y_scale: Array,
    y_zero: Array,
    b: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    """Convolution of quantised tensors, quantised again; the bias (int32) has the scale x_scale * w_scale."""
    per_channel = (-1, *(1,) * (w.ndim - 1))
    y = conv(
        _centred(x, x_zero),
        _centred(w, w_zero, per_channel),
        None if b is None else b.astype(np.float64),
        auto_pad=auto_pad,
        dilations=dilations,
        group=group,
        pads=pads,
        strides=strides,
    )
    return _requantized(y * (x_scale * w_scale).reshape(-1, *(1,) * (w.ndim - 2)), y_scale, y_zero)


def q_linear_mat_mul(
    a: Array,
    a_scale: Array,
    a_zero: Array,
    b: Array,
    b_scale: Array,
    b_zero: Array,
    y_scale: Array,
    y_zero: Array,
) -> Array:
    """Matrix product of quantised tensors, quantised again; scales and zero points are one number, or one a column
    of B."""
    product = _centred(a, a_zero) @ _centred(b, b_zero)
    return _requantized(product * (a_scale.reshape(()) * b_scale.reshape(-1)), y_scale, y_zero)


def dynamic_quantize_linear(x: Array) -> tuple[Array, Array, Array]:
    """uint8 with the scale and zero point that fit the data (0 is always exact): result, scale, zero point.

    In float32, as the standard has it: the scale is a result of that type, and decides which way a tie falls.
    """
    x = x.astype(np.float32)
    low, high = np.minimum(x.min(), np.float32(0)), np.maximum(x.max(), np.float32(0))
    scale = np.asarray((high - low) / np.float32(255)) if high > low else np.asarray(np.float32(1))
    zero = np.asarray(np.clip(np.rint(-low / scale), 0, 255)).astype(np.uint8)
    return np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8), scale.astype(np.float64), zero

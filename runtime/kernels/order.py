"""Kernels that depend on the order of elements along an axis."""

import numpy as np

from ppc.runtime.kernels import Array


def _arg(pick_max: bool, x: Array, axis: int, keepdims: int, last: int) -> Array:
    along = np.flip(x, axis) if last else x
    i = along.argmax(axis=axis) if pick_max else along.argmin(axis=axis)
    i = x.shape[axis] - 1 - i if last else i
    return np.expand_dims(i, axis) if keepdims else np.asarray(i)


def arg_max(x: Array, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Array:
    """Index (int64) of the largest element; of equals the first, or the last."""
    return _arg(True, x, axis, keepdims, select_last_index)


def arg_min(x: Array, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Array:
    return _arg(False, x, axis, keepdims, select_last_index)


def top_k(x: Array, *, k: int, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Array, Array]:
    """The k largest (or smallest) elements in order and their indices; of equals the lower index comes first."""
    if largest:  # a stable sort of the reversed axis, reversed, is descending with lower indices first
        order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis=axis, kind="stable")
    first = np.take(order, range(k), axis=axis)
    return np.take_along_axis(x, first, axis), first


def cum_sum(x: Array, *, axis: int, exclusive: int = 0, reverse: int = 0) -> Array:
    """Running sum along the axis, without the element itself if `exclusive`, from the end if `reverse`."""
    along = np.flip(x, axis) if reverse else x
    y = along.cumsum(axis=axis, dtype=x.dtype)
    if exclusive:
        y = y - along
    return np.flip(y, axis) if reverse else y


def cum_prod(x: Array, *, axis: int, exclusive: int = 0, reverse: int = 0) -> Array:
    """Running product along the axis, without the element itself if `exclusive`, from the end if `reverse`."""
    along = np.flip(x, axis) if reverse else x
    y = along.cumprod(axis=axis, dtype=x.dtype)
    if exclusive:  # not divided by the element: it may be 0
        y = np.roll(y, 1, axis)
        y[(slice(None),) * (axis % x.ndim) + (slice(0, 1),)] = 1
    return np.flip(y, axis) if reverse else y

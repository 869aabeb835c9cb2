"""Kernels that reduce over axes.

`axes` empty or absent means all axes, or with `noop_with_empty_axes` none (the elementwise part still applies).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ppc.runtime.kernels import Array

Axes = Sequence[int] | None
Kernel = Callable[..., Array]


def reduced_axes(axes: Axes, rank: int, noop_with_empty_axes: int) -> tuple[int, ...]:
    """The axes that vanish, counted from 0."""
    if axes:
        return tuple(sorted({a % rank for a in axes}))
    return () if noop_with_empty_axes else tuple(range(rank))


def _reduction(
    combine: Callable[..., Any], before: Callable[..., Any] | None = None, after: Callable[..., Any] | None = None
) -> Kernel:
    def kernel(x: Array, *, axes: Axes = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Array:
        over = reduced_axes(axes, x.ndim, noop_with_empty_axes)
        y = combine(before(x) if before else x, axis=over, keepdims=bool(keepdims))
        return np.asarray(after(y) if after else y).astype(x.dtype, copy=False)

    return kernel


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The lowest and the highest value of a type."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return (False, True) if dtype.kind == "b" else (-np.inf, np.inf)


def _extreme(pick: Callable[..., Any], end: int) -> Callable[..., Array]:
    """np.max or np.min; over no elements at all the lowest or highest value there is."""

    def combine(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
        if x.size:
            return np.asarray(pick(x, axis=axis, keepdims=keepdims))
        return np.asarray(pick(x, axis=axis, keepdims=keepdims, initial=_limits(x.dtype)[end]))

    return combine


_max, _min = _extreme(np.max, 0), _extreme(np.min, 1)


def _log_sum_exp(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    top = _max(x, axis, True)
    top = np.where(np.isfinite(top), top, 0.0)
    y: Array = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return y if keepdims else y.reshape([d for i, d in enumerate(x.shape) if i not in axis])


reduce_sum = _reduction(np.sum)
reduce_mean = _reduction(np.mean)
reduce_max = _reduction(_max)
reduce_min = _reduction(_min)
reduce_prod = _reduction(np.prod)
reduce_l1 = _reduction(np.sum, before=np.abs)
reduce_l2 = _reduction(np.sum, before=np.square, after=np.sqrt)
reduce_log_sum = _reduction(np.sum, after=np.log)
reduce_log_sum_exp = _reduction(_log_sum_exp)
reduce_sum_square = _reduction(np.sum, before=np.square)

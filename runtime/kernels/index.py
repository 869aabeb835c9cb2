"""Kernels that read or write where an operand points. Negative indices count from the end."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ppc.runtime.kernels import Array

#: How a scattered update meets what is there (ufunc.at handles repeated indices).
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add.at,
    "mul": np.multiply.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
}


def gather(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.take(x, indices, axis)


def _grid(indices: Array, axis: int) -> tuple[Array, ...]:
    """Coordinates of each element of `indices`, with the index itself on the axis."""
    grid: list[Array] = list(np.ogrid[tuple(slice(d) for d in indices.shape)])
    grid[axis] = indices
    return tuple(grid)


def gather_elements(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.asarray(x[_grid(indices, axis)])


def gather_nd(x: Array, indices: Array, *, batch_dims: int = 0) -> Array:
    """The last axis of `indices` points into the axes of x behind the batch axes."""
    lead = indices.ndim - 1
    batch = [np.arange(d).reshape(-1, *(1,) * (lead - 1 - i)) for i, d in enumerate(x.shape[:batch_dims])]
    return np.asarray(x[(*batch, *np.moveaxis(indices, -1, 0))])


def _scatter(x: Array, where: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    out = x.copy()
    if reduction == "none":
        out[where] = updates
    else:
        REDUCTIONS[reduction](out, where, updates)
    return out


def scatter_elements(x: Array, indices: Array, updates: Array, *, axis: int = 0, reduction: str = "none") -> Array:
    return _scatter(x, _grid(indices, axis), updates, reduction)


def scatter_nd(x: Array, indices: Array, updates: Array, *, reduction: str = "none") -> Array:
    return _scatter(x, tuple(np.moveaxis(indices, -1, 0)), updates, reduction)


def one_hot(indices: Array, *, depth: int, values: Sequence[float] = (0.0, 1.0), axis: int = -1) -> Array:
    """values = (off, on); a new axis of `depth`. An index outside [-depth, depth) gives off everywhere."""
    at = axis % (indices.ndim + 1)
    i = np.where(indices < 0, indices + depth, indices)
    hot = np.expand_dims(i, at) == np.arange(depth).reshape(-1, *(1,) * (indices.ndim - at))
    return np.where(hot, values[1], values[0])

"""Kernels that read or write where an operand points. Negative indices count from the end."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import Array

#: How a scattered update meets what is there (ufunc.at handles repeated indices).
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add.at,
    "mul": np.multiply.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
}


def _within(indices: Array, extent: int) -> Array:
    """The indices, counted from 0. Raises PartyError if one is outside the axis; the text has no index: it may be
    secret (numpy's own message would show it)."""
    if ((indices < -extent) | (indices >= extent)).any():
        raise PartyError("PPC6005", f"an index is outside an axis of {extent} elements")
    return np.where(indices < 0, indices + extent, indices)


def gather(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.take(x, _within(indices, x.shape[axis]), axis)


def _grid(x: Array, indices: Array, axis: int) -> tuple[Array, ...]:
    """Coordinates of each element of `indices`, with the index itself on the axis."""
    grid: list[Array] = list(np.ogrid[tuple(slice(d) for d in indices.shape)])
    grid[axis] = _within(indices, x.shape[axis])
    return tuple(grid)


def gather_elements(x: Array, indices: Array, *, axis: int = 0) -> Array:
    return np.asarray(x[_grid(x, indices, axis)])


def _points(x: Array, indices: Array, skipped: int = 0) -> tuple[Array, ...]:
    """Index tuples (the last axis of `indices`) as one array an axis of x, behind `skipped` batch axes."""
    return tuple(_within(i, x.shape[skipped + n]) for n, i in enumerate(np.moveaxis(indices, -1, 0)))


def gather_nd(x: Array, indices: Array, *, batch_dims: int = 0) -> Array:
    """The last axis of `indices` points into the axes of x behind the batch axes."""
    lead = indices.ndim - 1
    batch = [np.arange(d).reshape(-1, *(1,) * (lead - 1 - i)) for i, d in enumerate(x.shape[:batch_dims])]
    return np.asarray(x[(*batch, *_points(x, indices, batch_dims))])


def _scatter(x: Array, where: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    out = x.copy()
    if reduction == "none":
        out[where] = updates
    else:
        REDUCTIONS[reduction](out, where, updates)
    return out


def scatter_elements(x: Array, indices: Array, updates: Array, *, axis: int = 0, reduction: str = "none") -> Array:
    return _scatter(x, _grid(x, indices, axis), updates, reduction)


def scatter_nd(x: Array, indices: Array, updates: Array, *, reduction: str = "none") -> Array:
    return _scatter(x, _points(x, indices), updates, reduction)


def one_hot(indices: Array, *, depth: int, values: Sequence[float] = (0.0, 1.0), axis: int = -1) -> Array:
    """values = (off, on); a new axis of `depth`. An index outside [-depth, depth) gives off everywhere."""
    at = axis % (indices.ndim + 1)
    i = np.where(indices < 0, indices + depth, indices)
    hot = np.expand_dims(i, at) == np.arange(depth).reshape(-1, *(1,) * (indices.ndim - at))
    return np.where(hot, values[1], values[0])

"""Kernels whose result depends on shapes and attributes alone."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.cast import NUMPY


def shape(x: Array, *, start: int = 0, end: int | None = None) -> Array:
    return np.array(x.shape[start:end], np.int64)


def size(x: Array) -> Array:
    return np.array(x.size, np.int64)


def range_(*, start: float, limit: float, delta: float) -> Array:
    """start, start + delta, ... before limit: int64 where all three are Python ints, else float64."""
    whole = all(isinstance(v, int) for v in (start, limit, delta))
    n = max(0, int(np.ceil((limit - start) / delta)))
    return (start + np.arange(n) * delta).astype(np.int64 if whole else np.float64)


def constant_of_shape(*, shape: Sequence[int], value: float = 0.0) -> Array:
    """Filled with `value`: bool, int64 or float64 as the Python type of the value says."""
    return np.full(tuple(shape), value)


def eye_like(x: Array, *, k: int = 0, dtype: str | None = None) -> Array:
    rows, columns = x.shape
    return np.eye(rows, columns, k, dtype=NUMPY[dtype] if dtype else x.dtype)

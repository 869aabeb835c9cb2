"""A linear operator as a sparse affine map over flat row-major indices.

The *structure* (which entries exist) depends on shapes alone: a weight that happens to be zero keeps its entry, so
that neither the plan nor its running time says anything about the values.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearMap:
    """y[rows] += values * x[cols], then y += bias. Arrays of one length, one entry a structural non-zero."""

    out_size: int
    in_size: int
    rows: Ints
    cols: Ints
    values: Floats
    bias: Floats  # (out_size,)

    @property
    def entries(self) -> int:
        return len(self.rows)

    @property
    def dense(self) -> bool:
        """True where every output depends on every input."""
        return self.entries == self.out_size * self.in_size

    @cached_property
    def pointwise(self) -> bool:
        """True where every output depends on the input of its own place and on nothing else."""
        return self.entries == self.out_size == self.in_size and bool((self.rows == self.cols).all())

    def apply(self, x: Floats) -> Floats:
        """The map on flat vectors: (in_size,) -> (out_size,)."""
        return np.bincount(self.rows, self.values * x[self.cols], self.out_size) + self.bias

    @cached_property
    def gain(self) -> float:
        """Largest Euclidean norm of a row: how much independent noise of the input grows."""
        return float(np.sqrt(np.bincount(self.rows, self.values**2, self.out_size).max(initial=0.0)))

    @cached_property
    def largest(self) -> float:
        """Largest absolute value of a weight."""
        return float(np.abs(self.values).max(initial=0.0))

    @cached_property
    def row_sum(self) -> float:
        """Largest sum of absolute values of a row."""
        return float(np.bincount(self.rows, np.abs(self.values), self.out_size).max(initial=0.0))

    @cached_property
    def longest_row(self) -> int:
        """Most entries of a row."""
        return int(np.bincount(self.rows, minlength=1).max())

    @cached_property
    def blank(self) -> bool:
        """True where a row has no weight but zeros."""
        return len(np.unique(self.rows[self.values != 0])) < self.out_size

    def then(self, outer: "LinearMap") -> "LinearMap":
        """The composition outer(self(x)). Its structure is the product of the two structures."""
        keys, _ = self._product(outer, np.ones(self.entries), np.ones(outer.entries))
        some, data = self._product(outer, self.values, outer.values)  # entries that cancel to 0 are not in it
        values = np.zeros(len(keys))
        values[np.searchsorted(keys, some)] = data
        bias = outer.apply(self.bias)
        return LinearMap(outer.out_size, self.in_size, keys // self.in_size, keys % self.in_size, values, bias)

    def _product(self, outer: "LinearMap", mine: Floats, its: Floats) -> tuple[Ints, Floats]:
        """Keys row * in_size + col (ascending) and values of outer @ self with these values."""
        product = outer._matrix(its) @ self._matrix(mine)
        product.sort_indices()
        rows = np.repeat(np.arange(outer.out_size, dtype=np.int64), np.diff(product.indptr))
        return rows * self.in_size + product.indices, product.data

    def _matrix(self, values: Floats) -> "sparse.csr_matrix":
        return sparse.csr_matrix((values, (self.rows, self.cols)), shape=(self.out_size, self.in_size))


def identity(size: int) -> LinearMap:
    """y = x."""
    i = np.arange(size, dtype=np.int64)
    return LinearMap(size, size, i, i, np.ones(size), np.zeros(size))


def gather(index: NDArray[np.int64], in_size: int, fill: float = 0.0) -> LinearMap:
    """y.flat[i] = x.flat[index.flat[i]], `fill` where the index is -1: every movement of elements is one of these."""
    flat = index.reshape(-1)
    rows = np.flatnonzero(flat >= 0).astype(np.int64)
    bias = np.where(flat >= 0, 0.0, fill)
    return LinearMap(len(flat), in_size, rows, flat[rows], np.ones(len(rows)), bias)


def weighted(index: NDArray[np.int64], in_size: int, weight: Floats, bias: Floats) -> LinearMap:
    """y.flat[i] = weight.flat[i] * x.flat[index.flat[i]] + bias.flat[i]: every elementwise affine operator."""
    moved = gather(index, in_size)
    return replace(moved, values=weight.reshape(-1).astype(np.float64), bias=bias.reshape(-1).astype(np.float64))


def from_entries(out_size: int, in_size: int, rows: Ints, cols: Ints, values: Floats, bias: Floats) -> LinearMap:
    """A map from entry arrays of any shapes that broadcast to one another."""
    r, c, v = np.broadcast_arrays(rows, cols, values)
    return LinearMap(
        out_size,
        in_size,
        np.ascontiguousarray(r).reshape(-1),
        np.ascontiguousarray(c).reshape(-1),
        np.ascontiguousarray(v, dtype=np.float64).reshape(-1),
        np.asarray(bias, np.float64).reshape(-1),
    )

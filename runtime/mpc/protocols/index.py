"""Operators that point: by an index that is a value, or a weight of the server, so that nobody sees where.

An index is compared with every place (`one_hot`), and the one-hot row is multiplied with what it points into.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.protocols.compare import compare
from ppc.runtime.mpc.protocols.linear import plain, weighted
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]


def _places(e: Engine, index: Ring, depth: int) -> Rounds[Ring]:
    """(*index.shape, depth): shares of integers, 1 at the place of each index. Negative ones count from the end; one
    outside [-depth, depth) has no place. Indices may be off by a quarter: they are compared half-way between."""
    half = 1 << (FRACTION_BITS - 1)
    bits, _ = yield from compare(
        e, index, *((j << FRACTION_BITS) - half for j in range(-depth, depth + 1)), products=False
    )
    hot = bits[:-1] - bits[1:]
    return np.moveaxis(hot[:depth] + hot[depth:], 0, -1)


def one_hot(e: Engine, attrs: Attrs, index: Ring) -> Rounds[Ring]:
    """Exact, three rounds; two comparisons a place."""
    off, on = (float(v) for v in attrs.get("values", (0.0, 1.0)))
    axis = int(attrs.get("axis", -1)) % (index.ndim + 1)
    hot = (yield from _places(e, index, int(attrs["depth"]))) * ring.encode(on - off) + e.public(off, FRACTION_BITS)
    return np.moveaxis(hot, -1, axis)


def hardmax(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """The place of the largest, as a row."""
    axis = int(attrs.get("axis", -1)) % x.ndim
    ranks = yield from _ranks(e, np.moveaxis(x, axis, -1))
    bits, _ = yield from compare(e, ranks, 1, products=False)
    return np.moveaxis((e.first - bits[0]) << word(FRACTION_BITS), -1, axis)


def gather(e: Engine, attrs: Attrs, x: Ring | Weight, index: Ring | Weight) -> Rounds[Ring]:
    """Slices of x along `axis`, at an index of any shape."""
    axis = int(attrs.get("axis", 0)) % len(x.shape)
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    depth, shape = x.shape[axis], index.shape
    if isinstance(index, Weight):  # (rest, depth) times the server's one-hot columns
        assert not isinstance(x, Weight)
        count = int(np.prod(shape))
        form = WeightForm((index.name,), "one_hot", (float(depth),), (depth, count))
        picked = yield from weighted(e, ring.matmul, np.moveaxis(x, axis, -1).reshape(-1, depth), form)
    else:
        hot = (yield from _places(e, index, depth)).reshape(-1, depth)
        if isinstance(x, Weight):
            assert axis == 0
            picked = (yield from weighted(e, _rows, hot << word(FRACTION_BITS), plain(x))).T
        else:
            columns = np.moveaxis(x, axis, -1).reshape(-1, depth).T
            chosen: Ring = yield from e.apply(Product(ring.matmul, hot.shape, columns.shape), hot, columns)
            picked = chosen.T
    picked = picked.reshape(*rest, *shape)
    order = (*range(axis), *range(len(rest), picked.ndim), *range(axis, len(rest)))
    return picked.transpose(order)


def _rows(hot: Ring, table: Ring) -> Ring:
    return ring.matmul(hot, table.reshape(table.shape[0], -1))


def _ranks(e: Engine, x: Ring) -> Rounds[Ring]:
    """How many elements of the last axis come before each, the largest first, of equals the first: every pair is
    compared, three rounds. Integers."""
    n = x.shape[-1]
    first, second = np.triu_indices(n, 1)
    wins, _ = yield from compare(e, x[..., first] - x[..., second], 0, products=False)
    ranks = np.zeros((n, *x.shape[:-1]), np.uint64)
    moved = np.moveaxis(wins[0], -1, 0)
    np.add.at(ranks, second, moved)
    np.add.at(ranks, first, e.first - moved)
    return np.moveaxis(ranks, 0, -1)


def top_k(e: Engine, attrs: Attrs, x: Ring) -> Rounds[tuple[Ring, Ring]]:
    """The k largest (or smallest) in order, and their indices: seven rounds, exact. Of equals the lower index first."""
    axis, k = int(attrs.get("axis", -1)) % x.ndim, int(attrs["k"])
    last = np.moveaxis(x, axis, -1)
    shape, n = last.shape[:-1], last.shape[-1]
    ranks = (yield from _ranks(e, last if attrs.get("largest", 1) else np.uint64(0) - last)).reshape(-1, n)
    bits, _ = yield from compare(e, ranks, *range(1, k + 1), products=False)
    below = e.first - bits  # (k, rows, n): rank < 1, rank < 2, ...
    hot = np.moveaxis(np.concatenate([below[:1], below[1:] - below[:-1]]), 0, 1)
    values = last.reshape(-1, n, 1)
    chosen: Ring = yield from e.apply(Product(ring.matmul, hot.shape, values.shape), hot, values)
    index = (hot * np.arange(n, dtype=np.uint64)).sum(-1, dtype=np.uint64) << word(FRACTION_BITS)
    return tuple(np.moveaxis(r.reshape(*shape, k), -1, axis) for r in (chosen, index))  # type: ignore[return-value]

"""Normalisation by statistics of the data: sums of squares go through one reciprocal root a row.

Deviations are taken with a few more fractional bits than values have, as many as the sum of their squares leaves
room for: a row whose deviation is small keeps its digits. Rows may deviate by up to 2^8 (over more than 2^13 elements
by sqrt(2^29 / elements)). A row beyond is counted as out of range, for certain up to twice that; farther out its sum
wraps, and is noticed unless it lands in an eighth of the ring. |mean| < 2^12.
"""

from collections.abc import Mapping
from math import ceil, floor, log2, prod, sqrt
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product, SelfProduct
from ppc.runtime.mpc.protocols.compare import absolute
from ppc.runtime.mpc.protocols.linear import PRODUCT_BITS, truncate, weighted
from ppc.runtime.mpc.protocols.octave import F_RECIPROCAL, F_RSQRT, TABLE_BITS, Below, normalise, times_power
from ppc.runtime.mpc.protocols.shapes import axes_of
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.ranges import RECIPROCAL_OCTAVES
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
ROOT_BITS = 20
#: Sums of squares stay below 2^61, with an octave to spare; roots of halves take 44 octaves at most.
_TOP, _OCTAVES = 61, 44
_DEVIATION = 8  # log2 of the largest deviation of a row
_INVERSE_BITS = 34  # of 1 / count: means below 2^12


def extra_bits(count: int) -> int:
    """Fractional bits that deviations have beyond those of a value, for rows of `count` elements."""
    return max(0, (_TOP - 2 * FRACTION_BITS - 2 * _DEVIATION - ceil(log2(count))) // 2)


def octaves(count: int, epsilon: float) -> tuple[int, int]:
    """Between which powers of two a row's sum of squares lies."""
    bits = 2 * (FRACTION_BITS + extra_bits(count))
    least = floor(log2(count * epsilon) + bits) if epsilon > 0 else 0
    return max(_TOP - _OCTAVES, least), _TOP


def standardise(
    e: Engine, x: Ring, axes: Shape, epsilon: float, centre: bool = True, norm: float | None = None
) -> Rounds[Ring]:
    """(x − mean) / sqrt(variance + epsilon) over `axes`; without `centre`, x over its root mean square. `norm`: what
    the root of the sum of squares becomes, if not the root of their number."""
    count = prod(x.shape[a] for a in axes)
    more = extra_bits(count)
    wide = x << word(more)
    if centre:
        total: Ring = x.sum(axis=axes, keepdims=True, dtype=np.uint64)
        mean = total * ring.encode(2.0**more / count, _INVERSE_BITS - more)
        wide = wide - (yield from truncate(e, mean, _INVERSE_BITS - more))
    squares: Ring = yield from e.apply(SelfProduct(wide.shape), wide)
    bits = 2 * (FRACTION_BITS + more)
    total = squares.sum(axis=axes, keepdims=True, dtype=np.uint64) + e.public(count * epsilon, bits)
    n = yield from normalise(e, total, *octaves(count, epsilon), Below.END)
    e.outside(n.outside)
    root, scale = yield from times_power(e, n, bits, F_RSQRT, -0.5, sqrt(count) if norm is None else norm)
    root = yield from truncate(e, root, scale - ROOT_BITS)
    y: Ring = yield from e.apply(Product(np.multiply, wide.shape, root.shape), wide, root)
    return (yield from truncate(e, y, ROOT_BITS + more))


def _rescaled(e: Engine, y: Ring, scale: Weight, bias: Weight | None, shape: Shape | None = None) -> Rounds[Ring]:
    """y · scale + bias; both as `shape`, where it is not their own."""
    shape = scale.shape if shape is None else shape
    added = (
        None if bias is None else e.constant(bias, PRODUCT_BITS).reshape(bias.shape if shape == scale.shape else shape)
    )
    return weighted(e, np.multiply, y, WeightForm((scale.name,), "reshaped", tuple(map(float, shape)), shape), added)


def _channels(scale: Weight, rank: int) -> Shape:
    return (*scale.shape, *(1,) * (rank - 2))


def layer_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight | None = None) -> Rounds[Ring]:
    axes = tuple(range(int(attrs.get("axis", -1)) % x.ndim, x.ndim))
    y = yield from standardise(e, x, axes, float(attrs.get("epsilon", 1e-5)))
    return (yield from _rescaled(e, y, scale, bias))


def rms_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight) -> Rounds[Ring]:
    axes = tuple(range(int(attrs.get("axis", -1)) % x.ndim, x.ndim))
    y = yield from standardise(e, x, axes, float(attrs.get("epsilon", 1e-5)), centre=False)
    return (yield from _rescaled(e, y, scale, None))


def instance_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight) -> Rounds[Ring]:
    y = yield from standardise(e, x, tuple(range(2, x.ndim)), float(attrs.get("epsilon", 1e-5)))
    return (yield from _rescaled(e, y, scale, bias, _channels(scale, x.ndim)))


def group_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight) -> Rounds[Ring]:
    groups = x.reshape(x.shape[0], int(attrs["num_groups"]), -1)
    y = (yield from standardise(e, groups, (2,), float(attrs.get("epsilon", 1e-5)))).reshape(x.shape)
    return (yield from _rescaled(e, y, scale, bias, _channels(scale, x.ndim)))


def lp_normalization(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x / |x|_p along `axis`, p being 1 or 2; zeros where the norm is zero."""
    axis = int(attrs.get("axis", -1)) % x.ndim
    if int(attrs.get("p", 2)) == 2:
        return (yield from standardise(e, x, (axis,), 0.0, centre=False, norm=1.0))
    total = (yield from absolute(e, {}, x)).sum(axis=axis, keepdims=True, dtype=np.uint64)
    n = yield from normalise(e, total, 0, RECIPROCAL_OCTAVES[1] + FRACTION_BITS, Below.ZERO)
    e.outside(n.outside)
    share, bits = yield from times_power(e, n, FRACTION_BITS, F_RECIPROCAL, -1.0)
    share = yield from truncate(e, share, bits - TABLE_BITS)
    y: Ring = yield from e.apply(Product(np.multiply, x.shape, share.shape), x, share)
    return (yield from truncate(e, y, TABLE_BITS))


def mean_variance_normalization(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """A row that does not vary gives zeros, as the kernel's tiny epsilon has it."""
    return standardise(e, x, axes_of({"axes": attrs.get("axes", (0, 2, 3))}, x.ndim), 0.0)

"""Normalisation by statistics of the data: five rounds, and one for the truncation where no reader does it.

Deviations are count · x − sum, exact, divided by a power of two in the opening that squares them; what is left of
`count` cancels. They have more fractional bits than values, their squares as many as the sum leaves room for: a row
whose deviation is small keeps its digits. The sum of squares goes through one reciprocal root a row (`gates.windows`),
meanwhile the deviations through the scale, and a product joins the two.

Rows may deviate by up to 2^8 (over more than 2^13 elements by sqrt(2^29 / elements)). A row beyond is counted as out of
range, for certain up to twice that; farther out its sum wraps, and is noticed unless it lands in an eighth of the ring.
|mean| < 2^12.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import ceil, floor, log2, prod, sqrt
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product, SelfProduct
from ppc.runtime.mpc.gates.windows import Chosen, Windows, windows
from ppc.runtime.mpc.protocols.compare import absolute
from ppc.runtime.mpc.protocols.linear import by_weight, truncate
from ppc.runtime.mpc.protocols.octave import F_RECIPROCAL, F_RSQRT, TABLE_BITS, Below, normalise, times_power
from ppc.runtime.mpc.protocols.scale import excess, keeps
from ppc.runtime.mpc.protocols.shapes import axes_of
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WEIGHT_BITS, WeightForm
from ppc.runtime.ranges import RECIPROCAL_OCTAVES
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
#: Fractional bits of a deviation, of the reciprocal root, and so of a result before it is truncated.
_WIDE, ROOT_BITS = 22, 26
NORM_BITS = _WIDE + ROOT_BITS
#: Sums of squares stay below 2^61, with an octave to spare; roots of halves take 44 octaves at most.
_TOP, _OCTAVES = 61, 44
_DEVIATION = 8  # log2 of the largest deviation of a row


def extra_bits(count: int) -> int:
    """Fractional bits that squared deviations have beyond those of a value, for rows of `count` elements."""
    return max(0, (_TOP - 2 * FRACTION_BITS - 2 * _DEVIATION - ceil(log2(count))) // 2)


def octaves(count: int, epsilon: float) -> tuple[int, int]:
    """Between which powers of two a row's sum of squares lies; `epsilon` in the scale of the deviations."""
    bits = 2 * (FRACTION_BITS + extra_bits(count))
    least = floor(log2(count * epsilon) + bits) if epsilon > 0 else 0
    return max(_TOP - _OCTAVES, least), _TOP


@cache
def _roots(lo: int, hi: int, bits: int, numerator: float) -> Windows:
    """numerator / sqrt(x) for x of `bits` fractional bits."""
    return windows(lambda v: numerator * 2.0 ** (bits / 2) * v**-0.5, lo, hi, floor_at_zero=True)


def _root(e: Engine, total: Ring, lo_hi: tuple[int, int], bits: int, numerator: float) -> Rounds[Ring]:
    """numerator / sqrt(total) at ROOT_BITS, for a total of `bits` fractional bits: in windows, three rounds; with small
    tables by octaves, seven. Below 2^lo it is that of 2^lo; counts what is negative, or too large."""
    if e.small:
        n = yield from normalise(e, total, *lo_hi, Below.END)
        e.outside(n.outside)
        root, scale = yield from times_power(e, n, bits, F_RSQRT, -0.5, numerator)
        return (yield from truncate(e, root, scale - ROOT_BITS))
    template = _roots(*lo_hi, bits, numerator)
    found: Chosen = yield from e.apply(replace(template, shape=total.shape, bits=ROOT_BITS, judged=e.tables), total)
    positive, least = found.bits[0], found.bits[1]
    e.outside(e.first - positive, found.bits[-1])
    largest = template.tables[0].function(np.array(2.0 ** lo_hi[0]))
    returned: Ring = found.value + (positive - least) * ring.encode(largest, ROOT_BITS)
    return returned


def standardise(
    e: Engine,
    x: Ring,
    axes: Shape,
    epsilon: float,
    attrs: Attrs,
    centre: bool = True,
    norm: float | None = None,
    scale: WeightForm | None = None,
    bias: Weight | None = None,
    affine: Shape | None = None,
) -> Rounds[Ring]:
    """(x − mean) / sqrt(variance + epsilon) over `axes`; without `centre`, x over its root mean square; times `scale`
    plus `bias`, in the shape `affine` where it is not that of x. `norm`: what the root of the sum of squares becomes,
    if not the root of their number."""
    count = prod(x.shape[a] for a in axes)
    grown = ceil(log2(count)) if centre else 0
    rest = count / 2.0**grown if centre else 1.0  # deviations are this many times too large
    if centre:
        x = word(count) * x - x.sum(axis=axes, keepdims=True, dtype=np.uint64)
    given = FRACTION_BITS + excess(attrs) + grown
    spread = max(given, _WIDE + 1)  # at least a bit to cut
    bits = FRACTION_BITS + extra_bits(count)
    gate = SelfProduct(x.shape, spread - bits, spread - _WIDE)
    squares, wide = yield from e.apply(gate, x << word(spread - given))
    total = squares.sum(axis=axes, keepdims=True, dtype=np.uint64) + e.public(count * epsilon * rest**2, 2 * bits)
    numerator, lo_hi = sqrt(count) if norm is None else norm, octaves(count, epsilon * rest**2)
    outer = wide.reshape(affine or wide.shape)
    if scale is None:
        root = yield from _root(e, total, lo_hi, 2 * bits, numerator)
    else:
        scaling = by_weight(e)(np.multiply, outer.shape, scale, WEIGHT_BITS)
        outer, root = yield from e.beside(
            lambda e: e.apply(scaling, outer, np.zeros((), np.uint64)),
            lambda e: _root(e, total, lo_hi, 2 * bits, numerator),
        )
    y: Ring = yield from e.apply(Product(np.multiply, wide.shape, root.shape), outer.reshape(wide.shape), root)
    y = y.reshape(outer.shape)
    kept = keeps(attrs, NORM_BITS)
    if not kept:
        y = yield from truncate(e, y, NORM_BITS - FRACTION_BITS)
    if bias is None:
        return y
    added = e.constant(bias, NORM_BITS if kept else FRACTION_BITS)
    return y + (added if scale is None else added.reshape(scale.shape))


def _form(scale: Weight, shape: Shape | None = None) -> WeightForm:
    """A scale as `shape`, where it is not its own."""
    shape = scale.shape if shape is None else shape
    return WeightForm((scale.name,), "reshaped", tuple(map(float, shape)), shape)


def _channels(scale: Weight, rank: int) -> Shape:
    return (*scale.shape, *(1,) * (rank - 2))


def layer_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight | None = None) -> Rounds[Ring]:
    axes = tuple(range(int(attrs.get("axis", -1)) % x.ndim, x.ndim))
    return standardise(e, x, axes, _epsilon(attrs), attrs, scale=_form(scale), bias=bias)


def rms_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight) -> Rounds[Ring]:
    axes = tuple(range(int(attrs.get("axis", -1)) % x.ndim, x.ndim))
    return standardise(e, x, axes, _epsilon(attrs), attrs, centre=False, scale=_form(scale))


def instance_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight) -> Rounds[Ring]:
    form = _form(scale, _channels(scale, x.ndim))
    return standardise(e, x, tuple(range(2, x.ndim)), _epsilon(attrs), attrs, scale=form, bias=bias)


def group_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight) -> Rounds[Ring]:
    groups = x.reshape(x.shape[0], int(attrs["num_groups"]), -1)
    form = _form(scale, _channels(scale, x.ndim))
    return standardise(e, groups, (2,), _epsilon(attrs), attrs, scale=form, bias=bias, affine=x.shape)


def _epsilon(attrs: Attrs) -> float:
    return float(attrs.get("epsilon", 1e-5))


def lp_normalization(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x / |x|_p along `axis`, p being 1 or 2; zeros where the norm is zero."""
    axis = int(attrs.get("axis", -1)) % x.ndim
    if int(attrs.get("p", 2)) == 2:
        return (yield from standardise(e, x, (axis,), 0.0, attrs, centre=False, norm=1.0))
    total = (yield from absolute(e, {}, x)).sum(axis=axis, keepdims=True, dtype=np.uint64)
    n = yield from normalise(e, total, 0, RECIPROCAL_OCTAVES[1] + FRACTION_BITS, Below.ZERO)
    e.outside(n.outside)
    share, bits = yield from times_power(e, n, FRACTION_BITS, F_RECIPROCAL, -1.0)
    share = yield from truncate(e, share, bits - TABLE_BITS)
    y: Ring = yield from e.apply(Product(np.multiply, x.shape, share.shape), x, share)
    return (yield from truncate(e, y, TABLE_BITS))


def mean_variance_normalization(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """A row that does not vary gives zeros, as the kernel's tiny epsilon has it."""
    return standardise(e, x, axes_of({"axes": attrs.get("axes", (0, 2, 3))}, x.ndim), 0.0, attrs)

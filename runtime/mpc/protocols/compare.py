"""Operators made of comparisons with public thresholds: three rounds, exact on the whole ring where no product
follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.compare import Compare, Compared
from ppc.runtime.mpc.gates.compare_at_once import CompareAtOnce
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.gates.truncate import NARROW
from ppc.runtime.mpc.protocols.linear import plain, product, scaled, truncate, weighted
from ppc.runtime.mpc.protocols.local import shared
from ppc.runtime.mpc.protocols.scale import excess
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WEIGHT_BITS
from ppc.runtime.schema import FRACTION_BITS, Tables
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
ONE = word(1 << FRACTION_BITS)


def units(value: float) -> int:
    """A public number as a signed count of 2^-16."""
    return round(value * 2.0**FRACTION_BITS)


def compare(e: Engine, x: Ring, *thresholds: int, products: bool = True) -> Rounds[tuple[Ring, Ring]]:
    """Bits [x >= t] (integers) and, where asked for, [x >= t] · x; first axis: the thresholds."""
    found = yield from compare_truncated(e, x, 0, *thresholds, products=products)
    return found.bits, found.products


def compare_truncated(e: Engine, x: Ring, shift: int, *thresholds: int, products: bool = True) -> Rounds[Compared]:
    """The same of x / 2^shift, which comes out as well."""
    return _compared(e, x, thresholds, products, shift, 64)


def _compared(
    e: Engine, x: Ring, thresholds: tuple[int, ...], products: bool, shift: int, width: int
) -> Rounds[Compared]:
    if e.tables is Tables.DCF:
        return e.apply(CompareAtOnce(x.shape, thresholds, products, shift, width), x)
    return e.apply(Compare(x.shape, thresholds, products, shift, e.tables, width), x)


def relu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    positive, _ = yield from _split(e, attrs, x)
    return positive


def _split(e: Engine, attrs: Attrs, x: Ring) -> Rounds[tuple[Ring, Ring]]:
    """max(x, 0) and x, both at 16 fractional bits; |x| < 2^30, as all values of a plan."""
    shift = excess(attrs)
    found = yield from _compared(e, x, (0,), True, shift, 64 if shift else NARROW)
    return found.products[0], found.value


def absolute(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    positive, x = yield from _split(e, attrs, x)
    return word(2) * positive - x


def leaky_relu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Error 2^-16: alpha times the negative part is truncated."""
    positive, x = yield from _split(e, attrs, x)
    return positive + (yield from scaled(e, x - positive, float(attrs.get("alpha", 0.01))))


def prelu(e: Engine, attrs: Attrs, x: Ring, slope: Weight) -> Rounds[Ring]:
    positive, x = yield from _split(e, attrs, x)
    return positive + (yield from weighted(e, np.multiply, x - positive, plain(slope)))


def thresholded_relu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x where x > alpha."""
    _, multiples = yield from compare(e, x, units(float(attrs.get("alpha", 1.0))) + 1)
    returned: Ring = multiples[0]
    return returned


def shrink(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x + bias below −lambd, x − bias above lambd, else 0. lambd < 0 lets the two overlap: the first one counts."""
    bias, limit = float(attrs.get("bias", 0.0)), units(float(attrs.get("lambd", 0.5)))
    bits, multiples = yield from compare(e, x, -limit, max(limit + 1, -limit))
    below = e.first - bits[0]
    returned: Ring = x - multiples[0] + multiples[1] + (below - bits[1]) * ring.encode(bias)
    return returned


@dataclass(frozen=True, slots=True)
class Clamped:
    """A share limited to a range, and what the comparisons gave beside: bits (integers) and x − hi where x >= hi."""

    inside: Ring
    below: Ring
    above: Ring
    excess: Ring


def clamp(e: Engine, x: Ring, lo: int | None, hi: int | None, shift: int = 0) -> Rounds[Clamped]:
    """x / 2^shift limited to [lo, hi] (units; None: no limit): three rounds, exact, on the whole ring if shift = 0."""
    limits = [t for t in (lo, hi) if t is not None]
    none = ring.zeros(x.shape)
    if not limits:
        return Clamped(x if not shift else (yield from truncate(e, x, shift)), none, none, none)
    bits, multiples, x = yield from compare_truncated(e, x, shift, *limits)
    inside, below, above, excess = x, none, none, none
    if hi is not None:
        above = bits[-1]
        excess = multiples[-1] - word(hi) * above
        inside = inside - excess
    if lo is not None:
        below = e.first - bits[0]
        inside = inside - (x - multiples[0]) + word(lo) * below
    return Clamped(inside, below, above, excess)


def clip(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Limits are attributes; an absent one is none. min > max gives max, as in ONNX."""
    lo, hi = attrs.get("min"), attrs.get("max")
    if lo is not None and hi is not None and lo > hi:
        lo = hi
    limit = 2.0**46  # what a value can reach; a limit beyond it, such as infinity, is none
    least = None if lo is None or lo <= -limit else units(lo)
    most = None if hi is None or hi >= limit else units(hi)
    return (yield from clamp(e, x, least, most, excess(attrs))).inside


def sign(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    bits, _, _ = yield from compare_truncated(e, x, excess(attrs), 0, 1, products=False)
    returned: Ring = (bits[0] + bits[1] - e.first) * ONE
    return returned


def hard_sigmoid(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """max(0, min(1, alpha x + beta)): clipped first, so that no product can wrap."""
    alpha, beta = float(attrs.get("alpha", 0.2)), float(attrs.get("beta", 0.5))
    ends = sorted(((0.0 - beta) / alpha, (1.0 - beta) / alpha))
    inside = (yield from clamp(e, x, units(ends[0]), units(ends[1]), excess(attrs))).inside
    return (yield from scaled(e, inside, alpha)) + e.public(beta, FRACTION_BITS)


def hard_swish(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x · max(0, min(1, x/6 + 1/2)): z (z + 3) / 6 with z = x limited to [−3, 3], plus what x has beyond 3."""
    limited = yield from clamp(e, x, units(-3.0), units(3.0))
    z = limited.inside
    raw: Ring = yield from e.apply(Product(np.multiply, z.shape, z.shape), z, z + e.public(3.0, FRACTION_BITS))
    sixth = raw * ring.encode(1 / 6, WEIGHT_BITS)
    return (yield from truncate(e, sixth, FRACTION_BITS + WEIGHT_BITS)) + limited.excess


def _at_least(e: Engine, a: Ring | Weight, b: Ring | Weight, units_more: int = 0) -> Rounds[Ring]:
    """[a − b >= units_more] as 0.0 or 1.0; differences must stay below 2^46."""
    bits, _ = yield from compare(e, shared(e, a) - shared(e, b), units_more, products=False)
    returned: Ring = bits[0] * ONE
    return returned


def greater_or_equal(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    return _at_least(e, a, b)


def greater(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    return _at_least(e, a, b, 1)


def less_or_equal(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    return _at_least(e, b, a)


def less(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    return _at_least(e, b, a, 1)


def equal(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    """Equal to the last of 16 fractional bits."""
    bits, _ = yield from compare(e, shared(e, a) - shared(e, b), 0, 1, products=False)
    returned: Ring = (bits[0] - bits[1]) * ONE
    return returned


def floor(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Truncation gives the floor or one more, and a comparison tells which: four rounds, exact."""
    near = (yield from truncate(e, x, FRACTION_BITS)) << word(FRACTION_BITS)
    bits, _ = yield from compare(e, x - near, 0, products=False)
    returned: Ring = near - (e.first - bits[0]) * ONE
    return returned


def ceil(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return np.uint64(0) - (yield from floor(e, attrs, np.uint64(0) - x))


def round_half_even(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Halves to even, of which fixed point has many: 2 floor(x/2 + 1/4) + the rest's nearest, rounded where it is not
    half: with y = x − 2 floor(x/2 + 1/4) in [−1/2, 3/2), that is [y > 1/2]. Seven rounds, exact."""
    even = word(2) * (yield from _half_floor(e, x))
    rest = x - even
    bits, _ = yield from compare(e, rest, (1 << (FRACTION_BITS - 1)) + 1, products=False)
    returned: Ring = even + bits[0] * ONE
    return returned


def _half_floor(e: Engine, x: Ring) -> Rounds[Ring]:
    """floor(x/2 + 1/4), exactly: x + 1/2 in units of two."""
    moved = x + e.public(0.5, FRACTION_BITS)
    near = yield from truncate(e, moved, FRACTION_BITS + 1)
    bits, _ = yield from compare(e, moved - (near << word(FRACTION_BITS + 1)), 0, products=False)
    returned: Ring = (near - (e.first - bits[0])) << word(FRACTION_BITS)
    return returned


def logical_xor(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    """[a + b >= 1/2] − [a + b >= 3/2]."""
    half = 1 << (FRACTION_BITS - 1)
    bits, _ = yield from compare(e, shared(e, a) + shared(e, b), half, 3 * half, products=False)
    returned: Ring = (bits[0] - bits[1]) * ONE
    return returned


def logical_not(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    return ONE * e.first - x


def logical_and(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    return _at_least(e, shared(e, a) + shared(e, b), ring.zeros(()), 3 << (FRACTION_BITS - 1))


def logical_or(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    return _at_least(e, shared(e, a) + shared(e, b), ring.zeros(()), 1 << (FRACTION_BITS - 1))


def where(e: Engine, attrs: Attrs, condition: Ring | Weight, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    """condition · (a − b) + b: two rounds, error 2^-16. |a − b| < 2^30; by a weight, 2^26 of values,
    while other weights are chosen exactly."""
    if isinstance(condition, Weight) and (isinstance(a, Weight) or isinstance(b, Weight)):
        known = _chosen(e, condition, a, b)
        if isinstance(b, Weight):
            return known if isinstance(a, Weight) else known + (yield from _kept(e, condition, a))
        return known + b - (yield from _kept(e, condition, b))
    left, right = shared(e, a), shared(e, b)
    if isinstance(condition, Weight):
        return (yield from _kept(e, condition, left - right)) + right
    return (yield from product(e, np.multiply, condition, left - right)) + right


def _kept(e: Engine, condition: Weight, x: Ring) -> Rounds[Ring]:
    """x where the condition holds, else zero."""
    return weighted(e, np.multiply, x, plain(condition))


def _chosen(e: Engine, condition: Weight, a: Ring | Weight, b: Ring | Weight) -> Ring:
    """What a Where by a weight takes from weights, and zero elsewhere: local, and exact (as a mask has to be)."""
    shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    if condition.data is None:
        return np.zeros(shape, np.uint64)
    either = (np.asarray(o.data, np.float64) if isinstance(o, Weight) else 0.0 for o in (a, b))
    return e.constant(Weight(condition.name, shape, np.where(np.asarray(condition.data) != 0, *either)), FRACTION_BITS)

"""Reciprocal, quotient, roots and logarithm of positive values over many octaves: normalise, then one small table.

The comparisons [x >= 2^j] for every octave j share one opening and one set of digit tables (`gates.compare`). With
their products [x >= 2^j] · x, u = x · 2^(top − j) in [1, 2) is a local sum, and so is the factor that the octave
contributes. What lies outside the declared range (`ppc.runtime.ranges`) is taken as the nearest end, and is counted
for the range check at the end of the pass: the comparisons tell it for nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import ceil, log
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.gates.table import Lookup, Spline
from ppc.runtime.mpc.protocols.compare import compare
from ppc.runtime.mpc.protocols.linear import plain, truncate, weighted
from ppc.runtime.mpc.protocols.scale import operand_bits
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.ranges import LOG_OCTAVES, RECIPROCAL_OCTAVES, SQRT_OCTAVES
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
TABLE_BITS = 24  # fractional bits of a table's result once truncated
_CELL = 4  # cells of 2^-4 of an octave


def _spline(f: Callable[[Any], Any]) -> Spline:
    """On [1, 2), with one cell before it for the borrow and enough behind it."""
    return Spline(f, 1 - 2.0**-_CELL, -_CELL, 5, degree=3, g=12, bits=14)


@dataclass(frozen=True, slots=True)
class Normalised:
    """u in [1, 2) at `top` fractional bits, and shares (octaves, *shape) of which octave: integers, one of them 1
    (none where x is taken as zero)."""

    u: Ring
    octave: Ring
    lo: int
    top: int
    outside: Ring  # integers: 1 where x is out of range, by `Below` or because x >= 2^hi


class Below(Enum):
    """What is done with x < 2^lo."""

    OUT = "taken as 2^lo, and out of range"
    END = "taken as 2^lo; out of range where it is negative"
    ZERO = "taken as zero; out of range where it is negative"


def normalise(e: Engine, x: Ring, lo: int, hi: int, below: Below = Below.OUT) -> Rounds[Normalised]:
    """Split ring integers in [2^lo, 2^hi) into octave and mantissa; what lies above is taken as 2^hi."""
    octaves = tuple(1 << j for j in range(lo, hi + 1))
    bits, multiples = yield from compare(e, x, *octaves if below is Below.OUT else (0, *octaves))
    low = e.first - bits[0]
    if below is not Below.OUT:
        bits, multiples = bits[1:], multiples[1:]
    octave = bits[:-1] - bits[1:]
    shifts = np.arange(hi - lo, 0, -1, dtype=np.uint64).reshape(-1, *[1] * x.ndim)  # j -> top − j, with top = hi
    u = ((multiples[:-1] - multiples[1:]) << shifts).sum(axis=0, dtype=np.uint64)
    small, above = e.first - bits[0], bits[-1]
    u = u + (small << word(hi)) + above * word((1 << (hi + 1)) - 1)
    if below is not Below.ZERO:
        octave[0] += small
    octave[-1] += above
    return Normalised(u, octave, lo, hi, low + above)


@cache
def power_of_mantissa(exponent: float) -> Spline:
    return _spline(lambda u: u**exponent)


F_RECIPROCAL, F_RSQRT, F_SQRT = (power_of_mantissa(exponent) for exponent in (-1.0, -0.5, 0.5))
F_LOG = _spline(np.log)


def curve(e: Engine, n: Normalised, spline: Spline, bits: int = TABLE_BITS) -> Rounds[Ring]:
    """A table on the mantissa, at `bits`: two rounds."""
    y: Ring = yield from e.apply(Lookup(spline, n.u.shape, n.top), n.u)
    return (yield from truncate(e, y, spline.scale - bits))


def octave_sum(n: Normalised, values: Any, bits: int) -> Ring:
    """The public number that belongs to the octave, as a share at `bits`: local."""
    table = ring.encode(np.asarray(values), bits).reshape(-1, *[1] * n.u.ndim)
    total: Ring = (n.octave * table).sum(axis=0, dtype=np.uint64)
    return total


def times_power(
    e: Engine, n: Normalised, fraction: int, spline: Spline, exponent: float, constant: float = 1.0
) -> Rounds[tuple[Ring, int]]:
    """constant · x^exponent for a normalised x at `fraction` bits; returns the product and its fractional bits.

    The product must stay below 2^62: octaves · |exponent| <= 38 for whole exponents, 22 for halves. (A root of small
    values needs no relative precision: `root`.)
    """
    factors = [constant * 2.0 ** ((j - fraction) * exponent) for j in range(n.lo, n.top)]
    exact = exponent == round(exponent) and log(constant, 2) == round(log(constant, 2))
    bits = max(0, ceil(-log(min(factors), 2)) + (0 if exact else 16))
    y = yield from curve(e, n, spline)
    z: Ring = yield from e.apply(Product(np.multiply, y.shape, y.shape), y, octave_sum(n, factors, bits))
    return z, TABLE_BITS + bits


def _units(bounds: tuple[int, int]) -> tuple[int, int]:
    return bounds[0] + FRACTION_BITS, bounds[1] + FRACTION_BITS


def _magnitude(e: Engine, x: Ring) -> Rounds[tuple[Normalised, Ring]]:
    """|x| of a divisor, normalised, and its sign as ±1: both from one comparison of x with zero."""
    bits, multiples = yield from compare(e, x, 0)
    n = yield from normalise(e, word(2) * multiples[0] - x, *_units(RECIPROCAL_OCTAVES))
    e.outside(n.outside)
    return n, word(2) * bits[0] - e.first


def reciprocal(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """1 / x for 2^-10 <= |x| < 2^18, of either sign. Error 2^-14 relative plus 2^-16: ten rounds."""
    n, sign = yield from _magnitude(e, x)
    y, bits = yield from times_power(e, n, FRACTION_BITS, F_RECIPROCAL, -1.0)
    y = yield from truncate(e, y, bits - FRACTION_BITS)
    z: Ring = yield from e.apply(Product(np.multiply, y.shape, y.shape), y, sign)
    return z


#: Fractional bits of 1 / mantissa, of the numerator times it, and of 2^-octave, in a quotient.
_MANTISSA_BITS, _PART_BITS, _POWER_BITS = 20, 22, RECIPROCAL_OCTAVES[1]


def quotient(e: Engine, a: Ring | Weight, b: Ring) -> Rounds[Ring]:
    """a / b with 2^-10 <= |b| < 2^18: first by the mantissa of b, then by its octave, so that no digit of a small
    reciprocal is lost. |a| < 2^26, |a / b| < 2^22. Error 2^-14 relative plus 2^-21 / |b| plus 2^-16."""
    n, sign = yield from _magnitude(e, b)
    y = yield from curve(e, n, F_RECIPROCAL, _MANTISSA_BITS)
    powers = octave_sum(n, [2.0 ** (FRACTION_BITS - j) for j in range(n.lo, n.top)], _POWER_BITS)
    factor: Ring = yield from e.apply(Product(np.multiply, powers.shape, sign.shape), powers, sign)
    if isinstance(a, Weight):
        part, bits = (yield from weighted(e, np.multiply, y, plain(a))), _MANTISSA_BITS
    else:
        raw: Ring = yield from e.apply(Product(np.multiply, a.shape, y.shape), a, y)
        part, bits = (yield from truncate(e, raw, FRACTION_BITS + _MANTISSA_BITS - _PART_BITS)), _PART_BITS
    z: Ring = yield from e.apply(Product(np.multiply, part.shape, factor.shape), part, factor)
    return (yield from truncate(e, z, bits + _POWER_BITS - FRACTION_BITS))


#: Fractional bits of the root of an octave's beginning: the product with that of the mantissa stays below 2^62.
_ROOT_BITS = 24


def sqrt_of(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """0 <= x < 2^20, zero exactly. Error 2^-14 relative plus 2^-16: seven rounds. A sum of squares may keep the bits of
    its products: near zero the root doubles how many digits are wrong."""
    return root(e, x, operand_bits(attrs))


def root(e: Engine, x: Ring, fraction: int) -> Rounds[Ring]:
    """The square root of x at `fraction` bits (16 to 36), at 16. Roots below 2^-16 are zero."""
    lo = max(0, fraction - 2 * FRACTION_BITS)
    n = yield from normalise(e, x, lo, SQRT_OCTAVES[1] + fraction, Below.ZERO)
    e.outside(n.outside)
    y = yield from curve(e, n, F_SQRT)
    roots = octave_sum(n, [2.0 ** ((j - fraction) / 2) for j in range(n.lo, n.top)], _ROOT_BITS)
    z: Ring = yield from e.apply(Product(np.multiply, y.shape, y.shape), y, roots)
    return (yield from truncate(e, z, TABLE_BITS + _ROOT_BITS - FRACTION_BITS))


def inverse_sqrt(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x^(-1/2) for 2^-16 <= x < 2^20. Error 2^-14 relative plus 2^-16: seven rounds."""
    n = yield from normalise(e, x, *_units(SQRT_OCTAVES))
    e.outside(n.outside)
    y, bits = yield from times_power(e, n, FRACTION_BITS, F_RSQRT, -0.5)
    return (yield from truncate(e, y, bits - FRACTION_BITS))


def log_of(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Natural logarithm for 2^-16 <= x < 2^24: log u + j log 2, no product; error 2^-14: five rounds."""
    n = yield from normalise(e, x, *_units(LOG_OCTAVES))
    e.outside(n.outside)
    return (yield from log_by_octave(e, n, FRACTION_BITS))


def log_by_octave(e: Engine, n: Normalised, fraction: int) -> Rounds[Ring]:
    """The logarithm of a normalised value at `fraction` bits."""
    octaves = octave_sum(n, [log(2) * (j - fraction) for j in range(n.lo, n.top)], TABLE_BITS)
    y: Ring = yield from e.apply(Lookup(F_LOG, n.u.shape, n.top), n.u)
    more = F_LOG.scale - TABLE_BITS
    return (yield from truncate(e, y + (octaves << word(more)), F_LOG.scale - FRACTION_BITS))


def softsign(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x / (1 + |x|) = sign(x) (1 − 1 / (1 + |x|)): beyond 2^18 it is one. Error 2^-15: ten rounds."""
    bits, multiples = yield from compare(e, x, 0)
    one = word(1 << FRACTION_BITS)
    magnitude = word(2) * multiples[0] - x
    top = RECIPROCAL_OCTAVES[1] + FRACTION_BITS
    n = yield from normalise(e, magnitude + one * e.first, FRACTION_BITS, top)
    y, scale = yield from times_power(e, n, FRACTION_BITS, F_RECIPROCAL, -1.0)
    rest = one * e.first - (yield from truncate(e, y, scale - FRACTION_BITS))
    z: Ring = yield from e.apply(Product(np.multiply, rest.shape, rest.shape), rest, word(2) * bits[0] - e.first)
    return z

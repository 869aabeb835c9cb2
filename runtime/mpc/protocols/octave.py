"""Reciprocal, square roots and logarithm of positive values over many octaves: normalise, then one small table.

The comparisons [x >= 2^j] for every octave j share one opening and one set of digit tables (`gates.compare`). With
their products [x >= 2^j] · x, u = x · 2^(top − j) in [1, 2) is a local sum, and so is the factor that the octave
contributes. Inputs below the range are taken as its lower end, inputs above as its upper end: six rounds, error
2^-15 relative to the result.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.gates.table import Lookup, Spline
from ppc.runtime.mpc.protocols.compare import compare
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS

Attrs = Mapping[str, Any]
TABLE_BITS = 24  # fractional bits of a table's result once truncated
_CELL = 4  # cells of 2^-4 of an octave


def _spline(f: Callable[[Any], Any]) -> Spline:
    """On [1, 2), with one cell before it for the borrow and enough behind it."""
    return Spline(f, 1 - 2.0**-_CELL, -_CELL, 5, degree=3, g=12, bits=14)


@dataclass(frozen=True, slots=True)
class Normalised:
    """u in [1, 2) at `top` fractional bits, and shares (octaves, *shape) of which octave: integers, one of them 1."""

    u: Ring
    octave: Ring
    lo: int
    top: int


def normalise(e: Engine, x: Ring, lo: int, hi: int) -> Rounds[Normalised]:
    """Split ring integers in [2^lo, 2^hi) into octave and mantissa; what lies outside is moved to the nearest end."""
    bits, multiples = yield from compare(e, x, *(1 << j for j in range(lo, hi + 1)))
    octave = bits[:-1] - bits[1:]
    shifts = np.arange(hi - lo, 0, -1, dtype=np.uint64).reshape(-1, *[1] * x.ndim)  # j -> top − j, with top = hi
    u = ((multiples[:-1] - multiples[1:]) << shifts).sum(axis=0, dtype=np.uint64)
    below, above = e.first - bits[0], bits[-1]
    u = u + (below << word(hi)) + above * word((1 << (hi + 1)) - 1)
    octave[0] += below
    octave[-1] += above
    return Normalised(u, octave, lo, hi)


F_RECIPROCAL = _spline(lambda u: 1 / u)
F_RSQRT = _spline(lambda u: u**-0.5)
F_SQRT = _spline(lambda u: u**0.5)
F_LOG = _spline(np.log)


def curve(e: Engine, n: Normalised, spline: Spline) -> Rounds[Ring]:
    """A table on the mantissa, at TABLE_BITS: two rounds."""
    y: Ring = yield from e.apply(Lookup(spline, n.u.shape, n.top), n.u)
    return (yield from truncate(e, y, spline.scale - TABLE_BITS))


def octave_sum(n: Normalised, values: Any, bits: int) -> Ring:
    """The public number that belongs to the octave, as a share at `bits`: local."""
    table = ring.encode(np.asarray(values), bits).reshape(-1, *[1] * n.u.ndim)
    total: Ring = (n.octave * table).sum(axis=0, dtype=np.uint64)
    return total


def times_power(
    e: Engine, x: Ring, fraction: int, spline: Spline, exponent: float, lo: int, hi: int, constant: float = 1.0
) -> Rounds[tuple[Ring, int]]:
    """constant · x^exponent for x at `fraction` bits in [2^lo, 2^hi) units; returns the product and its fractional
    bits.

    The product must stay below 2^62: (hi − lo) · |exponent| <= 38 for whole exponents, 22 for halves.
    """
    n = yield from normalise(e, x, lo, hi)
    factors = [constant * 2.0 ** ((j - fraction) * exponent) for j in range(lo, hi)]
    exact = exponent == round(exponent) and log(constant, 2) == round(log(constant, 2))
    bits = max(0, ceil(-log(min(factors), 2)) + (0 if exact else 16))
    y = yield from curve(e, n, spline)
    z: Ring = yield from e.apply(Product(np.multiply, y.shape, y.shape), y, octave_sum(n, factors, bits))
    return z, TABLE_BITS + bits


def _positive(e: Engine, x: Ring, spline: Spline, exponent: float, lo: int, hi: int) -> Rounds[Ring]:
    y, bits = yield from times_power(e, x, FRACTION_BITS, spline, exponent, lo, hi)
    return (yield from truncate(e, y, bits - FRACTION_BITS))


#: The declared range of each function, as powers of two.
RECIPROCAL_RANGE = (-10, 18)
SQRT_RANGE = (-14, 20)
LOG_RANGE = (-16, 24)


def _units(bounds: tuple[int, int]) -> tuple[int, int]:
    return bounds[0] + FRACTION_BITS, bounds[1] + FRACTION_BITS


def inverse(e: Engine, x: Ring) -> Rounds[Ring]:
    """1 / x for 2^-10 <= |x| < 2^18, of either sign: |x| and the sign come from one comparison of x with zero."""
    bits, multiples = yield from compare(e, x, 0)
    sign = word(2) * bits[0] - e.first
    magnitude = word(2) * multiples[0] - x
    y = yield from _positive(e, magnitude, F_RECIPROCAL, -1.0, *_units(RECIPROCAL_RANGE))
    z: Ring = yield from e.apply(Product(np.multiply, y.shape, y.shape), y, sign)
    return z


def reciprocal(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return inverse(e, x)


def sqrt_of(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """2^-14 <= x < 2^20; zero and negative values give 2^-7: the lower end's root."""
    return _positive(e, x, F_SQRT, 0.5, *_units(SQRT_RANGE))


def log_of(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Natural logarithm for 2^-16 <= x < 2^24: log u + j log 2, no product; error 2^-15."""
    n = yield from normalise(e, x, *_units(LOG_RANGE))
    octaves = octave_sum(n, [log(2) * (j - FRACTION_BITS) for j in range(*_units(LOG_RANGE))], TABLE_BITS)
    y: Ring = yield from e.apply(Lookup(F_LOG, n.u.shape, n.top), n.u)
    more = F_LOG.scale - TABLE_BITS
    return (yield from truncate(e, y + (octaves << word(more)), F_LOG.scale - FRACTION_BITS))


def rsqrt(e: Engine, x: Ring, fraction: int, lo: int, hi: int, constant: float) -> Rounds[tuple[Ring, int]]:
    """constant / sqrt(x), for norms."""
    return times_power(e, x, fraction, F_RSQRT, -0.5, lo, hi, constant)

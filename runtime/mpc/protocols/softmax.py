"""Softmax and its kin: the maximum of each row by a tree, one exponential table, one reciprocal a row. Where the plan
knows what logits lie below, Softmax does without the maximum (`_bounded`).

Differences to the maximum below −14 weigh nothing (10^-6). Error 2^-14; rounds: 7 (rows of more than 64
elements: 11), and 3 a level of the maximum's tree of fours.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import ceil, log2
from typing import Any

import numpy as np

from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.exponential import Powers
from ppc.runtime.mpc.gates.guarded import Guarded
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.gates.ranged import Inside, Looked, Ranged
from ppc.runtime.mpc.gates.table import Lookup, Spline
from ppc.runtime.mpc.gates.windows import OCTAVES, Chosen, Windows, windows
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.protocols.maximum import reduce_max
from ppc.runtime.mpc.protocols.octave import F_RECIPROCAL, TABLE_BITS, log_by_octave, normalise, times_power
from ppc.runtime.mpc.protocols.scale import excess, operand_bits
from ppc.runtime.mpc.protocols.shapes import axes_of
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.ranges import LOGITS, ROW_SPREAD_BITS
from ppc.runtime.schema import FRACTION_BITS

Attrs = Mapping[str, Any]
EXP_BITS = 20  # fractional bits of the exponentials and of their sum
_START = -14
#: Elements of a row whose sum's inverse is read from one table: 256 bytes of the dealer an element.
SHORT_ROW = 64


def _exponentials(
    e: Engine, x: Ring, axes: tuple[int, ...], bits: int = FRACTION_BITS
) -> Rounds[tuple[Ring, Ring, Ring]]:
    """(x − max, exp(x − max) at EXP_BITS, max), for x and its difference to max at `bits`; max keeps its axes."""
    top = yield from reduce_max(e, {"axes": axes, "keepdims": 1, "operand_bits": (bits,)}, x)
    shifted = x - (top << word(bits - FRACTION_BITS))
    least = (_START << FRACTION_BITS) + 2
    gate = Guarded(
        x.shape, Powers(_START, 4), FRACTION_BITS, EXP_BITS, least, None, bits - FRACTION_BITS, tables=e.tables
    )
    powers = yield from e.apply(gate, shifted)
    return shifted, powers.inside, top


def _octaves(count: int) -> tuple[int, int]:
    """The range of a sum of `count` exponentials of which one is 1, in units of 2^-EXP_BITS, with an octave to
    spare."""
    return EXP_BITS - 1, EXP_BITS + ceil(log2(count)) + 1


@cache
def _inverses(count: int) -> Spline:
    """1 / s on the sums of up to `count` exponentials of which one is 1."""
    k = ceil(log2(8 * count - 5))  # from 7/8 to a bit above `count`, in cells of 1/8, the last one unused
    return Spline(lambda s: 1 / s, 1 - 2.0**-3, -3, k, degree=3, g=12, bits=14)


def _inverse(e: Engine, total: Ring, count: int) -> Rounds[tuple[Ring, int]]:
    """1 / total and its fractional bits: for short rows by one table, two rounds; else by octaves, six."""
    if count > SHORT_ROW or e.small:
        n = yield from normalise(e, total, *_octaves(count))
        return (yield from times_power(e, n, EXP_BITS, F_RECIPROCAL, -1.0))
    table = _inverses(count)
    y = yield from e.apply(Lookup(table, total.shape, EXP_BITS), total)
    return (yield from truncate(e, y, table.scale - TABLE_BITS)), TABLE_BITS


def softmax(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    axis = int(attrs.get("axis", -1)) % x.ndim
    if "below" in attrs:
        return (yield from _bounded(e, x, axis, int(attrs["below"]), excess(attrs)))
    _, powers, _ = yield from _exponentials(e, x, (axis,), operand_bits(attrs))
    total = powers.sum(axis=axis, keepdims=True, dtype=np.uint64)
    r, bits = yield from _inverse(e, total, x.shape[axis])
    y: Ring = yield from e.apply(Product(np.multiply, powers.shape, r.shape), powers, r)
    return (yield from truncate(e, y, EXP_BITS + bits - FRACTION_BITS))


#: Of exponentials without a maximum: 16 cells of width 2, and bits of their words and of the public factor.
_CELLS, _WIDTH, _GRAIN, _WORD_BITS, _FACTOR_BITS = 4, 1, 17, 38, 14
_POWER_BITS = _WORD_BITS + _FACTOR_BITS
#: Of the product of an exponential and an inverse, which is at most one.
_PRODUCT_BITS = 60


def _sum_octaves(count: int) -> tuple[int, int]:
    """The range of a sum of `count` exponentials of _POWER_BITS."""
    return _POWER_BITS - ROW_SPREAD_BITS, _POWER_BITS + ceil(log2(count)) + 1


@cache
def _sum_windows(count: int) -> Windows:
    return windows(lambda s: 2.0**_POWER_BITS / s, *_sum_octaves(count))


def _inverse_sum(e: Engine, total: Ring, count: int, bits: int) -> Rounds[Ring]:
    """1 / total at `bits`: in windows, three rounds; with small tables by octaves, seven."""
    if e.small:
        n = yield from normalise(e, total, *_sum_octaves(count))
        e.outside(n.outside)
        y, scale = yield from times_power(e, n, _POWER_BITS, F_RECIPROCAL, -1.0)
        return (yield from truncate(e, y, scale - bits))
    found: Chosen = yield from e.apply(
        replace(_sum_windows(count), shape=total.shape, bits=bits, judged=e.tables), total
    )
    e.outside(e.first - found.bits[0], found.bits[-1])
    return found.value


def _bounded(e: Engine, x: Ring, axis: int, below: int, shift: int) -> Rounds[Ring]:
    """exp(x − below) over its sum, for x in a known range: no maximum, six rounds."""
    table = Powers(below - LOGITS, _CELLS, _WORD_BITS, _FACTOR_BITS, _GRAIN, _WIDTH, origin=below)
    look: Looked = yield from e.apply(Ranged(x.shape, table, FRACTION_BITS, shift, e.tables), x)
    limits = ((table.start << FRACTION_BITS) + 2, (below << FRACTION_BITS) - 2)
    judge = Inside(look.argument, x.shape, limits, shift, e.tables)
    bits, y = yield from e.beside(lambda e: e.apply(judge), lambda e: _over_sum(e, look.value, axis))
    e.outside(e.first - bits[0], bits[1])
    return y


def _over_sum(e: Engine, powers: Ring, axis: int) -> Rounds[Ring]:
    """Exponentials at _POWER_BITS over their sum, which is read in windows while they are truncated."""
    total = powers.sum(axis=axis, keepdims=True, dtype=np.uint64)
    bits = 17 + max(0, _sum_octaves(powers.shape[axis])[1] - OCTAVES - _POWER_BITS)
    left = _PRODUCT_BITS - bits
    cut, inverse = yield from e.beside(
        lambda e: truncate(e, powers, _POWER_BITS - left), lambda e: _inverse_sum(e, total, powers.shape[axis], bits)
    )
    y: Ring = yield from e.apply(Product(np.multiply, cut.shape, total.shape), cut, inverse)
    return (yield from truncate(e, y, _PRODUCT_BITS - FRACTION_BITS))


def _log_sum(e: Engine, powers: Ring, axes: tuple[int, ...], count: int) -> Rounds[Ring]:
    """log of a sum of exponentials, at 16 bits."""
    total = powers.sum(axis=axes, keepdims=True, dtype=np.uint64)
    n = yield from normalise(e, total, *_octaves(count))
    return (yield from log_by_octave(e, n, EXP_BITS))


def log_softmax(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    axis = int(attrs.get("axis", -1)) % x.ndim
    shifted, powers, _ = yield from _exponentials(e, x, (axis,))
    return shifted - (yield from _log_sum(e, powers, (axis,), x.shape[axis]))


def reduce_log_sum_exp(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    axes = axes_of(attrs, x.ndim)
    _, powers, top = yield from _exponentials(e, x, axes)
    count = int(np.prod([x.shape[a] for a in axes]))
    result = top + (yield from _log_sum(e, powers, axes, count))
    return result if attrs.get("keepdims", 1) else result.reshape([n for a, n in enumerate(x.shape) if a not in axes])

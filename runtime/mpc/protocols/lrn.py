"""Local response normalisation (Krizhevsky, NIPS 2012): x · (bias + alpha/size · s)^-beta, s being the sum of squares
of neighbouring channels: six rounds.

The factor is (alpha/size)^-beta · (s + bias · size/alpha)^-beta: squares keep all bits of their products, their sums
and the public addend are exact, and a power of the sum is taken once an element (`gates.windows`). A sum below the
addend has wrapped; that and one beyond the last octave (`ranges.lrn_range`) are counted as out of range."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product, SelfProduct
from ppc.runtime.mpc.gates.windows import Chosen, Windows, windows
from ppc.runtime.mpc.protocols.linear import SQUARE_BITS, truncate
from ppc.runtime.mpc.protocols.octave import normalise, power_of_mantissa, times_power
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.ranges import LrnRange, lrn_range

Attrs = Mapping[str, Any]


def lrn(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Sums of squares below 2^29, |result| < 2^12. Error 2^-12 relative plus 2^-15."""
    size, alpha = int(attrs["size"]), float(attrs.get("alpha", 1e-4))
    beta, bias = float(attrs.get("beta", 0.75)), float(attrs.get("bias", 1.0))
    over = lrn_range(size, alpha, beta, bias)
    if over is None:
        raise PartyError("PPC6003", f"no MPC protocol for LRN of size {size}, alpha {alpha}, beta {beta}, bias {bias}")
    squares, _ = yield from e.apply(SelfProduct(x.shape), x)
    total = _neighbours(squares, size) + e.public(bias * size / alpha, SQUARE_BITS)
    factor = yield from _power(e, total, over, beta, (alpha / size) ** -beta)
    y: Ring = yield from e.apply(Product(np.multiply, x.shape, factor.shape), x, factor)
    return (yield from truncate(e, y, over.bits))


def _neighbours(x: Ring, size: int) -> Ring:
    """Sums over `size` neighbouring channels, the longer half behind."""
    before = (size - 1) // 2
    around = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
    padded = np.pad(x, around)
    total: Ring = sum((padded[:, i : i + x.shape[1]] for i in range(size)), np.zeros_like(x))
    return total


@cache
def _powers(lo: int, hi: int, beta: float, constant: float) -> Windows:
    """constant · x^-beta for x of SQUARE_BITS fractional bits."""
    return windows(lambda v: constant * 2.0 ** (SQUARE_BITS * beta) * v**-beta, lo, hi)


def _power(e: Engine, total: Ring, over: LrnRange, beta: float, constant: float) -> Rounds[Ring]:
    """constant · total^-beta at `over.bits`: in windows, three rounds; with small tables by octaves, seven."""
    if e.small:
        n = yield from normalise(e, total, over.lo, over.hi)
        e.outside(n.outside)
        power, scale = yield from times_power(e, n, SQUARE_BITS, power_of_mantissa(-beta), -beta, constant)
        return (yield from truncate(e, power, scale - over.bits))
    template = _powers(over.lo, over.hi, beta, constant)
    found: Chosen = yield from e.apply(replace(template, shape=total.shape, bits=over.bits, judged=e.tables), total)
    e.outside(e.first - found.bits[0], found.bits[-1])
    return found.value

"""Smooth functions of one variable: one table, guarded by comparisons on the whole ring (`gates.guarded`): three
rounds. Beyond the table's range the function is continued by its tail, so no input is wrong without a word.

Largest absolute errors, over all inputs: see ROWS; each is measured by a test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import erf as erf_of
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.kernels.activation import SELU_ALPHA, SELU_GAMMA
from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.exponential import Powers
from ppc.runtime.mpc.gates.guarded import Guarded, Read
from ppc.runtime.mpc.gates.table import Lookup, Spline
from ppc.runtime.mpc.protocols.compare import clamp, compare_truncated
from ppc.runtime.mpc.protocols.linear import scaled, truncate
from ppc.runtime.mpc.protocols.scale import excess
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.ranges import EXP_LIMIT
from ppc.runtime.schema import FRACTION_BITS

Attrs = Mapping[str, Any]
Floats = NDArray[np.float64]
_erf = np.vectorize(erf_of, otypes=[np.float64])


def _sigmoid(x: Floats) -> Floats:
    value: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return value


def _gelu(x: Floats) -> Floats:
    value: Floats = 0.5 * x * (1 + _erf(x / np.sqrt(2)))
    return value


def _gelu_tanh(x: Floats) -> Floats:
    value: Floats = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return value


def _swish(x: Floats) -> Floats:
    return x * _sigmoid(x)


def _mish(x: Floats) -> Floats:
    value: Floats = x * np.tanh(np.logaddexp(0, x))
    return value


def _softplus(x: Floats) -> Floats:
    value: Floats = np.logaddexp(0, x)
    return value


@dataclass(frozen=True, slots=True)
class Smooth:
    """A table and its tails: below the range the function is taken as `below`; above it, as x (`linear`) or `above`."""

    spline: Spline
    below: float
    above: float
    linear: bool = False
    half: Spline | None = None  # where f(x) = max(x, 0) + h(|x|): h, on a table of far fewer cells


def _row(f: Callable[[Floats], Floats], start: float, width: int, k: int, below: float, above: float) -> Smooth:
    return Smooth(Spline(f, start, width, k, degree=3, g=12, bits=20), below, above)


def _linear(
    f: Callable[[Floats], Floats], start: float, width: int, k: int, half_width: int, half_k: int | None
) -> Smooth:
    """A function that is 0 far below and x far above; where `half_k` is given, f(x) − max(x, 0) is even."""

    start_of_half = -(2.0**-8)

    def h(t: Floats) -> Floats:
        """f(t) − t, led to half of what it is at the table's end: beyond, where it vanishes, it is taken as constant,
        and both sides then err by half the gap."""
        end = np.array(start_of_half + ((1 << (half_k or 0)) - 1) * 2.0**half_width)
        led: Floats = f(t) - t - 0.5 * (f(end) - end) * (t / end) ** 8
        return led

    half = None if half_k is None else Spline(h, start_of_half, half_width, half_k, degree=3, g=12, bits=14)
    return Smooth(Spline(f, start, width, k, degree=3, g=12, bits=14), 0, 0, True, half)


#: The tail constants lie half-way between the limit and the value at the range's end: both sides then err by
#: half the gap.
ROWS: dict[str, Smooth] = {
    "Sigmoid": _row(
        _sigmoid, -8, -1, 5, 0.5 * float(_sigmoid(np.array(-8.0))), 1 - 0.5 * float(_sigmoid(np.array(-7.5)))
    ),
    "Tanh": _row(np.tanh, -4, -2, 5, -1 + 0.5 * (1 - np.tanh(4)), 1 - 0.5 * (1 - np.tanh(3.75))),
    "Erf": _row(_erf, -4, -2, 5, -1, 1),
    "Gelu": _linear(_gelu, -4, -2, 5, -1, 3),
    "GeluTanh": _linear(_gelu_tanh, -4, -2, 5, -1, 3),
    "Swish": _linear(_swish, -16, -1, 6, -1, 5),
    "Softplus": _linear(_softplus, -16, -1, 6, -1, 5),
    "Mish": _linear(_mish, -16, -1, 6, -1, None),
}


def row_of(op: str, attrs: Attrs) -> str:
    """The row of ROWS that an operator reads, where it reads one."""
    return "GeluTanh" if op == "Gelu" and attrs.get("approximate", "none") == "tanh" else op


def evaluate(e: Engine, row: Smooth, x: Ring, shift: int = 0) -> Rounds[Ring]:
    """The function of a row on a share that has `shift` fractional bits too many: three rounds, or with small tables
    four and, by way of |x|, six."""
    if e.small and row.half is not None:
        return (yield from _by_magnitude(e, row.half, x, shift))
    s = row.spline
    lo, hi = ends(s)
    gate = Guarded(x.shape, s, FRACTION_BITS, FRACTION_BITS, lo, hi, shift, row.linear, e.tables)
    inside, bits, above = yield from e.apply(gate, x)
    end = hi / 2.0**FRACTION_BITS
    beyond = float(s.function(np.array(end))) - end if row.linear else row.above
    y: Ring = inside + (e.first - bits[0]) * ring.encode(row.below) + bits[1] * ring.encode(beyond) + above
    return y


def ends(s: Spline) -> tuple[int, int]:
    """The range of a table, in units of 2^-16."""
    unit = max(1, round(s.unit * 2.0**FRACTION_BITS))
    return round(s.start * 2.0**FRACTION_BITS) + 2 * unit, round(s.end * 2.0**FRACTION_BITS) - 2 * unit


def _by_magnitude(e: Engine, h: Spline, x: Ring, shift: int) -> Rounds[Ring]:
    """max(x, 0) + h(|x|), with h constant beyond the table: both signs of x share its cells."""
    _, end = ends(h)
    bits, multiples, x = yield from compare_truncated(e, x, shift, -end, 0, end)
    below = x - multiples[0] + word(end) * (e.first - bits[0])  # x + end where x < -end
    above = multiples[2] - word(end) * bits[2]
    magnitude = word(2) * multiples[1] - x + below - above
    y: Ring = yield from e.apply(Lookup(h, x.shape, FRACTION_BITS), magnitude)
    even: Ring = yield from truncate(e, y, h.scale - FRACTION_BITS)
    positive: Ring = multiples[1]
    return positive + even


def sigmoid(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Sigmoid"], x, excess(attrs))


def tanh(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Tanh"], x, excess(attrs))


def erf(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Erf"], x, excess(attrs))


def gelu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS[row_of("Gelu", attrs)], x, excess(attrs))


def swish(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """x sigmoid(alpha x), as (alpha x) sigmoid(alpha x) / alpha."""
    alpha = float(attrs.get("alpha", 1.0))
    if alpha == 1.0:
        return (yield from evaluate(e, ROWS["Swish"], x, excess(attrs)))
    y = yield from scaled(e, x, alpha)
    y = yield from evaluate(e, ROWS["Swish"], y)
    return (yield from scaled(e, y, 1 / alpha))


def mish(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Mish"], x, excess(attrs))


def softplus(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Softplus"], x, excess(attrs))


EXP_START = -16


def exp(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Error 2^-14 relative plus 2^-15; inputs above 14 are taken as 14, and out of range: three rounds."""
    found = yield from _exp(e, x, EXP_LIMIT << FRACTION_BITS, excess(attrs))
    e.outside(found.bits[1])
    y: Ring = found.inside + found.bits[1] * ring.encode(np.exp(EXP_LIMIT))
    return y


def _exp(e: Engine, x: Ring, hi: int, shift: int = 0, tail: bool = False) -> Rounds[Read]:
    """exp where x < hi, and zero where it is below 2^-23."""
    lo = (EXP_START << FRACTION_BITS) + 2
    table = Powers(EXP_START, 5)
    return e.apply(Guarded(x.shape, table, FRACTION_BITS, FRACTION_BITS, lo, hi, shift, tail, e.tables), x)


def _elu(e: Engine, x: Ring, alpha: float, stretch: float, gamma: float, shift: int = 0) -> Rounds[Ring]:
    """gamma (max(x, 0) + alpha (exp(min(x, 0) / stretch) − 1))."""
    if stretch == 1.0:
        found = yield from _exp(e, x, 0, shift, tail=True)
        positive, curve = found.above, found.inside - (e.first - found.bits[1]) * ring.encode(1.0)
    else:
        limited = yield from clamp(e, x, round((EXP_START << FRACTION_BITS) * stretch) + 2, 0)
        y = yield from scaled(e, limited.inside, 1 / stretch)
        found = yield from _exp(e, y, 1 << FRACTION_BITS)
        positive, curve = limited.excess, found.inside - e.public(1.0, FRACTION_BITS)
    positive = positive if gamma == 1.0 else (yield from scaled(e, positive, gamma))
    return positive + (curve if alpha * gamma == 1.0 else (yield from scaled(e, curve, alpha * gamma)))


def elu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return _elu(e, x, float(attrs.get("alpha", 1.0)), 1.0, 1.0, excess(attrs))


def celu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    alpha = float(attrs.get("alpha", 1.0))
    return _elu(e, x, alpha, alpha, 1.0)


def selu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return _elu(e, x, float(attrs.get("alpha", SELU_ALPHA)), 1.0, float(attrs.get("gamma", SELU_GAMMA)), excess(attrs))


#: One turn in 32 cells. A table is read modulo its cells, so a periodic function needs no limit.
_SINE, _COSINE = (
    Spline(f, 0, -5, 5, degree=3, g=12, bits=14)
    for f in (lambda t: np.sin(2 * np.pi * t), lambda t: np.cos(2 * np.pi * t))
)
#: Fractional bits of 1 / 2π. Turns wrap with the ring: it holds a whole number of them.
_TURN_BITS = 30


def _periodic(e: Engine, spline: Spline, x: Ring) -> Rounds[Ring]:
    """A function of x in turns: two rounds; the angle errs by |x| 2^-28."""
    turns = x * ring.encode(1 / (2 * np.pi), _TURN_BITS)
    y: Ring = yield from e.apply(Lookup(spline, x.shape, FRACTION_BITS + _TURN_BITS), turns)
    return (yield from truncate(e, y, spline.scale - FRACTION_BITS))


def sine(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return _periodic(e, _SINE, x)


def cosine(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return _periodic(e, _COSINE, x)

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

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.exponential import Powers
from ppc.runtime.mpc.gates.guarded import Guarded, Read
from ppc.runtime.mpc.gates.table import Spline
from ppc.runtime.mpc.protocols.linear import scaled
from ppc.runtime.mpc.protocols.scale import excess
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
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


def _row(
    f: Callable[[Floats], Floats], start: float, width: int, k: int, below: float, above: float, linear: bool = False
) -> Smooth:
    return Smooth(Spline(f, start, width, k, degree=3, g=12, bits=14), below, above, linear)


#: The tail constants lie half-way between the limit and the value at the range's end: both sides then err by
#: half the gap.
ROWS: dict[str, Smooth] = {
    "Sigmoid": _row(
        _sigmoid, -8, -1, 5, 0.5 * float(_sigmoid(np.array(-8.0))), 1 - 0.5 * float(_sigmoid(np.array(-7.5)))
    ),
    "Tanh": _row(np.tanh, -4, -2, 5, -1 + 0.5 * (1 - np.tanh(4)), 1 - 0.5 * (1 - np.tanh(3.75))),
    "Erf": _row(_erf, -4, -2, 5, -1, 1),
    "Gelu": _row(_gelu, -4, -2, 5, 0, 0, True),
    "GeluTanh": _row(_gelu_tanh, -4, -2, 5, 0, 0, True),
    "Swish": _row(_swish, -16, -1, 6, 0, 0, True),
    "Softplus": _row(_softplus, -16, -1, 6, 0, 0, True),
}


def evaluate(e: Engine, row: Smooth, x: Ring, shift: int = 0) -> Rounds[Ring]:
    """The function of a row on a share that has `shift` fractional bits too many: three rounds."""
    s = row.spline
    unit = max(1, round(s.unit * 2.0**FRACTION_BITS))
    lo = round(s.start * 2.0**FRACTION_BITS) + 2 * unit
    hi = round(s.end * 2.0**FRACTION_BITS) - 2 * unit
    gate = Guarded(x.shape, s, FRACTION_BITS, FRACTION_BITS, lo, hi, shift, row.linear, e.small)
    inside, bits, above = yield from e.apply(gate, x)
    end = hi / 2.0**FRACTION_BITS
    beyond = float(s.function(np.array(end))) - end if row.linear else row.above
    return inside + (e.first - bits[0]) * ring.encode(row.below) + bits[1] * ring.encode(beyond) + above


def sigmoid(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Sigmoid"], x, excess(attrs))


def tanh(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Tanh"], x, excess(attrs))


def erf(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Erf"], x, excess(attrs))


def gelu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["GeluTanh" if attrs.get("approximate", "none") == "tanh" else "Gelu"], x, excess(attrs))


def swish(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Swish"], x, excess(attrs))


def softplus(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Softplus"], x, excess(attrs))


#: exp is limited to this range; exp(10) = 22,026 needs 15 of the 30 integer bits that a product may use.
EXP_START, EXP_LIMIT = -16, 10


def exp(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Error 2^-15 relative plus 2^-15; inputs above 10 are taken as 10: three rounds."""
    found = yield from _exp(e, x, EXP_LIMIT << FRACTION_BITS, excess(attrs))
    return found.inside + found.bits[1] * ring.encode(np.exp(EXP_LIMIT))


def _exp(e: Engine, x: Ring, hi: int, shift: int, tail: bool = False) -> Rounds[Read]:
    """exp where x < hi, and zero where it is below 2^-23."""
    lo = (EXP_START << FRACTION_BITS) + 2
    table = Powers(EXP_START, 5)
    return e.apply(Guarded(x.shape, table, FRACTION_BITS, FRACTION_BITS, lo, hi, shift, tail, e.small), x)


def elu(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """max(x, 0) + alpha (exp(min(x, 0)) − 1)."""
    found = yield from _exp(e, x, 0, excess(attrs), tail=True)
    curve = found.inside - (e.first - found.bits[1]) * ring.encode(1.0)
    alpha = float(attrs.get("alpha", 1.0))
    return found.above + (curve if alpha == 1.0 else (yield from scaled(e, curve, alpha)))

"""Where the MPC protocols of functions hold: one table for the engine, the compiler and the documentation.

An operand outside its range makes a result wrong, so it is counted where the protocol sees it, and the party that
learns an output is told (`mpc.Checked`). Functions that are right on all inputs have no row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import Any, NamedTuple

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.value import Value, Weight

#: Powers of two between which the reciprocal of a magnitude, roots and logarithms are taken.
RECIPROCAL_OCTAVES = (-10, 18)
SQRT_OCTAVES = (-16, 20)
LOG_OCTAVES = (-16, 24)
#: Of exponentials that are summed without a maximum: the largest of a row is at most e^0, and their sum at least
#: 2^-ROW_SPREAD_BITS; a row has MOST_EXPONENTIALS at most.
ROW_SPREAD_BITS, MOST_EXPONENTIALS = 21, 512
#: Their exponents lie within so many units, and the largest of a row within fewer, below a bound.
LOGITS, ROW_SPREAD = 30, 14
#: How far a bound lies above what calibration saw, at least and at most.
LOGITS_MARGIN = (3, 8)
#: exp is taken as that of this value above it; exp(14) is 1.2 million.
EXP_LIMIT = 14


@dataclass(frozen=True, slots=True)
class Range:
    """Operand number `operand` must lie in [lo, hi); `magnitude`: its size must."""

    lo: float
    hi: float
    magnitude: bool = False
    operand: int = 0

    def holds(self, x: Any) -> Any:
        """Where an array is inside."""
        x = np.abs(x) if self.magnitude else x
        return (x >= self.lo) & (x < self.hi)

    def leaves(self, least: float, most: float) -> bool:
        """Whether some value is outside where `least` and `most` occur. Of a magnitude that may pass through zero only
        the upper end is known."""
        if self.magnitude:
            ends = sorted((abs(least), abs(most)))
            return ends[1] >= self.hi or (least * most > 0 and ends[0] < self.lo)
        return least < self.lo or most >= self.hi

    def __str__(self) -> str:
        what = "|x|" if self.magnitude else "x"
        below = f"{what} < {_shown(self.hi)}"
        return below if self.lo == float("-inf") else f"{_shown(self.lo)} <= {below}"


def _shown(x: float) -> str:
    """Powers of two as such."""
    power = round(log2(x)) if x > 0 else 0
    return f"2^{power}" if x == 2.0**power and abs(power) > 4 else f"{x:g}"


_RECIPROCAL = (2.0 ** RECIPROCAL_OCTAVES[0], 2.0 ** RECIPROCAL_OCTAVES[1], True)
_ROOT = 2.0 ** SQRT_OCTAVES[1]

RANGES: dict[str, Range] = {
    "Exp": Range(float("-inf"), EXP_LIMIT),
    "Reciprocal": Range(*_RECIPROCAL),
    "Div": Range(*_RECIPROCAL, operand=1),
    "Sqrt": Range(0.0, _ROOT),
    "Rsqrt": Range(2.0 ** SQRT_OCTAVES[0], _ROOT),
    "Log": Range(2.0 ** LOG_OCTAVES[0], 2.0 ** LOG_OCTAVES[1]),
}


def check_operand(op: str, node: str, attrs: Mapping[str, Any], operands: Sequence[Value | Weight | None]) -> None:
    """Raise PPC6016 where an operand, in clear, lies outside the declared range of a node."""
    found = declared(op, attrs)
    operand = operands[found.operand] if found else None
    if found is None or operand is None:
        return
    values = np.asarray(operand.data, np.float64)
    worst = values[~found.holds(values)]
    if not worst.size and op == "Softmax":
        rows = values.max(axis=int(attrs.get("axis", -1)))
        worst = rows[rows < found.lo + LOGITS - ROW_SPREAD]
    if worst.size:
        raise PartyError(
            "PPC6016",
            f"node {node!r} ({op}) is given {worst.reshape(-1)[0]:g} ({worst.size} of {values.size} values are "
            f"outside), and holds under MPC for {found}",
        )


def declared(op: str, attrs: Mapping[str, Any]) -> Range | None:
    """The range of an operator, None where it is right on all values of a plan."""
    if op == "Softmax" and isinstance(below := attrs.get("below"), int):
        return Range(below - LOGITS, below)
    return RANGES.get(op)


def logits_bound(least: float, most: float) -> int | None:
    """Below which the logits of a Softmax stay that calibration has seen in [least, most]; None where they lie too far
    apart to do without the maximum of a row."""
    if not most - least < ROW_SPREAD:  # also where one of them is not finite
        return None
    least_margin, most_margin = LOGITS_MARGIN
    below = min(floor(least) + ROW_SPREAD, floor(most) + 1 + most_margin)
    return below if below >= most + least_margin else None


class LrnRange(NamedTuple):
    """LRN under MPC: between which powers of two, in units of 2^-32, the sum of squares plus bias · size / alpha lies;
    and how many fractional bits the power of it has that multiplies x, so that the least one is right to 2^-17."""

    lo: int
    hi: int
    bits: int


#: The least power, the lowest and highest end of a range, the fewest octaves that are of use.
_LRN_POWER, _LRN_LEAST, _LRN_MOST, _LRN_OCTAVES = 2.0**-17, 17, 61, 5


def lrn_range(size: int, alpha: float, beta: float, bias: float) -> LrnRange | None:
    """None where there is no protocol for such attributes."""
    if not (alpha > 0 and 0 < beta <= 1.5 and 0.25 <= bias <= 2.0**8):
        return None
    lo = floor(log2(bias * size / alpha)) + 32
    first = -beta * log2(bias)  # log2 of the largest power
    hi = min(_LRN_MOST, lo + floor((first - log2(_LRN_POWER)) / beta))
    if lo < _LRN_LEAST or hi - lo < _LRN_OCTAVES:
        return None
    return LrnRange(lo, hi, 17 - floor(first - beta * (hi - lo)))


#: Functions of rows whose range is one of a sum over the row.
_SUMS = (
    *("LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"),
    *("MeanVarianceNormalization", "LpNormalization", "LRN", "ReduceL2", "ReduceLogSum"),
)


def counts_values(op: str, attrs: Mapping[str, Any]) -> bool:
    """Whether the protocol of an operator counts values that are outside its range."""
    return declared(op, attrs) is not None or op in _SUMS

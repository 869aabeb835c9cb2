"""Where the MPC protocols of functions hold: one table for the engine, the compiler and the documentation.

An operand outside its range makes a result wrong, so it is counted where the protocol sees it, and the party that
learns an output is told (`mpc.Checked`). Functions that are right on all inputs have no row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

#: Powers of two between which the reciprocal of a magnitude, roots and logarithms are taken.
RECIPROCAL_OCTAVES = (-10, 18)
SQRT_OCTAVES = (-16, 20)
LOG_OCTAVES = (-16, 24)
#: exp is taken as that of this value above it; exp(14) is 1.2 million.
EXP_LIMIT = 14


@dataclass(frozen=True, slots=True)
class Range:
    """Operand number `operand` must lie in [lo, hi); `magnitude`: its size must."""

    lo: float
    hi: float
    magnitude: bool = False
    operand: int = 0

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
    "Log": Range(2.0 ** LOG_OCTAVES[0], 2.0 ** LOG_OCTAVES[1]),
}
#: Of Pow, by its exponent.
POWERS: dict[float, Range] = {
    0.5: RANGES["Sqrt"],
    -0.5: Range(2.0 ** SQRT_OCTAVES[0], _ROOT),
    -1.0: RANGES["Reciprocal"],
}


def declared(op: str, attrs: Mapping[str, Any]) -> Range | None:
    """The range of an operator, None where it is right on all values of a plan."""
    if op == "Pow":
        return POWERS.get(float(attrs.get("exponent", 1.0)))
    return RANGES.get(op)

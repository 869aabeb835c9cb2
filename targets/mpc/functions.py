"""Non-linear functions under MPC: where each is declared, and the largest error that it states there.

`python -m benchmarks.mpc_functions` measures them (docs/mpc-functions.md), and a test holds each to its word. Errors
are against the function in exact arithmetic on the fixed-point input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from ppc.runtime.ranges import RANGES


@dataclass(frozen=True, slots=True)
class Stated:
    """|error| <= absolute + relative · |result|, over the range that `over` tells."""

    over: str
    absolute: float
    relative: float = 0.0
    small: float | None = None  # the absolute part with small tables, where it is another

    @property
    def error(self) -> str:
        """As a reader sees it: powers of two."""
        parts = [f"{_power(self.relative)} relative"] if self.relative else []
        small = "" if self.small is None else f" ({_power(self.small)} with small tables)"
        return " plus ".join([*parts, _power(self.absolute)]) + small

    def allowed(self, size: float, small: bool = False) -> float:
        """The largest error of a result of that size."""
        absolute = self.small if small and self.small is not None else self.absolute
        return absolute + self.relative * size

    @property
    def largest(self) -> float:
        """The largest of the numbers stated."""
        return max(self.absolute, self.relative, self.small or 0.0)

    def __str__(self) -> str:
        return f"error {self.error}; {self.over}"


def _power(x: float) -> str:
    return f"2^{round(log2(x))}"


ALL = "all values of a plan, |x| < 2^30"
_ROWS = "rows that deviate by 2^-6 to 2^8, |mean| < 2^12; a row of more than 2^13 elements by sqrt(2^29 / elements)"
_FINE, _GOOD = 2.0**-14, 2.0**-11

FUNCTIONS: Mapping[str, Stated] = {
    "Sigmoid": Stated(ALL, _GOOD),
    "Tanh": Stated(ALL, 2.0**-10),
    "Erf": Stated(ALL, _GOOD),
    "Gelu": Stated(ALL, _GOOD, small=2.0**-10),
    "Swish": Stated(ALL, _GOOD),
    "Softplus": Stated(ALL, _GOOD),
    "Mish": Stated(ALL, _GOOD),
    "Elu": Stated(ALL, _FINE),
    "Celu": Stated(ALL, _FINE),
    "Selu": Stated("|x| < 2^25", 2.0**-13, 2.0**-20),
    "Softsign": Stated(ALL, _FINE),
    "HardSigmoid": Stated(ALL, _FINE),
    "HardSwish": Stated(ALL, _FINE),
    "Sin": Stated("|x| < 2^10", 2.0**-11),
    "Cos": Stated("|x| < 2^10", 2.0**-11),
    "Exp": Stated(str(RANGES["Exp"]), _FINE, 2.0**-13),
    "Log": Stated(str(RANGES["Log"]), 2.0**-13),
    "Reciprocal": Stated(str(RANGES["Reciprocal"]), 2.0**-15, 2.0**-13),
    "Div": Stated(f"divisor {RANGES['Div']}, |quotient| < 2^22", 2.0**-10, 2.0**-13),
    "Sqrt": Stated(str(RANGES["Sqrt"]), 2.0**-15, 2.0**-13),
    "Rsqrt": Stated(str(RANGES["Rsqrt"]), 2.0**-15, 2.0**-13),
    "Softmax": Stated("all values; at most 2^16 elements a row", 2.0**-13),
    "LogSoftmax": Stated("all values; at most 2^16 elements a row", 2.0**-12),
    "ReduceLogSumExp": Stated("all values; at most 2^16 elements a row", 2.0**-12),
    "LayerNormalization": Stated(_ROWS, 2.0**-11, 2.0**-12),
    "InstanceNormalization": Stated(_ROWS, 2.0**-11, 2.0**-12),
    "GroupNormalization": Stated(_ROWS, 2.0**-11, 2.0**-12),
    "MeanVarianceNormalization": Stated(_ROWS, 2.0**-11, 2.0**-12),
    "LRN": Stated(
        "alpha > 0, beta <= 1.5, bias of 2^-2 to 2^8, bias * size / alpha of 2^-15 to 2^24; sums of squares below "
        "2^29, results below 2^12, powers above 2^-17",
        2.0**-15,
        2.0**-12,
    ),
    "RMSNormalization": Stated("rows of root mean square 2^-6 to 2^8", 2.0**-11, 2.0**-12),
}

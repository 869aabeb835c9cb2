"""The noise of a polynomial, by running its recursion on values that carry their errors.

Every finished sum is a source of noise of its own: its rescale, and the key switch where it has a product. A value
keeps its derivative by each source, at some arguments of the range, so that errors which meet again (a power is read by
many products) add up as they do in the ciphertext, and not as if they were independent.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ppc.runtime.chebyshev import evaluate
from ppc.targets.he.linear_map import Floats

#: Arguments that errors are looked at for, evenly over the range.
ARGUMENTS = 21


class Sources(Protocol):
    """What the recursion needs of the noise model."""

    def prime(self, level: int) -> float: ...

    def finish(self, level: int, raw_scale: float | None, scale: float) -> tuple[float, float]:
        """(spread, peak) of a rescale from `level` to `scale`, and of relinearising at `raw_scale` (None: not)."""
        ...


@dataclass(frozen=True, slots=True)
class Tracked:
    """A value at each argument, and its derivative by the argument and by each source: (sources, arguments).

    `loose`: the variance of errors that are taken as independent, of rounded coefficients.
    """

    level: int
    scale: float
    values: Floats
    by: Floats
    loose: Floats
    product: bool = False


class NoiseArithmetic:
    """The arithmetic of `ppc.runtime.chebyshev` on values with their errors, of at most `most` sources."""

    def __init__(self, sources: Sources, most: int):
        self._sources, self._most = sources, most
        self.spread, self.peak = [0.0], [0.0]  # of each source; the first stands for the argument

    def start(self, level: int, scale: float, x: Floats) -> Tracked:
        """The argument."""
        by = np.zeros((self._most, len(x)))
        by[0] = 1.0
        return Tracked(level, scale, x, by, np.zeros(len(x)))

    def level(self, a: Tracked) -> int:
        return a.level

    def scale(self, a: Tracked) -> float:
        return a.scale

    def prime(self, level: int) -> float:
        return self._sources.prime(level)

    def times(self, a: Tracked, number: float, level: int, scale: float) -> Tracked:
        """The exact product; what rounding its coefficient leaves out, all of it where it vanishes, is an error."""
        ratio = scale / a.scale
        left = number - round(number * ratio) / ratio
        loose = a.loose * number**2 + (a.values * left) ** 2
        return Tracked(level, scale, a.values * number, a.by * number, loose)

    def product(self, a: Tracked, b: Tracked) -> Tracked:
        by = a.by * b.values + b.by * a.values
        loose = a.loose * b.values**2 + b.loose * a.values**2
        return Tracked(min(a.level, b.level), a.scale * b.scale, a.values * b.values, by, loose, True)

    def add(self, a: Tracked, b: Tracked) -> Tracked:
        either = a.product or b.product
        return Tracked(a.level, a.scale, a.values + b.values, a.by + b.by, a.loose + b.loose, either)

    def add_number(self, a: Tracked, number: float) -> Tracked:
        return Tracked(a.level, a.scale, a.values + number, a.by, a.loose, a.product)

    def finish(self, raw: Tracked, scale: float) -> Tracked:
        spread, peak = self._sources.finish(raw.level, raw.scale if raw.product else None, scale)
        by = raw.by.copy()
        by[len(self.spread)] = 1.0
        self.spread.append(spread)
        self.peak.append(peak)
        return Tracked(raw.level - 1, scale, raw.values, by, raw.loose)

    def zero(self, level: int, scale: float) -> Tracked:
        nothing = np.zeros(ARGUMENTS)
        return Tracked(level, scale, nothing, np.zeros((self._most, ARGUMENTS)), nothing)


@dataclass(frozen=True, slots=True)
class PolynomialNoise:
    """At arguments evenly over the interval: how much an error of the argument grows, and what comes with it."""

    slope: Floats
    spread: Floats
    peak: Floats


def polynomial_noise(
    sources: Sources,
    coefficients: tuple[float, ...],
    interval: tuple[float, float],
    levels: tuple[int, int],
    scales: tuple[float, float],
) -> PolynomialNoise:
    """`levels`, `scales`: of the argument and of the result."""
    # each finished sum has a coefficient or a power of its own; and the change of range
    arithmetic = NoiseArithmetic(sources, len(coefficients) + 3)
    x = arithmetic.start(levels[0], scales[0], np.linspace(*interval, ARGUMENTS))
    found = evaluate(arithmetic, x, coefficients, *interval, levels[1], scales[1])
    by = found.by[1 : len(arithmetic.spread)] ** 2
    spread, peak = (np.square(s[1:])[:, None] for s in (arithmetic.spread, arithmetic.peak))
    return PolynomialNoise(
        np.abs(found.by[0]), np.sqrt((by * spread).sum(0) + found.loose), np.sqrt((by * peak).sum(0))
    )

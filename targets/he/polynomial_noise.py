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
ARGUMENTS = 65


class Sources(Protocol):
    """What the recursion needs of the noise model."""

    def prime(self, level: int) -> float: ...

    def finish(self, level: int, raw_scale: float | None, scale: float) -> tuple[float, float]:
        """(spread, peak) of a rescale from `level` to `scale`, and of relinearising at `raw_scale` (None: not)."""
        ...


@dataclass(frozen=True, slots=True)
class Tracked:
    """A value at each argument, and its derivative by the argument and by each source so far: (sources, arguments).

    `loose`: the variance of errors that are taken as independent, of rounded coefficients.
    """

    level: int
    scale: float
    values: Floats
    by: Floats
    loose: Floats
    product: bool = False


class NoiseArithmetic:
    """The arithmetic of `ppc.runtime.chebyshev` on values with their errors."""

    def __init__(self, sources: Sources):
        self._sources = sources
        self.spread, self.peak = [0.0], [0.0]  # of each source; the first stands for the argument

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
        left, right = self._aligned(a, b)
        by = left * b.values + right * a.values
        loose = a.loose * b.values**2 + b.loose * a.values**2
        return Tracked(min(a.level, b.level), a.scale * b.scale, a.values * b.values, by, loose, True)

    def add(self, a: Tracked, b: Tracked) -> Tracked:
        left, right = self._aligned(a, b)
        product = a.product or b.product
        return Tracked(a.level, a.scale, a.values + b.values, left + right, a.loose + b.loose, product)

    def add_number(self, a: Tracked, number: float) -> Tracked:
        return Tracked(a.level, a.scale, a.values + number, a.by, a.loose, a.product)

    def finish(self, raw: Tracked, scale: float) -> Tracked:
        spread, peak = self._sources.finish(raw.level, raw.scale if raw.product else None, scale)
        self.spread.append(spread)
        self.peak.append(peak)
        by = np.zeros((len(self.spread), len(raw.values)))
        by[: len(raw.by)] = raw.by
        by[-1] = 1.0
        return Tracked(raw.level - 1, scale, raw.values, by, raw.loose)

    def zero(self, level: int, scale: float) -> Tracked:
        nothing = np.zeros(ARGUMENTS)
        return Tracked(level, scale, nothing, nothing[None], nothing)

    @staticmethod
    def _aligned(a: Tracked, b: Tracked) -> tuple[Floats, Floats]:
        """Derivatives by the same sources."""
        count = max(len(a.by), len(b.by))
        left, right = (np.pad(x.by, ((0, count - len(x.by)), (0, 0))) for x in (a, b))
        return left, right


def polynomial_noise(
    sources: Sources,
    argument: tuple[float, float],
    coefficients: tuple[float, ...],
    interval: tuple[float, float],
    levels: tuple[int, int],
    scales: tuple[float, float],
) -> tuple[Floats, Floats]:
    """(spread, peak) of the result at arguments evenly over the interval, for an argument with these errors.

    `levels`, `scales`: of the argument and of the result.
    """
    arithmetic = NoiseArithmetic(sources)
    arithmetic.spread[0], arithmetic.peak[0] = argument
    x, one = np.linspace(*interval, ARGUMENTS), np.ones((1, ARGUMENTS))
    start = Tracked(levels[0], scales[0], x, one, np.zeros(ARGUMENTS))
    found = evaluate(arithmetic, start, coefficients, *interval, levels[1], scales[1])
    spread, peak = (np.array(s)[: len(found.by), None] for s in (arithmetic.spread, arithmetic.peak))
    return np.sqrt(((found.by * spread) ** 2).sum(0) + found.loose), np.sqrt(((found.by * peak) ** 2).sum(0))

"""`he.polynomial`: Chebyshev sums at the least depth, with the coefficient products folded into the scales.

Paterson and Stockmeyer's recursion p = q·T_m + r in the Chebyshev basis (T_{m+i} = 2·T_m·T_i − T_{m−i}), m a power of
two. Each node is told the level and the scale its result must have and asks its children for the scales that make
it so (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux: Efficient bootstrapping for approximate HE, 2021, §3), so that
no coefficient takes a level of its own and the result has exactly the planned scale. Sums of products are
relinearised and rescaled once.

The recursion runs on any `Arithmetic`: ciphertexts (`CipherArithmetic`), slot vectors with noise
(`ppc.runtime.he.simulate`), the compiler's estimate of noise (`ppc.targets.he.polynomial_noise`), or nothing at all, to
count products (`product_count`). A leaf: the compiler runs it too.
"""

from collections.abc import Sequence
from functools import cache
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Arithmetic(Protocol[T]):
    """What the recursion needs of a number type with levels and scales. "Raw" values are not rescaled yet."""

    def level(self, a: T) -> int: ...

    def scale(self, a: T) -> float: ...

    def prime(self, level: int) -> float: ...

    def times(self, a: T, number: float, level: int, scale: float) -> T | None:
        """Raw a * number at this level and scale; None where it vanishes at that scale."""
        ...

    def product(self, a: T, b: T) -> T:
        """Raw a * b at the lower of their levels."""
        ...

    def add(self, a: T, b: T) -> T:
        """a + b, of equal level and scale; may reuse a."""
        ...

    def add_number(self, a: T, number: float) -> T: ...

    def finish(self, raw: T, scale: float) -> T:
        """Relinearise and rescale: one level down, to this scale."""
        ...

    def zero(self, level: int, scale: float) -> T: ...


def evaluate(
    arithmetic: Arithmetic[T],
    x: T,
    coefficients: Sequence[float],
    lo: float,
    hi: float,
    out_level: int,
    out_scale: float,
) -> T:
    """Σ c_k·T_k((2x − lo − hi) / (hi − lo)) at exactly `out_level` and `out_scale`.

    Needs `polynomial_depth(len(coefficients) - 1, (lo, hi) == (-1, 1))` levels above `out_level`.
    """
    if (lo, hi) != (-1.0, 1.0):
        level = arithmetic.level(x)
        scale = arithmetic.scale(x)
        raw = arithmetic.times(x, 2 / (hi - lo), level, scale * arithmetic.prime(level))
        if raw is None:
            raise ValueError(f"the interval [{lo:g}, {hi:g}] is too wide for the scale of its level")
        x = arithmetic.add_number(arithmetic.finish(raw, scale), -(lo + hi) / (hi - lo))
    depth = arithmetic.level(x) - out_level
    needed = len(coefficients[1:]).bit_length()
    if depth < needed:
        raise ValueError(f"a polynomial of degree {len(coefficients) - 1} needs {needed} levels, {depth} are left")
    leaf = _best_leaf(tuple(c != 0 for c in coefficients), depth)
    return _Evaluation(arithmetic, x, leaf).run(list(coefficients), out_level, out_scale)


class _Evaluation(Generic[T]):
    def __init__(self, arithmetic: Arithmetic[T], x: T, leaf: int):
        self._a = arithmetic
        self._powers: dict[int, T] = {1: x}
        self._top = arithmetic.level(x)
        self._leaf = leaf  # sums of T_k up to this degree are not split where the levels allow it

    def run(self, p: list[float], level: int, scale: float) -> T:
        """p at this level and scale."""
        raw, constant = self._raw(p, level, scale)
        done = self._a.zero(level, scale) if raw is None else self._a.finish(raw, scale)
        return self._a.add_number(done, constant)

    def _raw(self, p: list[float], level: int, scale: float) -> tuple[T | None, float]:
        """p less its constant term, to be finished to `level` and `scale`; and the constant."""
        a, degree = self._a, _degree(p)
        raw_scale = scale * a.prime(level + 1)
        if degree <= 1 or (degree <= self._leaf and self._top - (degree - 1).bit_length() > level):
            total: T | None = None
            for k in range(1, degree + 1):
                if p[k]:
                    total = self._plus(total, a.times(self._power(k), p[k], level + 1, raw_scale))
            return total, p[0]
        m = 1 << (degree.bit_length() - 1)
        q, r = split(p[: degree + 1], m)
        total, constant = self._raw(r, level, scale)
        power = self._power(m)
        if _degree(q) == 0:
            return self._plus(total, a.times(power, q[0], level + 1, raw_scale)), constant
        quotient = self.run(q, level + 1, raw_scale / a.scale(power))
        return self._plus(total, a.product(quotient, power)), constant

    def _plus(self, total: T | None, term: T | None) -> T | None:
        if total is None or term is None:
            return total if term is None else term
        return self._a.add(total, term)

    def _power(self, k: int) -> T:
        """T_k of the argument, at ceil(log2 k) levels below it: T_{a+b} = 2·T_a·T_b − T_{a−b}."""
        if k not in self._powers:
            a = self._a
            raw = a.product(self._power((k + 1) // 2), self._power(k // 2))
            raw = a.add(raw, raw)
            level, scale = a.level(raw), a.scale(raw)
            if k % 2:
                less = a.times(self._power(1), -1.0, level, scale)
                if less is None:
                    raise ValueError("the scales of this polynomial leave no room for its Chebyshev powers")
                raw = a.add(raw, less)
            done = a.finish(raw, scale / a.prime(level))
            self._powers[k] = done if k % 2 else a.add_number(done, -1.0)
        return self._powers[k]


def split(p: list[float], m: int) -> tuple[list[float], list[float]]:
    """q and r with p = q·T_m + r in the Chebyshev basis, for m <= degree of p < 2m."""
    q, r = [p[m], *(2 * c for c in p[m + 1 :])], list(p[:m])
    for i, c in enumerate(p[m + 1 :], start=1):
        r[m - i] -= c
    return q, r


def _degree(p: Sequence[float]) -> int:
    return max((k for k, c in enumerate(p) if c), default=0)


def product_count(degree: int, depth: int) -> int:
    """Products of ciphertexts (each one relinearisation and rescale at most) of a dense polynomial."""
    present = (True,) * (degree + 1)
    return _count(present, depth, _best_leaf(present, depth))


@cache
def _best_leaf(present: tuple[bool, ...], depth: int) -> int:
    """The leaf degree with the fewest products; the smaller of equals."""
    candidates = [1 << i for i in range(1, max(2, len(present).bit_length() + 1))]
    return min(candidates, key=lambda leaf: (_count(present, depth, leaf), leaf))


def _count(present: tuple[bool, ...], depth: int, leaf: int) -> int:
    counter = _Counter()
    # powers of an irrational, so that the recursion's sums of coefficients do not cancel by accident
    _Evaluation(counter, depth, leaf).run([1.618**k if there else 0.0 for k, there in enumerate(present)], 0, 1.0)
    return counter.products


class _Counter:
    """Arithmetic on bare levels that counts products."""

    def __init__(self) -> None:
        self.products = 0

    def level(self, a: int) -> int:
        return a

    def scale(self, a: int) -> float:
        return 1.0

    def prime(self, level: int) -> float:
        return 1.0

    def times(self, a: int, number: float, level: int, scale: float) -> int:
        assert level <= a, "a term of the polynomial lies too deep"
        return level

    def product(self, a: int, b: int) -> int:
        self.products += 1
        return min(a, b)

    def add(self, a: int, b: int) -> int:
        assert a == b, "a sum of different levels"
        return a

    def add_number(self, a: int, number: float) -> int:
        return a

    def finish(self, raw: int, scale: float) -> int:
        return raw - 1

    def zero(self, level: int, scale: float) -> int:
        return level

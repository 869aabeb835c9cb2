"""Best uniform polynomial approximation on an interval."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: Degrees worth trying: each is the largest that an evaluation of its depth allows. Degree 2 is a square and takes one
#: level; the others take ceil(log2(degree + 1)) (Paterson and Stockmeyer).
DEGREES = (1, 2, 3, 7, 15, 31)
_POINTS = 8  # grid points a degree; the discrete optimum then misses the continuous one by < 1 %


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Chebyshev coefficients over t = (2x - lo - hi) / (hi - lo), and the maximum error found on a fine grid.

    `inner`, `gate`: as `runtime.kernels.polynomial` takes them.
    """

    coefficients: tuple[float, ...]
    lo: float
    hi: float
    error: float
    inner: tuple[tuple[float, ...], ...] = ()
    gate: bool = False

    @property
    def degree(self) -> int:
        return len(self.coefficients) - 1


def minimax(f: Function, lo: float, hi: float, degree: int) -> Polynomial:
    """The polynomial of `degree` with least maximum error on Chebyshev points of [lo, hi].

    Discrete minimax as a linear program (Cheney, "Introduction to Approximation Theory", ch. 2).
    Raises ValueError where the interval is empty or f is not finite on it.
    """
    if not lo < hi:
        raise ValueError(f"empty interval [{lo}, {hi}]")
    t = np.cos(np.pi * (np.arange(_POINTS * (degree + 1) + 1) / (_POINTS * (degree + 1))))
    y = f((t * (hi - lo) + lo + hi) / 2)
    if not np.isfinite(y).all():
        raise ValueError("the function is not finite on the interval")
    scale = float(np.abs(y).max()) or 1.0
    coefficients = least_maximum(chebyshev.chebvander(t, degree), y / scale) * scale
    coefficients[np.abs(coefficients) < 1e-13 * scale] = 0.0
    fine = np.linspace(-1, 1, 4001)
    error = np.abs(chebyshev.chebval(fine, coefficients) - f((fine * (hi - lo) + lo + hi) / 2)).max()
    return Polynomial(tuple(float(x) for x in coefficients), float(lo), float(hi), float(error))


def least_maximum(v: NDArray[np.floating[Any]], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The c with least max |v c - y|, by HiGHS. Shapes: v (points, terms), y (points,), result (terms,)."""
    from scipy.optimize import linprog

    terms = v.shape[1]
    one = np.ones((len(y), 1))
    a = np.block([[v, -one], [-v, -one]])
    c = np.zeros(terms + 1)
    c[-1] = 1
    bounds = [(None, None)] * terms + [(0, None)]
    solution = linprog(c, A_ub=a, b_ub=np.concatenate([y, -y]), bounds=bounds, method="highs")
    if not solution.success:
        raise ValueError(f"the linear program failed: {solution.message}")
    return np.asarray(solution.x[:-1])


@cache
def cheapest(f: Function, lo: float, hi: float, tolerance: float) -> Polynomial:
    """The polynomial of least degree in `DEGREES` whose error is within `tolerance`; else the last, which is
    the best."""
    for degree in DEGREES:
        found = minimax(f, lo, hi, degree)
        if found.error <= tolerance:
            break
    return found

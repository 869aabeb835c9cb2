"""Functions with a kink at 0, x (a + b sign(x)), by composite minimax polynomials of the sign.

A composition of odd polynomials of low degree comes near the sign with far fewer products than one polynomial of the
same depth: its degree is the product of theirs (Lee, Lee, No, Kim: Minimax approximation of sign function by composite
polynomial for homomorphic comparison, 2020, eprint 2020/834). Each stage is the best odd polynomial for the sign on the
image of the stage before, which is two intervals, [-1, -d] and [d, 1].

Outside the range the stages grow as fast as the product of their degrees: such a value spoils the whole ciphertext.

No polynomial of degree n is nearer to |x| than about 0.28 / n (Bernstein), so a composition needs more levels than the
best single polynomial of its error, and saves only products of ciphertexts. Of a Relu on [-1, 1] (levels, products of
ciphertexts, error):

    degree 31      5  10  0.0047      7, 7          7  11  0.0075
    degree 63      6  15  0.0023      7, 15         8  14  0.0038
    degree 127     7  22  0.0011      15, 15        9  17  0.0019
    degree 255     8  31  0.00056     7, 7, 15     11  19  0.00078
    degree 511     9  44  0.00028     7, 15, 15    12  22  0.00039

With two stages a composition is worse in everything but products than a single polynomial; with three it is the way to
errors whose single polynomials no linear program finds in reasonable time.
"""

from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ppc.ir.module import Op
from ppc.passes.minimax import Polynomial, least_maximum

Coefficients = tuple[float, ...]

#: Degrees of the stages worth trying, by what they cost: each degree is the largest of its depth.
STAGES = ((7, 7, 15), (7, 15, 15), (15, 15, 15))
_POINTS = 16  # grid points a term of a stage
_WIDTHS = (np.log(1e-5), np.log(0.5))  # of the gap: least and most
_FINE = np.concatenate([np.geomspace(1e-6, 0.05, 4001), np.linspace(0.05, 1.0, 4001)])


def kink(op: Op) -> tuple[float, float] | None:
    """(a, b) where `op` is x (a + b sign(x)) on each element; None for any other."""
    if op.name == "Relu":
        return 0.5, 0.5
    if op.name == "Abs":
        return 0.0, 1.0
    if op.name == "LeakyRelu":
        alpha = op.attrs.get("alpha", 0.01)
        assert isinstance(alpha, float), "the operator's rule has seen it"
        return (1 + alpha) / 2, (1 - alpha) / 2
    return None


def composite(ab: tuple[float, float], bound: float, degrees: tuple[int, ...]) -> Polynomial:
    """x (a + b sign(x)) on [-bound, bound]: t (p_k ∘ ... ∘ p_1)(t), t = x / bound, with stages of these degrees.

    The operand of each stage lies in [-1, 1]; the last one has a, b and the bound in its coefficients.
    """
    (a, b), (stages, error) = ab, _sign(degrees)
    last = [bound * b * c for c in stages[-1]]
    last[0] += bound * a
    return Polynomial(tuple(last), -bound, bound, abs(b) * bound * error, stages[:-1], True)


@cache
def _sign(degrees: tuple[int, ...]) -> tuple[tuple[Coefficients, ...], float]:
    """Stages with least max |t| |sign(t) - p(t)| on [-1, 1], and that maximum.

    A narrow gap around 0 leaves the polynomials far from 1 everywhere, a wide one is itself the error: between the two
    there is one best width, searched on its logarithm.
    """
    from scipy.optimize import minimize_scalar

    def error(width: float) -> float:
        return _error(_stages(float(np.exp(width)), degrees))

    best = minimize_scalar(error, bounds=_WIDTHS, method="bounded", options={"xatol": 1e-3})
    stages = _stages(float(np.exp(best.x)), degrees)
    return stages, _error(stages)


def _stages(gap: float, degrees: tuple[int, ...]) -> tuple[Coefficients, ...]:
    """Each the best for the sign on the image of the one before; all but the last divided by their largest value."""
    found = []
    for i, degree in enumerate(degrees):
        c, error = _odd(gap, degree)
        if i < len(degrees) - 1:
            c, gap = c / (1 + error), (1 - error) / (1 + error)
        found.append(tuple(float(x) for x in c))
    return tuple(found)


def _odd(gap: float, degree: int) -> tuple[NDArray[np.float64], float]:
    """The odd polynomial of `degree` with least max |p - 1| on [gap, 1], and that maximum."""
    terms = (degree + 1) // 2
    t = (1 + gap - (1 - gap) * np.cos(np.linspace(0, np.pi, _POINTS * terms + 1))) / 2
    c = np.zeros(degree + 1)
    c[1::2] = least_maximum(chebyshev.chebvander(t, degree)[:, 1::2], np.ones(len(t)))
    fine = np.concatenate([t, np.linspace(gap, 1, 64 * _POINTS * terms)])
    return c, float(np.abs(chebyshev.chebval(fine, c) - 1).max())


def _error(stages: tuple[Coefficients, ...]) -> float:
    p = _FINE
    for c in stages:
        p = chebyshev.chebval(p, c)
    return float((_FINE * np.abs(p - 1)).max())

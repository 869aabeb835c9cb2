"""ppc's own operator: the polynomial that stands for a function on an interval."""

from collections.abc import Sequence

from numpy.polynomial.chebyshev import chebval

from ppc.runtime.kernels import Array


def polynomial(
    x: Array,
    *,
    coefficients: Sequence[float],
    lo: float = -1.0,
    hi: float = 1.0,
    inner: Sequence[Sequence[float]] = (),
    gate: bool = False,
) -> Array:
    """sum_k coefficients[k] T_k(t), t = (2x - lo - hi) / (hi - lo): Chebyshev polynomials on [lo, hi] (Clenshaw).

    `inner`: polynomials on [-1, 1] that t goes through first, one after the other; `gate`: the result times t, the
    argument before them.
    Outside the interval the polynomial is evaluated as it is; nothing is clipped, for no ciphertext could be.
    """
    t = (2.0 * x - (lo + hi)) / (hi - lo)
    y: Array = t
    for stage in (*inner, coefficients):
        y = chebval(y, stage)
    return y * t if gate else y

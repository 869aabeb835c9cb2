"""ppc's own operator: the polynomial that stands for a function on an interval."""

from collections.abc import Sequence

from numpy.polynomial.chebyshev import chebval

from ppc.runtime.kernels import Array


def polynomial(x: Array, *, coefficients: Sequence[float], lo: float = -1.0, hi: float = 1.0) -> Array:
    """sum_k coefficients[k] T_k(t), t = (2x - lo - hi) / (hi - lo): Chebyshev polynomials on [lo, hi] (Clenshaw).

    Outside the interval the polynomial is evaluated as it is; nothing is clipped, for no ciphertext could be.
    """
    t = (2.0 * x - (lo + hi)) / (hi - lo)
    y: Array = chebval(t, coefficients)
    return y

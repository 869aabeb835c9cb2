"""The canonical embedding in extended precision: polynomials to slots and back.

SEAL's encoder works in float64: beside a slot of 2^40, the others lose all but 12 bits of their fraction. numpy's
`longdouble` has 64 bits of mantissa on x86 and more on others; where it is no wider than float64 (some ARM systems),
masks are as wide but used slots less exact.
"""

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.he import wide
from ppc.runtime.he.integer_slots import root_powers
from ppc.runtime.he.wide import Limbs


def integer_coefficients(values: NDArray[np.longdouble]) -> Limbs:
    """Rounded coefficients, shape (limbs, N), of the real polynomial with these values at ζ^(3^j), ζ = exp(iπ/N), for
    j < N/2."""
    degree = 2 * len(values)
    roots = root_powers(degree)
    spectrum = np.zeros(2 * degree, np.clongdouble)
    spectrum[roots] = values
    spectrum[2 * degree - roots] = values
    return wide.of_longdouble(np.rint(np.fft.fft(spectrum)[:degree].real / degree))


def slot_values(coefficients: Limbs, scale: float) -> NDArray[np.float64]:
    """Real part of the slots, shape (N/2,), of a polynomial with centred integer coefficients, shape (limbs, N)."""
    degree = coefficients.shape[1]
    # m(ζ^e) = Σ c_i exp(2πi·e·i / 2N); the real part is the same for the transform of the other sign
    transformed = np.fft.fft(wide.to_longdouble(coefficients).astype(np.clongdouble), 2 * degree)
    values: NDArray[np.float64] = (transformed[root_powers(degree)].real / np.longdouble(scale)).astype(np.float64)
    return values

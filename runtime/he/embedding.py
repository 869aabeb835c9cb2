"""The canonical embedding in extended precision: polynomials to slots and back.

SEAL's encoder works in float64: beside a slot of 2^40, the others lose all but 12 bits of their fraction. numpy's
`longdouble` has 64 bits of mantissa on x86 and more on others; where it is no wider than float64 (some ARM systems),
masks are as wide but used slots less exact.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF_WORD = 40


def integer_coefficients(values: NDArray[np.longdouble]) -> NDArray[np.object_]:
    """Rounded coefficients, shape (N,), of the real polynomial with these values at ζ^(3^j), ζ = exp(iπ/N), j < N/2."""
    degree = 2 * len(values)
    roots = _roots(degree)
    spectrum = np.zeros(2 * degree, np.clongdouble)
    spectrum[roots] = values
    spectrum[2 * degree - roots] = values
    whole = np.rint(np.fft.fft(spectrum)[:degree].real / degree)
    unit = np.longdouble(2) ** _HALF_WORD  # an int64 does not hold 64 bits of mantissa and an exponent
    high = np.floor(whole / unit)
    integers: NDArray[np.object_] = high.astype(np.int64).astype(object) * (1 << _HALF_WORD)
    integers += (whole - high * unit).astype(np.int64).astype(object)
    return integers


def slot_values(coefficients: NDArray[np.object_], scale: float) -> NDArray[np.float64]:
    """Real part of the slots, shape (N/2,), of a polynomial with centred integer coefficients."""
    degree = len(coefficients)
    high, low = coefficients >> _HALF_WORD, coefficients & ((1 << _HALF_WORD) - 1)
    wide: NDArray[Any] = high.astype(np.longdouble) * np.longdouble(2) ** _HALF_WORD + low.astype(np.longdouble)
    # m(ζ^e) = Σ c_i exp(2πi·e·i / 2N); the real part is the same for the transform of the other sign
    transformed = np.fft.fft(wide.astype(np.clongdouble), 2 * degree)
    values: NDArray[np.float64] = (transformed[_roots(degree)].real / np.longdouble(scale)).astype(np.float64)
    return values


def _roots(degree: int) -> NDArray[np.int64]:
    return np.array([pow(3, j, 2 * degree) for j in range(degree // 2)])

"""Kernels of arithmetic that is not numpy's under another name. Operands broadcast as in numpy."""

from functools import reduce

import numpy as np

from ppc.runtime.kernels import Array


def div(a: Array, b: Array) -> Array:
    """Quotient; of integers it is cut towards zero as in C (numpy's `//` rounds down)."""
    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    quotient = a // b
    inexact = quotient * b != a
    y: Array = (quotient + (inexact & ((a < 0) != (b < 0)))).astype(a.dtype)
    return y


def pow(base: Array, exponent: Array) -> Array:
    """base ** exponent, in the type of the base."""
    return np.power(base, exponent).astype(base.dtype, copy=False)


def rsqrt(x: Array) -> Array:
    """1 / sqrt(x)."""
    y: Array = 1.0 / np.sqrt(x)
    return y


def mod(a: Array, b: Array, *, fmod: int = 0) -> Array:
    """Remainder with the sign of the divisor, or with `fmod` that of the dividend."""
    return np.fmod(a, b) if fmod else np.mod(a, b)


def min(*xs: Array) -> Array:
    return reduce(np.minimum, xs)


def max(*xs: Array) -> Array:
    return reduce(np.maximum, xs)


def sum(*xs: Array) -> Array:
    return reduce(np.add, xs)


def mean(*xs: Array) -> Array:
    return np.divide(sum(*xs), len(xs))


def clip(x: Array, *, min: float | None = None, max: float | None = None) -> Array:
    """min <= x <= max; where min > max the result is max."""
    low = x if min is None else np.maximum(x, x.dtype.type(min))
    return low if max is None else np.minimum(low, x.dtype.type(max))

"""Kernels that need the error function (scipy): apart, so that the other kernels load without scipy."""

import math

import numpy as np
from scipy import special

from ppc.runtime.kernels import Array


def erf(x: Array) -> Array:
    y: Array = special.erf(x)
    return y


def gelu(x: Array, *, approximate: str = "none") -> Array:
    """x * Phi(x), or its tanh approximation (Hendrycks and Gimpel, arXiv:1606.08415)."""
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + erf(x / math.sqrt(2.0)))

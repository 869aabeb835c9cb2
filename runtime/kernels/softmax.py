"""Kernels that normalise along one axis."""

import numpy as np

from ppc.runtime.kernels import Array


def log_softmax(x: Array, *, axis: int = -1) -> Array:
    shifted = x - x.max(axis=axis, keepdims=True)
    y: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return y


def softmax(x: Array, *, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    y: Array = e / e.sum(axis=axis, keepdims=True)
    return y


def hardmax(x: Array, *, axis: int = -1) -> Array:
    """One at the first largest element along the axis, zero elsewhere."""
    out = np.zeros_like(x)
    np.put_along_axis(out, np.expand_dims(x.argmax(axis=axis), axis), 1, axis)
    return out

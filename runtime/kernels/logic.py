"""Kernels on bits and special floating-point values that are not numpy's under another name."""

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.cast import NUMPY

#: Element type of the IR -> how its numbers lie in memory.
STORED = {**NUMPY, "f16": np.float16, "f32": np.float32}


def bit_shift(a: Array, b: Array, *, direction: str) -> Array:
    """To the right with copies of the sign. Shifts by a negative number, or by all bits, leave zeros (or signs)."""
    bits = 8 * a.dtype.itemsize
    inside = (b >= 0) & (b < bits)
    by = np.where(inside, b, 0).astype(a.dtype)
    if direction == "LEFT":
        return np.where(inside, np.left_shift(a, by), 0).astype(a.dtype)
    return np.where(inside, np.right_shift(a, by), np.where(a < 0, -1, 0)).astype(a.dtype)


def bit_cast(x: Array, *, source: str, to: str) -> Array:
    """The bits of `source` numbers as numbers of type `to`, which has as many; a float64 operand is `source` first."""
    y: Array = np.ascontiguousarray(x).astype(STORED[source]).view(STORED[to]).reshape(x.shape)
    return y.astype(NUMPY[to])


def is_inf(x: Array, *, detect_negative: int = 1, detect_positive: int = 1) -> Array:
    return (np.isneginf(x) & bool(detect_negative)) | (np.isposinf(x) & bool(detect_positive))

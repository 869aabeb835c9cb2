"""Kernels on bits and special floating-point values that are not numpy's under another name."""

import numpy as np

from ppc.runtime.kernels import Array


def bit_shift(a: Array, b: Array, *, direction: str) -> Array:
    return np.left_shift(a, b) if direction == "LEFT" else np.right_shift(a, b)


def is_inf(x: Array, *, detect_negative: int = 1, detect_positive: int = 1) -> Array:
    return (np.isneginf(x) & bool(detect_negative)) | (np.isposinf(x) & bool(detect_positive))

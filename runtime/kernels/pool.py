"""Kernels of pooling: (N, C, d...) -> (N, C, o...)."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.window import explicit_pads, ones_if_none, overhang, pad_spatial, window_counts

Ints = Sequence[int]


class _Geometry:
    """The window arithmetic of one pooling operator on one shape."""

    def __init__(
        self,
        x: Array,
        kernel: Ints,
        strides: Ints | None,
        dilations: Ints | None,
        pads: Ints | None,
        auto_pad: str,
        ceil_mode: int,
    ):
        rank, dims = len(kernel), x.shape[2:]
        self.kernel, self.strides = kernel, ones_if_none(strides, rank)
        self.dilations = ones_if_none(dilations, rank)
        self.pads = explicit_pads(auto_pad, pads, dims, kernel, self.strides, self.dilations)
        self.counts = window_counts(dims, kernel, self.strides, self.dilations, self.pads, ceil_mode)
        ends = overhang(dims, self.counts, kernel, self.strides, self.dilations, self.pads)
        self.filled = self.pads[:rank] + ends

    def slide(self, padded: Array, combine: np.ufunc) -> Array:
        """`combine` over each window. Sum and maximum take one axis after the other: k1 + ... + kk passes, no copy
        of the windows."""
        for axis, (k, s, e, n) in enumerate(zip(self.kernel, self.strides, self.dilations, self.counts, strict=True)):
            lead = (slice(None),) * (2 + axis)
            taps = (padded[(*lead, slice(t * e, t * e + (n - 1) * s + 1, s))] for t in range(k))
            padded = reduce(combine, taps)
        return padded

    def sums(self, x: Array) -> Array:
        return self.slide(pad_spatial(x, self.filled), np.add)

    def weights(self, x: Array, count_include_pad: int) -> Array:
        """How many elements each window averages over; what hangs over the end in ceil mode never counts."""
        ones = np.ones((1, 1, *x.shape[2:]))
        if not count_include_pad:
            return self.sums(ones)
        rank = len(self.kernel)
        padded = pad_spatial(ones, self.pads, 1)
        beyond = [0] * rank + [f - p for f, p in zip(self.filled[rank:], self.pads[rank:], strict=True)]
        return self.slide(pad_spatial(padded, beyond), np.add)


def max_pool(
    x: Array,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    storage_order: int = 0,
    strides: Ints | None = None,
) -> Array:
    """Largest element of each window. The second result of ONNX (indices), and with it what
    `storage_order` is about, is refused at import."""
    g = _Geometry(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return g.slide(pad_spatial(x, g.filled, lowest), np.maximum)


def average_pool(
    x: Array,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    g = _Geometry(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    return g.sums(x) / g.weights(x, count_include_pad)


def lp_pool(
    x: Array,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints | None = None,
    p: int = 2,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    g = _Geometry(x, kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    return g.sums(np.abs(x) ** p) ** (1.0 / p)


def _spatial(x: Array) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


def global_max_pool(x: Array) -> Array:
    y: Array = x.max(axis=_spatial(x), keepdims=True)
    return y


def global_average_pool(x: Array) -> Array:
    y: Array = x.mean(axis=_spatial(x), keepdims=True)
    return y


def global_lp_pool(x: Array, *, p: int = 2) -> Array:
    y: Array = (np.abs(x) ** p).sum(axis=_spatial(x), keepdims=True) ** (1.0 / p)
    return y

"""Windows that slide over the spatial axes: the arithmetic that convolution and pooling share.

Tensors are (N, C, d1, ..., dk). Pads are in ONNX order: all begins, then all ends.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ppc.runtime.kernels import Array

Ints = Sequence[int]


def ones_if_none(values: Ints | None, rank: int) -> tuple[int, ...]:
    return tuple(values) if values else (1,) * rank


def explicit_pads(auto_pad: str, pads: Ints | None, dims: Ints, kernel: Ints, strides: Ints, dil: Ints) -> list[int]:
    """Pads as numbers: `auto_pad` resolved for these spatial dims (SAME_* give ceil(dim / stride) windows)."""
    rank = len(dims)
    if auto_pad in ("NOTSET", ""):
        return list(pads) if pads else [0] * (2 * rank)
    if auto_pad == "VALID":
        return [0] * (2 * rank)
    total = [
        max(0, (ceil(d / s) - 1) * s + (k - 1) * e + 1 - d)
        for d, k, s, e in zip(dims, kernel, strides, dil, strict=True)
    ]
    small, large = [t // 2 for t in total], [t - t // 2 for t in total]
    return small + large if auto_pad == "SAME_UPPER" else large + small


def window_counts(dims: Ints, kernel: Ints, strides: Ints, dil: Ints, pads: Ints, ceil_mode: int = 0) -> list[int]:
    """How many windows fit along each axis. With `ceil_mode` a window may hang over the end, but must start
    inside the input or its begin pad."""
    rank, counts = len(dims), []
    for i, (d, k, s, e) in enumerate(zip(dims, kernel, strides, dil, strict=True)):
        room = d + pads[i] + pads[i + rank] - ((k - 1) * e + 1)
        n = (ceil(room / s) if ceil_mode else room // s) + 1
        if ceil_mode and (n - 1) * s >= d + pads[i]:
            n -= 1
        counts.append(n)
    return counts


def pad_spatial(x: Array, pads: Ints, fill: Any = 0) -> Array:
    """`x` with its spatial axes padded by a constant."""
    rank = len(pads) // 2
    if not any(pads):
        return x
    width = [(0, 0)] * (x.ndim - rank) + list(zip(pads[:rank], pads[rank:], strict=True))
    return np.pad(x, width, constant_values=fill)


def overhang(dims: Ints, counts: Ints, kernel: Ints, strides: Ints, dil: Ints, pads: Ints) -> list[int]:
    """End pads that make the last window fit (larger than `pads` only in ceil mode)."""
    rank = len(dims)
    need = [(n - 1) * s + (k - 1) * e + 1 for n, k, s, e in zip(counts, kernel, strides, dil, strict=True)]
    return [max(pads[i + rank], need[i] - dims[i] - pads[i]) for i in range(rank)]


def windows(x: Array, kernel: Ints, strides: Ints, dil: Ints, counts: Ints) -> Array:
    """A view (N, C, o1, ..., ok, k1, ..., kk) of padded `x`: no element is copied."""
    rank = len(kernel)
    spans = tuple((k - 1) * e + 1 for k, e in zip(kernel, dil, strict=True))
    view = sliding_window_view(x, spans, axis=tuple(range(x.ndim - rank, x.ndim)))
    starts: tuple[Any, ...] = tuple(slice(None, (n - 1) * s + 1, s) for n, s in zip(counts, strides, strict=True))
    taps: tuple[Any, ...] = tuple(slice(None, None, e) for e in dil)
    index: tuple[Any, ...] = (..., *starts, *taps)
    chosen: Array = view[index]
    return chosen

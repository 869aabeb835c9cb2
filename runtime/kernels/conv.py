"""Kernels of convolution, as one matrix product per group (im2col: Chellapilla et al., 2006)."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.window import explicit_pads, ones_if_none, pad_spatial, window_counts, windows

#: im2col copies an input as often as windows overlap; batches are cut so that a copy has at most so many elements.
COPY_ELEMENTS = 1 << 25

Ints = Sequence[int]


def conv(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """(N, C, d...) * (M, C/group, k...) -> (N, M, o...)."""
    rank, dims, taps = x.ndim - 2, x.shape[2:], w.shape[2:]
    strides, dilations = ones_if_none(strides, rank), ones_if_none(dilations, rank)
    pads = explicit_pads(auto_pad, pads, dims, taps, strides, dilations)
    counts = window_counts(dims, taps, strides, dilations, pads)
    view = windows(pad_spatial(x, pads), taps, strides, dilations, counts)
    # (N, C, o..., k...) -> (N, C, k..., o...): a product with the weights then sums over C and k
    view = view.transpose(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    n, m = x.shape[0], w.shape[0]
    depth, places = w.shape[1] * prod(taps), prod(counts)
    rows = w.reshape(group, m // group, depth)
    y = np.empty((n, m, places), np.result_type(x, w))
    batch = max(1, COPY_ELEMENTS // max(1, group * depth * places))
    for i in range(0, n, batch):
        part = view[i : i + batch]
        columns = part.reshape(len(part), group, depth, places)
        y[i : i + batch] = (rows @ columns).reshape(len(part), m, places)
    if b is not None:
        y += b.reshape(1, m, 1)
    return y.reshape(n, m, *counts)


def transpose_pads(
    dims: Ints,
    taps: Ints,
    strides: Ints,
    dilations: Ints,
    output_padding: Ints,
    auto_pad: str,
    pads: Ints | None,
    output_shape: Ints | None,
) -> tuple[list[int], list[int]]:
    """Pads and spatial output dims of ConvTranspose (ONNX: a given output_shape decides the pads)."""
    rank = len(dims)
    full = [
        s * (d - 1) + a + (k - 1) * e + 1
        for d, k, s, e, a in zip(dims, taps, strides, dilations, output_padding, strict=True)
    ]
    if auto_pad in ("SAME_UPPER", "SAME_LOWER") and not output_shape:
        output_shape = [d * s for d, s in zip(dims, strides, strict=True)]
    if output_shape:
        out = list(output_shape)[-rank:]
        total = [max(0, f - o) for f, o in zip(full, out, strict=True)]
        small, large = [t // 2 for t in total], [t - t // 2 for t in total]
        return (small + large if auto_pad == "SAME_UPPER" else large + small), out
    given = list(pads) if pads and auto_pad in ("NOTSET", "") else [0] * (2 * rank)
    return given, [f - given[i] - given[i + rank] for i, f in enumerate(full)]


def conv_transpose(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints | None = None,
    group: int = 1,
    kernel_shape: Ints | None = None,
    output_padding: Ints | None = None,
    output_shape: Ints | None = None,
    pads: Ints | None = None,
    strides: Ints | None = None,
) -> Array:
    """(N, C, d...) with (C, M/group, k...) -> (N, M, o...): the adjoint of `conv`, scattered tap by tap."""
    rank, dims, taps = x.ndim - 2, x.shape[2:], w.shape[2:]
    strides, dilations = ones_if_none(strides, rank), ones_if_none(dilations, rank)
    extra = tuple(output_padding) if output_padding else (0,) * rank
    pads, out = transpose_pads(dims, taps, strides, dilations, extra, auto_pad, pads, output_shape)
    n, c, m = x.shape[0], x.shape[1], w.shape[1] * group
    rows = w.reshape(group, c // group, w.shape[1] * prod(taps)).transpose(0, 2, 1)
    columns = (rows @ x.reshape(n, group, c // group, prod(dims))).reshape(n, m, *taps, *dims)
    reach = [(d - 1) * s + (k - 1) * e + 1 for d, k, s, e in zip(dims, taps, strides, dilations, strict=True)]
    full = [max(o + p, r) for o, p, r in zip(out, pads, reach, strict=False)]
    y = np.zeros((n, m, *full), columns.dtype)
    for tap in product(*map(range, taps)):
        place: tuple[Any, ...] = tuple(
            slice(t * e, t * e + (d - 1) * s + 1, s) for t, e, d, s in zip(tap, dilations, dims, strides, strict=True)
        )
        here: tuple[Any, ...] = (slice(None), slice(None), *tap)
        y[(slice(None), slice(None), *place)] += columns[here]
    kept: tuple[Any, ...] = tuple(slice(p, p + o) for p, o in zip(pads, out, strict=False))
    y = y[(slice(None), slice(None), *kept)]
    return y if b is None else y + b.reshape(1, m, *(1,) * rank)

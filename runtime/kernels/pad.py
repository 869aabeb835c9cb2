"""Kernels that put elements around a tensor, or cut them off."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.kernels import Array

Ints = Sequence[int]


def pad_widths(rank: int, pads: Ints, axes: Ints | None) -> list[tuple[int, int]]:
    """(before, after) of every axis; ONNX lists all begins, then all ends, of `axes` (default: all)."""
    over = [a % rank for a in axes] if axes else list(range(rank))
    widths = [(0, 0)] * rank
    for i, axis in enumerate(over):
        widths[axis] = (pads[i], pads[i + len(over)])
    return widths


def pad_(
    x: Array, *, pads: Ints, mode: str = "constant", value: float | None = None, axes: Ints | None = None
) -> Array:
    """Modes constant, reflect, edge and wrap. A negative width cuts; it is applied first, as onnxruntime does."""
    widths = pad_widths(x.ndim, pads, axes)
    cut = tuple(slice(-min(a, 0), d + min(b, 0)) for (a, b), d in zip(widths, x.shape, strict=True))
    grow = [(max(a, 0), max(b, 0)) for a, b in widths]
    if mode == "constant":
        return np.pad(x[cut], grow, constant_values=x.dtype.type(value or 0))
    assert mode in ("reflect", "edge", "wrap"), mode
    y: Array = np.pad(x[cut], grow, mode=mode)  # type: ignore[call-overload]
    return y


def center_crop_pad(x: Array, *, shape: Ints, axes: Ints | None = None) -> Array:
    """Cut or padded with zeros around the middle to `shape` on `axes`."""
    over = [a % x.ndim for a in axes] if axes else list(range(x.ndim))
    for axis, want in zip(over, shape, strict=True):
        have = x.shape[axis]
        if want < have:
            start = (have - want) // 2
            x = np.take(x, range(start, start + want), axis)
        elif want > have:
            width = [(0, 0)] * x.ndim
            width[axis] = ((want - have) // 2, (want - have + 1) // 2)
            x = np.pad(x, width)
    return x

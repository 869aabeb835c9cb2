"""GridSample: a picture of any rank, read at points that an operand names."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ppc.runtime.kernels import Array

#: Taps around floor(u) (nearest: around round(u)) of each mode.
TAPS = {"nearest": (0,), "linear": (0, 1), "cubic": (-1, 0, 1, 2)}
PADDINGS = ("zeros", "border", "reflection")
_A = -0.75  # of the cubic (Keys, 1981)


def grid_sample(
    x: Array, grid: Array, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: int = 0
) -> Array:
    """x (N, C, d1, ..., dk) at grid (N, o1, ..., ok, k), whose last axis has the fastest axis of x first and goes
    from -1 to 1 over the picture; result (N, C, o1, ..., ok). NaN and infinities count as far outside."""
    extents, samples = x.shape[2:], np.arange(x.shape[0]).reshape(-1, *(1,) * (grid.ndim - 2))
    starts, shares = [], []
    for extent, g in zip(extents, np.moveaxis(np.nan_to_num(grid), -1, 0)[::-1], strict=True):
        u = (g + 1) / 2 * (extent - 1) if align_corners else ((g + 1) * extent - 1) / 2
        u = np.clip(u, -(2.0**31), 2.0**31)
        start = np.rint(u) if mode == "nearest" else np.floor(u)
        starts.append(start.astype(np.int64))
        shares.append(_weights(mode, u - start))
    out: Array = np.zeros((x.shape[0], *grid.shape[1:-1], x.shape[1]))
    for taps in product(range(len(TAPS[mode])), repeat=len(extents)):
        weight: Array = np.ones(())
        index: list[Any] = []
        for axis, tap in enumerate(taps):
            at, inside = _within(starts[axis] + TAPS[mode][tap], extents[axis], padding_mode, align_corners)
            weight = weight * shares[axis][tap] * inside
            index.append(at)
        out = out + weight[..., None] * x[(samples, slice(None), *index)]
    return np.moveaxis(out, -1, 1)


def _weights(mode: str, t: Array) -> Sequence[Array]:
    """Of each tap, for a point t behind the first inner one."""
    if mode == "nearest":
        return (np.ones_like(t),)
    if mode == "linear":
        return (1 - t, t)
    return tuple(_keys(d) for d in (t + 1, t, 1 - t, 2 - t))


def _keys(d: Array) -> Array:
    near = ((_A + 2) * d - (_A + 3)) * d * d + 1
    far = ((_A * d - 5 * _A) * d + 8 * _A) * d - 4 * _A
    return np.where(d <= 1, near, far)


def _within(i: Array, extent: int, padding: str, align_corners: int) -> tuple[Array, Array]:
    """An index inside the axis for each tap, and whether the tap counts."""
    if padding == "reflection":
        low, high = (0.0, extent - 1.0) if align_corners else (-0.5, extent - 0.5)
        span = max(high - low, 1e-9)
        turns = np.abs((i - low) % (2 * span))
        i = np.where(turns > span, 2 * span - turns, turns) + low
    inside = np.asarray((i >= 0) & (i < extent)) if padding == "zeros" else np.ones(np.shape(i), bool)
    return np.clip(np.rint(i), 0, extent - 1).astype(np.int64), inside

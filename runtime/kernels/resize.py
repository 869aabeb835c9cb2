"""Resize: interpolation along one axis after the other, each a sparse matrix known from shapes alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ppc.runtime.kernels import Array

#: Output coordinate -> input coordinate: f(x, scale, out_extent, in_extent).
TRANSFORMS: dict[str, Callable[[Array, float, float, float], Array]] = {
    "half_pixel": lambda x, s, out, inp: (x + 0.5) / s - 0.5,
    "half_pixel_symmetric": lambda x, s, out, inp: inp / 2 * (1 - math.floor(out) / out) + (x + 0.5) / s - 0.5,
    "pytorch_half_pixel": lambda x, s, out, inp: (x + 0.5) / s - 0.5 if math.floor(out) > 1 else np.zeros_like(x),
    "align_corners": lambda x, s, out, inp: x * (inp - 1) / (math.floor(out) - 1) if math.floor(out) > 1 else 0.0 * x,
    "asymmetric": lambda x, s, out, inp: x / s,
}

NEAREST: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


#: How sizes are adjusted to keep the ratio of the axes: which of the axes' scales they all take.
POLICIES: dict[str, Callable[[list[float]], float] | None] = {"stretch": None, "not_larger": min, "not_smaller": max}


def resized(
    dims: Sequence[int],
    scales: Sequence[float] | None,
    sizes: Sequence[int] | None,
    axes: Sequence[int] | None,
    policy: str = "stretch",
) -> list[tuple[int, int, float]]:
    """(axis, output extent, scale) of each axis that changes or may change."""
    over = [a % len(dims) for a in axes] if axes else list(range(len(dims)))
    if not sizes:
        assert scales, "Resize needs scales or sizes"
        return [(a, math.floor(dims[a] * s), s) for a, s in zip(over, scales, strict=True)]
    ratios, pick = [n / dims[a] for a, n in zip(over, sizes, strict=True)], POLICIES[policy]
    if pick is None:
        return [(a, n, r) for a, n, r in zip(over, sizes, ratios, strict=True)]
    scale = pick(ratios)
    return [(a, math.floor(scale * dims[a] + 0.5), scale) for a in over]


def _tap_weights(mode: str, offset: Array, cubic_coeff_a: float) -> Array:
    """Weight of a tap at distance `offset` (in input samples) from the point; linear or cubic (Keys, 1981)."""
    d, a = np.abs(offset), cubic_coeff_a
    if mode == "linear":
        return np.maximum(0.0, 1.0 - d)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _matrix(extent: int, at: Array, scale: float, mode: str, a: float, antialias: int, exclude_outside: int) -> Array:
    """(len(at), extent): what each sample at the coordinates `at` takes of each element, the taps weighted."""
    stretch = max(1.0, 1.0 / scale) if antialias else 1.0
    reach = math.ceil((1 if mode == "linear" else 2) * stretch)
    taps = np.floor(at)[:, None] + np.arange(-reach, reach + 1)  # (out, taps)
    weights = _tap_weights(mode, (at[:, None] - taps) / stretch, a)
    if exclude_outside:
        weights = np.where((taps < 0) | (taps >= extent), 0.0, weights)
    weights = weights / weights.sum(axis=1, keepdims=True)
    clamped = np.clip(taps, 0, extent - 1).astype(np.int64)
    matrix = np.zeros((len(at), extent))
    np.add.at(matrix, (np.arange(len(at))[:, None], clamped), weights)
    return matrix


def resize(
    x: Array,
    *,
    scales: Sequence[float] | None = None,
    sizes: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    mode: str = "nearest",
    coordinate_transformation_mode: str = "half_pixel",
    nearest_mode: str = "round_prefer_floor",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    antialias: int = 0,
    keep_aspect_ratio_policy: str = "stretch",
    extrapolation_value: float = 0.0,
) -> Array:
    """Modes nearest, linear and cubic; every coordinate transformation but tf_crop_and_resize (the only one that
    `extrapolation_value` is about)."""
    taps = partial(_matrix, mode=mode, a=cubic_coeff_a, antialias=antialias, exclude_outside=exclude_outside)
    place, near = TRANSFORMS[coordinate_transformation_mode], NEAREST[nearest_mode]
    for axis, extent, scale in resized(x.shape, scales, sizes, axes, keep_aspect_ratio_policy):
        have = x.shape[axis]
        if extent == have and scale == 1.0:
            continue
        at = place(np.arange(extent, dtype=np.float64), scale, scale * have, have)
        if mode == "nearest":
            x = np.take(x, np.clip(near(at), 0, have - 1).astype(np.int64), axis)
        else:
            x = np.moveaxis(np.tensordot(taps(have, at, scale), x, (1, axis)), 0, axis)
    return x


def axis_matrices(dims: Sequence[int], attrs: Mapping[str, Any]) -> list[tuple[int, Array]]:
    """What `resize` does to each axis that changes, as a matrix (out, in): unit vectors of the axis, resized alone.
    Sizes must be kept as they are (policy "stretch")."""
    sizes, alone = attrs.get("sizes"), {k: v for k, v in attrs.items() if k not in ("scales", "sizes", "axes")}
    found: list[tuple[int, Array]] = []
    for axis, extent, scale in resized(dims, attrs.get("scales"), sizes, attrs.get("axes")):
        if extent != dims[axis] or scale != 1.0:
            how = {"sizes": (extent,)} if sizes else {"scales": (scale,)}
            found.append((axis, resize(np.eye(dims[axis]), axes=(0,), **how, **alone)))
    return found

"""Kernels of normalisation. Channels are axis 1; variances are of the population."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.kernels import Array


def _per_channel(v: Array, rank: int) -> Array:
    """A vector of C channels, shaped to broadcast against (N, C, d...)."""
    return v.reshape(1, -1, *(1,) * (rank - 2))


def batch_normalization(
    x: Array,
    scale: Array,
    b: Array,
    mean: Array,
    var: Array,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Array:
    """Inference: the statistics are operands. `momentum` belongs to training and has no effect."""
    assert not training_mode, "BatchNormalization in training mode is refused at import"
    factor = scale / np.sqrt(var + epsilon)
    return x * _per_channel(factor, x.ndim) + _per_channel(b - mean * factor, x.ndim)


def _standardise(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    y: Array = (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    return y


def instance_normalization(x: Array, scale: Array, b: Array, *, epsilon: float = 1e-5) -> Array:
    y = _standardise(x, tuple(range(2, x.ndim)), epsilon)
    return y * _per_channel(scale, x.ndim) + _per_channel(b, x.ndim)


def group_normalization(
    x: Array, scale: Array, bias: Array, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Array:
    """Scale and bias have one element a channel, as from opset 21 on."""
    y = _standardise(x.reshape(x.shape[0], num_groups, -1), (2,), epsilon).reshape(x.shape)
    return y * _per_channel(scale, x.ndim) + _per_channel(bias, x.ndim)


def layer_normalization(
    x: Array, scale: Array, b: Array | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> tuple[Array, Array, Array]:
    """Normalises over the axes from `axis` on: result, mean, 1 / standard deviation."""
    axes = tuple(range(axis % x.ndim, x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    inverse = 1.0 / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)
    y = (x - mean) * inverse * scale
    return (y if b is None else y + b), mean, inverse


def rms_normalization(x: Array, scale: Array, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Array:
    axes = tuple(range(axis % x.ndim, x.ndim))
    y: Array = x / np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + epsilon) * scale
    return y


def lrn(x: Array, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Array:
    """Divides by (bias + alpha/size * sum of squares over `size` neighbouring channels) ** beta."""
    before = (size - 1) // 2
    width = [(0, 0), (before + 1, size - 1 - before)] + [(0, 0)] * (x.ndim - 2)
    running = np.pad(x * x, width).cumsum(axis=1)
    total = running[:, size:] - running[:, :-size]
    y: Array = x / (bias + alpha / size * total) ** beta
    return y


def lp_normalization(x: Array, *, axis: int = -1, p: int = 2) -> Array:
    """x / ||x||_p along the axis; zero where the norm is zero."""
    norm = np.linalg.norm(x, ord=p, axis=axis, keepdims=True)
    y: Array = np.divide(x, norm, out=np.zeros_like(x), where=norm != 0)
    return y


def mean_variance_normalization(x: Array, *, axes: Sequence[int] = (0, 2, 3)) -> Array:
    return _standardise(x, tuple(axes), 1e-18)

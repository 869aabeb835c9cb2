"""Kernels that move elements and compute nothing."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.kernels import Array

Ints = Sequence[int]


def identity(x: Array) -> Array:
    return x


def dropout(x: Array, *, seed: int = 0) -> tuple[Array, Array]:
    """Inference: the operand itself, and a mask of ones."""
    return x, np.ones(x.shape, np.bool_)


def new_shape(old: Ints, shape: Ints, allowzero: int = 0) -> tuple[int, ...]:
    """The shape that Reshape gives: 0 copies a dimension (unless `allowzero`), one -1 takes what is left."""
    dims = [old[i] if d == 0 and not allowzero else d for i, d in enumerate(shape)]
    if -1 in dims:
        known = int(np.prod([d for d in dims if d != -1], dtype=np.int64))
        dims[dims.index(-1)] = int(np.prod(old, dtype=np.int64)) // known if known else 0
    return tuple(dims)


def reshape(x: Array, *, shape: Ints, allowzero: int = 0) -> Array:
    return x.reshape(new_shape(x.shape, shape, allowzero))


def flatten(x: Array, *, axis: int = 1) -> Array:
    """A matrix: the axes before `axis` are rows, the others columns."""
    at = axis if axis >= 0 else axis + x.ndim
    return x.reshape(int(np.prod(x.shape[:at], dtype=np.int64)), -1)


def squeeze(x: Array, *, axes: Ints | None = None) -> Array:
    return x.squeeze(tuple(axes) if axes else None)


def unsqueeze(x: Array, *, axes: Ints) -> Array:
    return np.expand_dims(x, tuple(axes))


def transpose(x: Array, *, perm: Ints | None = None) -> Array:
    return x.transpose(perm or None)


def slices(dims: Ints, starts: Ints, ends: Ints, axes: Ints | None, steps: Ints | None) -> tuple[slice, ...]:
    """Python slices of an ONNX Slice, one an axis; bounds outside the dimension are clamped."""
    out = [slice(None)] * len(dims)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = (axes[i] if axes else i) % len(dims)
        step, d = (steps[i] if steps else 1), dims[axis]
        start, end = start + d * (start < 0), end + d * (end < 0)
        if step > 0:
            out[axis] = slice(min(max(start, 0), d), min(max(end, 0), d), step)
        else:
            stop = min(max(end, -1), d - 1)
            out[axis] = slice(min(max(start, -1), d - 1), None if stop < 0 else stop, step)
            if start < 0:
                out[axis] = slice(0, 0)
    return tuple(out)


def slice_(x: Array, *, starts: Ints, ends: Ints, axes: Ints | None = None, steps: Ints | None = None) -> Array:
    return x[slices(x.shape, starts, ends, axes, steps)]


def concat(*xs: Array, axis: int) -> Array:
    return np.concatenate(xs, axis)


def split_sizes(extent: int, split: Ints | None, num_outputs: int | None) -> tuple[int, ...]:
    """Sizes of the parts: as given, or equal with a smaller last one."""
    if split:
        return tuple(split)
    assert num_outputs, "Split needs split or num_outputs"
    size = -(-extent // num_outputs)
    return (size,) * (num_outputs - 1) + (extent - size * (num_outputs - 1),)


def split_(x: Array, *, axis: int = 0, split: Ints | None = None, num_outputs: int | None = None) -> tuple[Array, ...]:
    sizes = split_sizes(x.shape[axis], split, num_outputs)
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis))


def expand(x: Array, *, shape: Ints) -> Array:
    """Broadcast to the common shape of x and `shape` (a 1 in `shape` keeps the dimension of x)."""
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape)))


def tile(x: Array, *, repeats: Ints) -> Array:
    return np.tile(x, tuple(repeats))


def trilu(x: Array, *, k: int = 0, upper: int = 1) -> Array:
    return np.triu(x, k) if upper else np.tril(x, k)


def depth_to_space(x: Array, *, blocksize: int, mode: str = "DCR") -> Array:
    """(N, C b^2, H, W) -> (N, C, H b, W b); DCR takes the block digits as the slow ones of the depth."""
    n, c, h, w = x.shape
    b = blocksize
    if mode == "DCR":
        y = x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(n, c // b**2, b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, c // b**2, h * b, w * b)


def space_to_depth(x: Array, *, blocksize: int) -> Array:
    n, c, h, w = x.shape
    b = blocksize
    return x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * b * b, h // b, w // b)


def reverse_sequence(x: Array, sequence_lens: Array, *, batch_axis: int = 1, time_axis: int = 0) -> Array:
    """Reverses the first sequence_lens[b] steps of each sequence b."""
    steps = np.arange(x.shape[time_axis])
    lengths = sequence_lens.reshape(-1, 1)
    order = np.where(steps < lengths, lengths - 1 - steps, steps)  # (batch, time)
    shape = [1] * x.ndim
    shape[batch_axis], shape[time_axis] = x.shape[batch_axis], x.shape[time_axis]
    order = order if batch_axis < time_axis else order.T
    return np.take_along_axis(x, order.reshape(shape), time_axis)

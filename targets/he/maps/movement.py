"""Operators that move elements: numpy moves an array of indices, and the map follows it."""

from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap, gather
from ppc.targets.he.maps.attributes import integer, ints, number
from ppc.targets.he.sample import Refusal, Samples


def reshape(op: Op, samples: Samples) -> LinearMap:
    """Row-major order is kept, so one sample stays one run of flat indices."""
    return gather(samples.index(op.operands[0]), samples.size(op.operands[0]))


def transpose(op: Op, samples: Samples) -> LinearMap:
    index = samples.index(op.operands[0])
    return gather(index.transpose(permutation(op, samples)), index.size)


def permutation(op: Op, samples: Samples) -> tuple[int, ...]:
    rank = len(samples.shape(op.operands[0]))
    perm = ints(op, "perm", range(rank)[::-1])
    if samples.batch > 1 and perm[0] != 0:
        raise Refusal("it moves axis 0, which holds the samples of the batch")
    return perm


def slices(op: Op, samples: Samples) -> tuple[slice, ...]:
    """One slice an axis, with ONNX's clamping (which is Python's, save that INT_MIN means "before the first")."""
    shape = samples.shape(op.operands[0])
    starts, ends = ints(op, "starts", ()), ints(op, "ends", ())
    over, steps = ints(op, "axes", range(len(starts))), ints(op, "steps", (1,) * len(starts))
    found = [slice(None)] * len(shape)
    for start, end, axis, step in zip(starts, ends, over, steps, strict=True):
        extent = shape[axis % len(shape)]
        stop = None if step < 0 and end < -extent else end
        part = slice(start, stop, step)
        if axis % len(shape) == 0 and samples.batch > 1:
            raise Refusal("it slices axis 0, which holds the samples of the batch")
        found[axis % len(shape)] = part
    return tuple(found)


def slice_(op: Op, samples: Samples) -> LinearMap:
    index = samples.index(op.operands[0])
    return gather(np.ascontiguousarray(index[slices(op, samples)]), index.size)


def pad(op: Op, samples: Samples) -> LinearMap:
    """pads [begin..., end...], negative ones cut; modes constant, edge, reflect, wrap."""
    index = samples.index(op.operands[0])
    pads = ints(op, "pads", ())
    over = ints(op, "axes", range(index.ndim))
    widths = [(0, 0)] * index.ndim
    for i, axis in enumerate(over):
        begin, end = pads[i], pads[i + len(over)]
        if (begin or end) and axis % index.ndim == 0 and samples.batch > 1:
            raise Refusal("it pads axis 0, which holds the samples of the batch")
        widths[axis % index.ndim] = (max(begin, 0), max(end, 0))
        cut = [slice(None)] * index.ndim
        cut[axis % index.ndim] = slice(max(-begin, 0), index.shape[axis % index.ndim] - max(-end, 0))
        index = index[tuple(cut)]
    mode = str(op.attrs.get("mode", "constant"))
    size = samples.size(op.operands[0])
    if mode == "constant":
        return gather(np.pad(index, widths, constant_values=-1), size, number(op, "value", 0.0))
    known = cast(Literal["edge", "reflect", "wrap"], mode)
    return gather(np.pad(index, widths, mode=known), size)


def expand(op: Op, samples: Samples) -> LinearMap:
    index = samples.index(op.operands[0])
    return gather(np.broadcast_to(index, samples.shape(op.results[0])), index.size)


def concat(op: Op, samples: Samples) -> list[tuple[str, LinearMap]]:
    """One map an encrypted operand; their sum is the result. Constants are in the bias of the first."""
    shape = samples.shape(op.results[0])
    axis = integer(op, "axis", 0) % len(shape)
    if samples.batch > 1 and axis == 0:
        raise Refusal("it joins along axis 0, which holds the samples of the batch")
    where = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape)
    bias, parts, at = np.zeros(shape), list[tuple[str, NDArray[np.int64]]](), 0
    for name in op.operands:
        extent = (samples.constant(name).shape if samples.is_constant(name) else samples.shape(name))[axis]
        cut = (slice(None),) * axis + (slice(at, at + extent),)
        if samples.is_constant(name):
            bias[cut] = samples.constant(name)
        else:
            parts.append((name, where[cut]))
        at += extent
    maps = []
    for i, (name, rows) in enumerate(parts):
        size = samples.size(name)
        offset = bias.reshape(-1) if i == 0 else np.zeros(where.size)
        cols = np.arange(size, dtype=np.int64)
        maps.append((name, LinearMap(where.size, size, rows.reshape(-1), cols, np.ones(size), offset)))
    return maps

"""Conv in any number of spatial dimensions, with strides, pads, dilations and groups."""

from math import prod

import numpy as np

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.maps.attributes import integer, ints
from ppc.targets.he.maps.windows import Window, ones
from ppc.targets.he.sample import Refusal, Samples


def conv(op: Op, samples: Samples) -> LinearMap:
    """X (n, c, *space) with constant W (m, c/group, *kernel) and B (m,)."""
    if samples.is_constant(op.operands[0]) or not samples.is_constant(op.operands[1]):
        raise Refusal("its filter is not a constant of the model: convolving two encrypted tensors is not lowered")
    weight = samples.constant(op.operands[1])
    n, channels, *space = samples.shape(op.operands[0])
    out = samples.shape(op.results[0])
    rank, group = len(space), integer(op, "group", 1)
    filters, per_group = weight.shape[:2]
    window = Window(
        tuple(space),
        weight.shape[2:],
        ints(op, "strides", ones(rank)),
        ints(op, "dilations", ones(rank)),
        ints(op, "pads", ones(2 * rank, 0)),
        out[2:],
    )
    flat, inside, _ = window.taps()
    tap, place = np.unravel_index(np.flatnonzero(inside), inside.shape), flat[inside]
    out_at = np.ravel_multi_index(tap[:rank], out[2:]).astype(np.int64)
    kernel_at = np.ravel_multi_index(tap[rank:], weight.shape[2:]).astype(np.int64)
    area, out_area = prod(space), prod(out[2:])
    # axes of the entry arrays: sample, filter, channel within the group, (output, tap) pair that meets the input
    sample = np.arange(n)[:, None, None, None]
    filter_ = np.arange(filters)[None, :, None, None]
    within = np.arange(per_group)[None, None, :, None]
    channel = (filter_ // (filters // group)) * per_group + within
    rows, cols, values = np.broadcast_arrays(
        (sample * filters + filter_) * out_area + out_at,
        (sample * channels + channel) * area + place,
        weight.reshape(filters, per_group, -1)[None][..., kernel_at],
    )
    has_bias = len(op.operands) > 2 and op.operands[2]
    bias = samples.constant(op.operands[2]) if has_bias else np.zeros(filters)
    return LinearMap(
        n * filters * out_area,
        n * channels * area,
        rows.reshape(-1).astype(np.int64),
        cols.reshape(-1).astype(np.int64),
        values.reshape(-1),
        np.tile(np.repeat(bias.reshape(-1), out_area), n),
    )

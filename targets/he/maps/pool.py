"""AveragePool: a convolution of each channel with itself."""

from math import prod

import numpy as np

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.maps.attributes import integer, ints
from ppc.targets.he.maps.windows import Window, ones
from ppc.targets.he.sample import Samples


def average_pool(op: Op, samples: Samples) -> LinearMap:
    """X (n, c, *space). A window's divisor counts the padding only where count_include_pad says so, and never what
    ceil_mode adds beyond the padding."""
    n, channels, *space = samples.shape(op.operands[0])
    out = samples.shape(op.results[0])
    rank = len(space)
    kernel = ints(op, "kernel_shape", space)
    window = Window(
        tuple(space),
        kernel,
        ints(op, "strides", ones(rank)),
        ints(op, "dilations", ones(rank)),
        ints(op, "pads", ones(2 * rank, 0)),
        out[2:],
    )
    flat, inside, padded = window.taps()
    counted = padded if integer(op, "count_include_pad", 0) else inside
    divisor = counted.reshape(prod(out[2:]), -1).sum(axis=1)
    tap, place = np.unravel_index(np.flatnonzero(inside), inside.shape), flat[inside]
    out_at = np.ravel_multi_index(tap[:rank], out[2:]).astype(np.int64)
    plane = np.arange(n * channels, dtype=np.int64)[:, None]
    rows = (plane * prod(out[2:]) + out_at).reshape(-1)
    cols = (plane * prod(space) + place).reshape(-1)
    values = np.tile(1.0 / divisor[out_at], n * channels)
    return LinearMap(prod(out), n * channels * prod(space), rows, cols, values, np.zeros(prod(out)))

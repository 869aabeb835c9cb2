"""Sums and means along axes."""

import numpy as np

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.maps.attributes import axes, integer
from ppc.targets.he.sample import Refusal, Samples


def reduce_sum(op: Op, samples: Samples) -> LinearMap:
    return _reduce(op, samples, _axes(op, samples), mean=False)


def reduce_mean(op: Op, samples: Samples) -> LinearMap:
    return _reduce(op, samples, _axes(op, samples), mean=True)


def global_average_pool(op: Op, samples: Samples) -> LinearMap:
    rank = len(samples.shape(op.operands[0]))
    return _reduce(op, samples, tuple(range(2, rank)), mean=True)


def _axes(op: Op, samples: Samples) -> tuple[int, ...]:
    rank = len(samples.shape(op.operands[0]))
    keep = integer(op, "noop_with_empty_axes", 0)
    found = axes(op, rank, () if keep else range(rank))
    return found or (() if keep else tuple(range(rank)))


def _reduce(op: Op, samples: Samples, over: tuple[int, ...], mean: bool) -> LinearMap:
    index = samples.index(op.operands[0])
    if samples.batch > 1 and 0 in over:
        raise Refusal(f"it reduces over axis 0, which holds the {samples.batch} samples of the batch")
    kept = [1 if a in over else extent for a, extent in enumerate(index.shape)]
    size = int(np.prod(kept, dtype=np.int64))
    rows = np.broadcast_to(np.arange(size, dtype=np.int64).reshape(kept), index.shape).reshape(-1)
    weight = size / index.size if mean else 1.0
    return LinearMap(size, index.size, rows, index.reshape(-1), np.full(index.size, weight), np.zeros(size))

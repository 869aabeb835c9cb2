"""Largest and smallest of several values, and where: a tree of four at a time, three rounds a level, exact.

Differences of candidates must stay below 2^46.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.maximum import Maximum
from ppc.runtime.mpc.protocols.local import shared
from ppc.runtime.mpc.protocols.shapes import axes_of, pads_of
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
FAN = 4
#: What pads a window: below every value of a plan, and far enough from the ring's end to be compared.
LOWEST = word(-(1 << 61))


def largest(e: Engine, x: Ring) -> Rounds[Ring]:
    """(values, candidates, n) -> (values, n), judged by value 0; ties go to the earlier candidate."""
    values, m, n = x.shape
    while m > 1:
        groups, rest = divmod(m, FAN)
        size, groups = (FAN, groups) if groups else (rest, 1)
        used = groups * size
        full = x[:, :used].reshape(values, groups, size, n).transpose(0, 2, 1, 3)
        won: Ring = yield from e.apply(Maximum(values, size, groups * n), full.reshape(values, size, groups * n))
        # what is left over waits for the next level: a second gate here would cost three rounds more
        x = np.concatenate([won.reshape(values, groups, n), x[:, used:]], axis=1)
        m = x.shape[1]
    return x[:, 0]


def _over_first(e: Engine, x: Ring) -> Rounds[Ring]:
    """Maximum over the first axis."""
    won: Ring = yield from largest(e, x.reshape(1, x.shape[0], -1))
    returned: Ring = won[0].reshape(x.shape[1:])
    return returned


def max_of(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Rounds[Ring]:
    return _over_first(e, np.stack(np.broadcast_arrays(*(shared(e, o) for o in operands))))


def min_of(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Rounds[Ring]:
    negated = [np.uint64(0) - shared(e, o) for o in operands]
    return np.uint64(0) - (yield from max_of(e, attrs, *negated))


def max_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Any window, pads, dilations, ceil_mode; the first result only."""
    kernel = tuple(attrs["kernel_shape"])
    rank = len(kernel)
    strides = tuple(attrs.get("strides") or (1,) * rank)
    dilations = tuple(attrs.get("dilations") or (1,) * rank)
    pads = pads_of(attrs, x.shape[2:], kernel, strides, dilations)
    view = ring.windows(x, kernel, strides, pads, dilations, fill=int(LOWEST * e.first))
    flat = view.reshape(*view.shape[: 2 + rank], -1)
    return _over_first(e, np.moveaxis(flat, -1, 0))


def global_max_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return reduce_max(e, {"axes": tuple(range(2, x.ndim)), "keepdims": 1}, x)


def reduce_max(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    axes = axes_of(attrs, x.ndim)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    front = x.transpose(*axes, *kept).reshape(-1, *(x.shape[a] for a in kept))
    result = yield from _over_first(e, front)
    return result.reshape(shape) if attrs.get("keepdims", 1) else result


def reduce_min(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return np.uint64(0) - (yield from reduce_max(e, attrs, np.uint64(0) - x))


def arg_max(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Index of the largest along `axis`, as a number; the first of equals, or the last where the model says so."""
    axis = int(attrs.get("axis", 0)) % x.ndim
    front = np.moveaxis(x, axis, 0)
    count, rest = front.shape[0], front.shape[1:]
    index = np.arange(count, dtype=np.uint64)[:, None] << word(FRACTION_BITS)
    front = front.reshape(count, -1)
    if attrs.get("select_last_index", 0):
        front, index = front[::-1], index[::-1]
    places = np.broadcast_to(index * e.first, front.shape)
    found = yield from largest(e, np.stack([front, places]))
    won = found[1].reshape(rest)
    return np.expand_dims(won, axis) if attrs.get("keepdims", 1) else won


def arg_min(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return arg_max(e, attrs, np.uint64(0) - x)

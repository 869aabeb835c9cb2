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
from ppc.runtime.mpc.protocols.scale import excess
from ppc.runtime.mpc.protocols.shapes import axes_of, pads_of
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
FAN = 4
#: What pads a window: below every value of a plan, and far enough from the ring's end to be compared.
LOWEST = word(-(1 << 61))


def largest(e: Engine, x: Ring, shift: int = 0, relu: bool = False) -> Rounds[Ring]:
    """(values, candidates, n) -> (values, n), judged by value 0; ties go to the earlier candidate.

    Value 0 is divided by 2^shift in the first openings, and nothing is below zero after the last with `relu`.
    """
    if shift:  # the first level takes all, so that none waits at another scale than the winners
        size, groups = _all_at_once(x.shape[1])
        again = np.repeat(x[:, :1], size * groups - x.shape[1], axis=1)
        x = yield from _level(e, np.concatenate([x, again], axis=1), size, groups, shift, relu and groups == 1)
        relu = relu and groups > 1
    while x.shape[1] > 1:
        groups, rest = divmod(x.shape[1], FAN)
        size, groups = (FAN, groups) if groups else (rest, 1)
        x = yield from _level(e, x, size, groups, 0, relu and size * groups == x.shape[1] and groups == 1)
    return x[:, 0]


def _all_at_once(m: int) -> tuple[int, int]:
    """How many candidates a group has, and how many groups, where a level leaves none over: first the fewest levels to
    come, then the fewest candidates twice."""
    sizes = [(size, -(-m // size)) for size in (FAN, 3, 2)]
    return min(sizes, key=lambda s: (_levels(s[1]), s[0] * s[1]))


def _levels(m: int) -> int:
    return 0 if m == 1 else 1 + _levels(m // FAN + m % FAN if m >= FAN else 1)


def _level(e: Engine, x: Ring, size: int, groups: int, shift: int, relu: bool) -> Rounds[Ring]:
    """The winners of groups of neighbours; what is left over waits for the next level: a second gate here would cost
    three rounds more."""
    values, _, n = x.shape
    used = groups * size
    full = x[:, :used].reshape(values, groups, size, n).transpose(0, 2, 1, 3).reshape(values, size, groups * n)
    won: Ring = yield from e.apply(Maximum(values, size, groups * n, shift, relu, e.tables), full)
    return np.concatenate([won.reshape(values, groups, n), x[:, used:]], axis=1)


def _over_first(e: Engine, x: Ring, shift: int = 0, relu: bool = False) -> Rounds[Ring]:
    """Maximum over the first axis."""
    won: Ring = yield from largest(e, x.reshape(1, x.shape[0], -1), shift, relu)
    returned: Ring = won[0].reshape(x.shape[1:])
    return returned


def max_of(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Rounds[Ring]:
    return _over_first(e, np.stack(np.broadcast_arrays(*(shared(e, o) for o in operands))))


def min_of(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Rounds[Ring]:
    negated = [np.uint64(0) - shared(e, o) for o in operands]
    return np.uint64(0) - (yield from max_of(e, attrs, *negated))


def max_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Any window, pads, dilations, ceil_mode; the first result only."""
    return _over_first(e, _windows(e, attrs, x), excess(attrs))


def relu_max_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Relu and MaxPool, in whichever order: zero is one more candidate of the last level."""
    return _over_first(e, _windows(e, attrs, x), excess(attrs), relu=True)


def _windows(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    """(elements of a window, N, C, *out)."""
    kernel = tuple(attrs["kernel_shape"])
    rank = len(kernel)
    strides = tuple(attrs.get("strides") or (1,) * rank)
    dilations = tuple(attrs.get("dilations") or (1,) * rank)
    pads = pads_of(attrs, x.shape[2:], kernel, strides, dilations)
    view = ring.windows(x, kernel, strides, pads, dilations, fill=int(LOWEST * e.first))
    flat = view.reshape(*view.shape[: 2 + rank], -1)
    return np.moveaxis(flat, -1, 0)


def global_max_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return reduce_max(e, {**attrs, "axes": tuple(range(2, x.ndim)), "keepdims": 1}, x)


def reduce_max(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    axes = axes_of(attrs, x.ndim)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    front = x.transpose(*axes, *kept).reshape(-1, *(x.shape[a] for a in kept))
    result = yield from _over_first(e, front, excess(attrs))
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
    found = yield from largest(e, np.stack([front, places]), excess(attrs))
    won = found[1].reshape(rest)
    return np.expand_dims(won, axis) if attrs.get("keepdims", 1) else won


def arg_min(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return arg_max(e, attrs, np.uint64(0) - x)

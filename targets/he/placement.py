"""Where the partial sums of a linear map are made, and what sums them.

`direct`: an output slot collects its whole row. `hybrid h` (Juvekar et al., GAZELLE, USENIX Security 2018): row r may
collect parts of itself in every slot that is r modulo h, h diagonals suffice, and rotate-and-adds by multiples of h
sum them. `inner L`: row r collects in the L slots from r * L on, by what lies at each position modulo L. `pooled`:
a pool before a convolution becomes rotate-and-adds after it: a result's parts stand where its windows' elements do.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ppc.targets.he.bsgs import present
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing, power_of_two_above

Kind = Literal["direct", "hybrid", "window", "inner", "pooled"]


@dataclass(frozen=True)
class Placement:
    """A choice of output layout. `packing` belongs to `direct` and `pooled`, `step` (h or L) to the others.

    `phases`: window and input stride of each pooled axis; `shape`: of the input, (n, channels, *space).
    """

    kind: Kind
    step: int = 0
    packing: Packing | None = None
    phases: tuple[tuple[int, int], ...] = ()
    shape: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}{self.step or ''}"


@dataclass(frozen=True)
class Placed:
    """Each entry of a map: it takes input slot `slot + shift` of `ct_in` to output slot `slot` of `ct_out`.

    Slots and shifts are virtual; slots repeat with `out_period`, shifts are modulo `in_period`.
    """

    ct_in: NDArray[np.int64]
    ct_out: NDArray[np.int64]
    shift: NDArray[np.int64]
    slot: NDArray[np.int64]
    post: tuple[int, ...]
    out: Packing
    in_period: int
    out_period: int


def place(map: LinearMap, source: Packing, choice: Placement) -> Placed | None:
    """Place a map, or None where this choice does not fit it."""
    at = source.addresses[map.cols]
    ct_in, slot_in = at // source.ring, at % source.ring
    if choice.kind == "direct":
        return _direct(map, source, choice, ct_in, slot_in)
    if choice.kind == "pooled":
        return _pooled(map, source, choice, ct_in, slot_in)
    period = source.period
    if choice.step > period or (map.out_size * choice.step if choice.kind == "inner" else map.out_size) > period:
        return None
    if choice.kind == "inner":
        return _inner(map, source, choice.step, ct_in, slot_in)
    if map.out_size > choice.step:
        return None
    return _hybrid(map, source, choice.step, choice.kind == "hybrid", ct_in, slot_in)


Ints = NDArray[np.int64]


def _direct(map: LinearMap, source: Packing, choice: Placement, ct_in: Ints, slot_in: Ints) -> Placed:
    assert choice.packing is not None, "a direct placement names its packing"
    target = choice.packing
    period = source.period
    if target.ciphertexts > 1 or period == source.ring:
        ring = source.ring
    else:
        ring = max(period, power_of_two_above(int(target.addresses.max(initial=0)) + 1))
    to = target.addresses[map.rows]
    slot = to % source.ring
    out = Packing.of(target.digits, source.ring, target.offset, ring)
    return Placed(ct_in, to // source.ring, (slot_in - slot) % period, slot, (), out, period, ring)


def _hybrid(map: LinearMap, source: Packing, h: int, cyclic: bool, ct_in: Ints, slot_in: Ints) -> Placed | None:
    period = source.period
    shift = (slot_in - map.rows) % h
    slot = (slot_in - shift) % period
    blocks = present(slot // h, period // h)
    if cyclic:
        step = _common_step(blocks, period // h)
        post = _doublings(step * h, period)
        out = Packing.of(((map.out_size, 1),), source.ring, h * int(blocks[0] % step), step * h)
        return Placed(ct_in, np.zeros_like(ct_in), shift, slot, post, out, period, period)
    gaps = np.diff(np.append(blocks, blocks[0] + period // h))
    first = blocks[(int(np.argmax(gaps)) + 1) % len(blocks)]
    reach = (blocks - first) % (period // h)
    step = _common_step(reach, period // h)
    span = power_of_two_above(int(reach.max()) // step + 1) * step
    if span >= period // h and span > 1:
        return None  # no shorter than the cyclic sum
    out = Packing.of(((map.out_size, 1),), source.ring, int(first) * h, period, clean=span == 1)
    return Placed(ct_in, np.zeros_like(ct_in), shift, slot, _doublings(step * h, span * h), out, period, period)


def _inner(map: LinearMap, source: Packing, length: int, ct_in: Ints, slot_in: Ints) -> Placed:
    period = source.period
    part = slot_in % length
    slot = map.rows * length + part
    parts = present(part, length)
    reach = parts - parts[0]
    step = _common_step(reach, length)
    span = power_of_two_above(int(reach.max()) // step + 1) * step
    out = Packing.of(((map.out_size, length),), source.ring, int(parts[0]), period, clean=len(parts) == 1)
    shift = (slot_in - slot) % period
    return Placed(ct_in, np.zeros_like(ct_in), shift, slot, _doublings(step, span), out, period, period)


def _pooled(map: LinearMap, source: Packing, choice: Placement, ct_in: Ints, slot_in: Ints) -> Placed | None:
    assert choice.packing is not None, "a pooled placement names its packing"
    target, ring = choice.packing, source.ring
    at = np.unravel_index(map.cols, choice.shape)[2:]
    to = target.addresses[map.rows]
    part = to + sum((axis % window) * stride for axis, (window, stride) in zip(at, choice.phases, strict=True))
    if source.period != ring or not np.array_equal(part // ring, to // ring):
        return None
    slot = part % ring
    post = tuple(step for window, stride in choice.phases for step in _doublings(stride, window * stride))
    out = Packing.of(target.digits, ring, target.offset, ring, clean=False)
    return Placed(ct_in, to // ring, (slot_in - slot) % ring, slot, post, out, ring, ring)


def _common_step(values: Ints, bound: int) -> int:
    """The largest power of two, at most `bound`, that divides all differences."""
    spread = int(np.bitwise_or.reduce(np.abs(values - values[0]), initial=0)) | bound
    return spread & -spread


def _doublings(first: int, end: int) -> tuple[int, ...]:
    """first, 2 first, 4 first, ... below end."""
    steps = []
    while first < end:
        steps.append(first)
        first *= 2
    return tuple(steps)

"""Pools before convolutions: sums over windows as rotate-and-adds of the input, without a product or a level."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from ppc.runtime.layout import Digits
from ppc.targets.he.digits import doublings, peeled, reach
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing


@dataclass(frozen=True)
class Pool:
    """Windows that tile the space of a value of shape (n, channels, *space), summed."""

    shape: tuple[int, ...]
    window: tuple[int, ...]

    @cached_property
    def sums(self) -> LinearMap:
        """The sums as a map: (n, channels, *space) to (n, channels, *(space // window))."""
        space = tuple(s // w for s, w in zip(self.shape[2:], self.window, strict=True))
        out = (*self.shape[:2], *space)
        index = np.arange(prod(self.shape), dtype=np.int64).reshape(self.shape)
        cut = index[(slice(None), slice(None), *(slice(s * w) for s, w in zip(space, self.window, strict=True)))]
        split = [n for s, w in zip(space, self.window, strict=True) for n in (s, w)]
        rank = len(space)
        order = (0, 1, *(2 + 2 * i for i in range(rank)), *(3 + 2 * i for i in range(rank)))
        cols = cut.reshape(*self.shape[:2], *split).transpose(order).reshape(-1)
        rows = np.repeat(np.arange(prod(out), dtype=np.int64), prod(self.window))
        return LinearMap(prod(out), index.size, rows, cols, np.ones(len(rows)), np.zeros(prod(out)))


@dataclass(frozen=True)
class Pooled:
    """A packing after rotate-and-adds by the steps `pre`: the sum over a window stands where its first element was."""

    packing: Packing
    pre: tuple[int, ...]


def pooled(source: Packing, pool: Pool) -> Pooled | None:
    """What summing leaves, or None where rotations cannot do it: the window is no power of two, or across ciphertexts.

    Where the windows' digits go all the way round, the sums are cyclic and the result is repeated in their places.
    """
    axes = source.by_axis(pool.shape)
    if axes is None:
        return None
    rest, summed = list[Digits](axes[:2]), list[tuple[int, int]]()
    for extent, digits, window in zip(pool.shape[2:], axes[2:], pool.window, strict=True):
        cut = peeled(digits, window)
        if cut is None or extent % window:
            return None
        rest.append(cut[0])
        summed += cut[1]
    if any(extent & (extent - 1) or stride * extent > source.ring for extent, stride in summed):
        return None
    period, copies, clean = source.period, list(source.copies), source.clean
    for extent, stride in sorted(summed, key=lambda d: -d[1]):
        if extent * stride == period:
            period = stride
            copies.append((extent, stride))
        else:
            clean = False
    flat = tuple(d for digits in rest for d in digits)
    found = Packing.of(flat, source.ring, source.offset, tuple(copies), clean)
    first, last = found.addresses, found.addresses + reach(tuple(summed)) - 1
    if found.ciphertexts > 1 and not np.array_equal(first // source.ring, last // source.ring):
        return None
    return Pooled(found, tuple(step for digit in summed for step in doublings(digit)))

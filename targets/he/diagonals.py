"""A placed map as `he.linear` runs it: terms (ct_in, ct_out, baby, giant) and their slot vectors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.layout import offsets
from ppc.targets.he.bsgs import split
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing
from ppc.targets.he.placement import Placed, Placement, class_of, place
from ppc.targets.he.pooling import Pooled


@dataclass(frozen=True)
class Lowered:
    """One linear step in virtual slots: a cover, and its shifts as baby and giant steps."""

    cover: "Cover"
    terms: NDArray[np.int64]  # (t, 4): ct_in, ct_out, baby, giant
    rotations: int

    @property
    def pre(self) -> tuple[int, ...]:
        return self.cover.pre

    @property
    def post(self) -> tuple[int, ...]:
        return self.cover.placed.post

    @property
    def source(self) -> Packing:
        return self.cover.source

    @property
    def out(self) -> Packing:
        return self.cover.placed.out

    @property
    def products(self) -> int:
        return len(self.terms)

    def diagonals(self) -> NDArray[np.float64]:
        """Slot vectors of the terms, (t, ring): the weight of an entry stands where the giant step moves it from."""
        cover, placed, map = self.cover, self.cover.placed, self.cover.map
        ring, period = self.out.ring, placed.out_period
        of = class_of(map, cover.summed, cover.choice)
        term = cover.term_of[of]
        rows = Packing.of(cover.choice.digits, ring, cover.choice.offset).addresses[map.rows]
        slot = rows % ring + placed.part[of] + self.terms[term, 3]
        flat = np.zeros(self.products * period)
        for tile in offsets(placed.tiles):
            flat += np.bincount(term * period + (slot + tile) % period, map.values, len(flat))
        return np.tile(flat.reshape(self.products, period), ring // period)

    def bias(self) -> NDArray[np.float64]:
        """Slot vectors of the bias, (ct_out, ring), in every copy of the result."""
        return self.out.layout.pack(self.cover.map.bias)


@dataclass(frozen=True)
class Cover:
    """The diagonals that a placed map needs, before their rotations are split."""

    map: LinearMap
    placed: Placed
    choice: Placement
    source: Packing
    pool: Pooled | None  # sums of the source that come first; the map is one of what they leave
    ct_in: NDArray[np.int64]
    ct_out: NDArray[np.int64]
    shift: NDArray[np.int64]
    term_of: NDArray[np.int64]  # which term covers each class of entries

    @property
    def pre(self) -> tuple[int, ...]:
        return () if self.pool is None else self.pool.pre

    @property
    def summed(self) -> Packing:
        return self.source if self.pool is None else self.pool.packing

    @property
    def products(self) -> int:
        return len(self.shift)

    @property
    def sums(self) -> int:
        """Rotations of rotate-and-adds."""
        return len(self.pre) * self.source.ciphertexts + len(self.placed.post) * (int(self.ct_out.max()) + 1)

    def lowered(self) -> Lowered:
        """With the best baby-step giant-step split."""
        found = split(self.ct_in, self.ct_out, self.shift, self.placed.in_period)
        terms = np.stack([self.ct_in, self.ct_out, found.baby, found.giant], axis=1)
        return Lowered(self, terms, found.rotations + self.sums)


def cover(map: LinearMap, source: Packing, choice: Placement, pool: Pooled | None = None) -> Cover | None:
    """Cover every entry of the map once by a diagonal; None where the choice does not fit."""
    placed = place(map, source if pool is None else pool.packing, choice)
    if placed is None:
        return None
    period = placed.in_period
    outs = max(int(placed.ct_out.max(initial=0)) + 1, placed.out.ciphertexts)
    # an output ciphertext that nothing flows into (padding) still needs one term, whose diagonal is zero
    key = (placed.ct_in * outs + placed.ct_out) * period + placed.shift
    missing = np.setdiff1d(np.arange(outs), placed.ct_out) * period
    distinct = np.unique(np.concatenate([key, missing]))
    ct, shift = distinct // period, distinct % period
    return Cover(map, placed, choice, source, pool, ct // outs, ct % outs, shift, np.searchsorted(distinct, key))


def lower_map(map: LinearMap, source: Packing, choice: Placement, pool: Pooled | None = None) -> Lowered | None:
    """Place, cover and split in one."""
    found = cover(map, source, choice, pool)
    return None if found is None else found.lowered()

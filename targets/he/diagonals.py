"""A placed map as `he.linear` runs it: terms (ct_in, ct_out, baby, giant) and their slot vectors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.targets.he.bsgs import present, split
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing
from ppc.targets.he.placement import Placed, Placement, place
from ppc.targets.he.pooling import Pooled


@dataclass(frozen=True)
class Lowered:
    """One linear step in virtual slots: the result of choosing a placement.

    `pre`: rotate-and-adds of every input before the terms; `post`: of every output after them.
    """

    map: LinearMap  # of what `pre` leaves
    terms: NDArray[np.int64]  # (t, 4): ct_in, ct_out, baby, giant
    pre: tuple[int, ...]
    post: tuple[int, ...]
    source: Packing
    out: Packing
    rotations: int
    placed: Placed
    term_of: NDArray[np.int64]  # which term covers each entry of the map

    @property
    def products(self) -> int:
        return len(self.terms)

    def diagonals(self) -> NDArray[np.float64]:
        """Slot vectors of the terms, (t, ring): the weight of an entry stands where the giant step moves it from."""
        ring, period = self.out.ring, self.placed.out_period
        slot = self.placed.slot + self.terms[self.term_of, 3]
        flat = np.zeros(self.products * period)
        for tile in self.placed.tiles:
            at = self.term_of * period + (slot + tile) % period
            flat += np.bincount(at, self.map.values, len(flat))
        return np.tile(flat.reshape(self.products, period), ring // period)

    def bias(self) -> NDArray[np.float64]:
        """Slot vectors of the bias, (ct_out, ring), in every copy of the result."""
        return self.out.layout.pack(self.map.bias)


@dataclass(frozen=True)
class Cover:
    """The diagonals that a placed map needs, before their rotations are split."""

    map: LinearMap
    placed: Placed
    source: Packing  # before `pre`
    pre: tuple[int, ...]
    ct_in: NDArray[np.int64]
    ct_out: NDArray[np.int64]
    shift: NDArray[np.int64]
    term_of: NDArray[np.int64]

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
        placed = self.placed
        rotations = found.rotations + self.sums
        return Lowered(self.map, terms, self.pre, placed.post, self.source, placed.out, rotations, placed, self.term_of)


def cover(map: LinearMap, source: Packing, choice: Placement, pool: Pooled | None = None) -> Cover | None:
    """Cover every entry of the map once by a diagonal; None where the choice does not fit.

    `pool`: the map is one of what these sums of the source leave.
    """
    pooled = source if pool is None else pool.packing
    placed = place(map, pooled, choice)
    if placed is None:
        return None
    period = placed.in_period
    outs = max(int(placed.ct_out.max(initial=0)) + 1, placed.out.ciphertexts)
    # an output ciphertext that nothing flows into (padding) still needs one term, whose diagonal is zero
    key = (placed.ct_in * outs + placed.ct_out) * period + placed.shift
    missing = np.setdiff1d(np.arange(outs), present(placed.ct_out, outs)) * period
    distinct = present(np.concatenate([key, missing]), source.ciphertexts * outs * period)
    place_of = np.zeros(int(distinct[-1]) + 1, np.int64)
    place_of[distinct] = np.arange(len(distinct))
    ct, shift = distinct // period, distinct % period
    pre = () if pool is None else pool.pre
    return Cover(map, placed, source, pre, ct // outs, ct % outs, shift, place_of[key])


def lower_map(map: LinearMap, source: Packing, choice: Placement, pool: Pooled | None = None) -> Lowered | None:
    """Place, cover and split in one."""
    found = cover(map, source, choice, pool)
    return None if found is None else found.lowered()

"""A placed map as `he.linear` runs it: terms (ct_in, ct_out, baby, giant) and their slot vectors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ppc.targets.he.bsgs import split
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing
from ppc.targets.he.placement import Placed, Placement, place


@dataclass(frozen=True)
class Lowered:
    """One linear step in virtual slots: the result of choosing a placement."""

    terms: NDArray[np.int64]  # (t, 4): ct_in, ct_out, baby, giant
    post: tuple[int, ...]
    source: Packing
    out: Packing
    rotations: int
    placed: Placed
    term_of: NDArray[np.int64]  # which term covers each entry of the map

    @property
    def products(self) -> int:
        return len(self.terms)

    @cached_property
    def steps(self) -> frozenset[int]:
        """Every rotation step that is used, virtual, without 0."""
        return frozenset(self.terms[:, 2:].reshape(-1).tolist()) | frozenset(self.post) - {0}

    def diagonals(self, map: LinearMap) -> NDArray[np.float64]:
        """Slot vectors of the terms, (t, ring): the weight of an entry stands where the giant step moves it from."""
        ring, period = self.out.ring, self.placed.out_period
        slot = (self.placed.slot + self.terms[self.term_of, 3]) % period
        flat = np.bincount(self.term_of * period + slot, map.values, self.products * period)
        return np.tile(flat.reshape(self.products, period), ring // period)

    def bias(self, map: LinearMap) -> NDArray[np.float64]:
        """Slot vectors of the bias, (ct_out, ring), in every copy of the result."""
        ring, period = self.out.ring, self.out.period
        out = np.zeros((self.out.ciphertexts, ring))
        at = self.out.addresses
        for copy in range(ring // period):
            out[at // ring, (at + copy * period) % ring] = map.bias
        return out


def lower_map(map: LinearMap, source: Packing, choice: Placement) -> Lowered | None:
    """Cover every entry of the map once by a diagonal and split the rotations; None where the choice does not fit."""
    placed = place(map, source, choice)
    if placed is None:
        return None
    period = placed.in_period
    outs = max(int(placed.ct_out.max(initial=0)) + 1, placed.out.ciphertexts)
    # an output ciphertext that nothing flows into (padding) still needs one term, whose diagonal is zero
    key = (placed.ct_in * outs + placed.ct_out) * period + placed.shift
    missing = np.setdiff1d(np.arange(outs), np.unique(placed.ct_out)) * period
    distinct = np.unique(np.concatenate([key, missing]))
    term_of = np.searchsorted(distinct, key)
    ct, shift = distinct // period, distinct % period
    ct_in, ct_out = ct // outs, ct % outs
    found = split(ct_in, ct_out, shift, period)
    terms = np.stack([ct_in, ct_out, found.baby, found.giant], axis=1)
    rotations = found.rotations + len(placed.post) * outs
    return Lowered(terms, placed.post, source, placed.out, rotations, placed, term_of)

"""A placed map as `he.linear` runs it: terms (ct_in, ct_out, baby, giant) and their slot vectors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ppc.targets.he.bsgs import present, split
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing
from ppc.targets.he.placement import Placed, Placement, place

#: Elements of a result that `Lowered.reads` looks at.
SAMPLED = 64


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

    @cached_property
    def reads(self) -> int:
        """Slots in which something lies that are read for one element of the result: the most of a sample of elements.

        Each is multiplied with the rounding error of a weight, also where the weight is 0; an empty one with nothing.
        """
        ring, source = self.out.ring, self.source
        filled = np.full((source.ciphertexts, ring), not source.clean)
        cts, at = np.divmod(source.addresses, ring)
        for copy in range(ring // source.period):
            filled[cts, (at + copy * source.period) % ring] = True
        summed = np.zeros(1, np.int64)
        for s in self.post:
            summed = np.concatenate([summed, summed + s])
        shift = self.terms[:, 2] + self.terms[:, 3]
        results = np.unique(self.out.addresses)
        most = 0
        for address in results[:: max(1, len(results) // SAMPLED)]:
            mine = self.terms[:, 1] == address // ring
            slots = (address % ring + summed[:, None] + shift[mine]) % ring
            most = max(most, int(filled[self.terms[mine, 0], slots].sum()))
        return most

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


@dataclass(frozen=True)
class Cover:
    """The diagonals that a placed map needs, before their rotations are split."""

    placed: Placed
    source: Packing
    ct_in: NDArray[np.int64]
    ct_out: NDArray[np.int64]
    shift: NDArray[np.int64]
    term_of: NDArray[np.int64]

    @property
    def products(self) -> int:
        return len(self.shift)

    def lowered(self) -> Lowered:
        """With the best baby-step giant-step split."""
        found = split(self.ct_in, self.ct_out, self.shift, self.placed.in_period)
        terms = np.stack([self.ct_in, self.ct_out, found.baby, found.giant], axis=1)
        rotations = found.rotations + len(self.placed.post) * (int(self.ct_out.max()) + 1)
        placed = self.placed
        return Lowered(terms, placed.post, self.source, placed.out, rotations, placed, self.term_of)


def cover(map: LinearMap, source: Packing, choice: Placement) -> Cover | None:
    """Cover every entry of the map once by a diagonal; None where the choice does not fit."""
    placed = place(map, source, choice)
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
    return Cover(placed, source, ct // outs, ct % outs, shift, place_of[key])


def lower_map(map: LinearMap, source: Packing, choice: Placement) -> Lowered | None:
    """Place, cover and split in one."""
    found = cover(map, source, choice)
    return None if found is None else found.lowered()

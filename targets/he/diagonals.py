"""A placed map as `he.linear` runs it: terms (ct_in, ct_out, baby, giant) and their slot vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.layout import offsets
from ppc.targets.he.bsgs import split
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing
from ppc.targets.he.placement import Placed, Placement, class_of, place
from ppc.targets.he.pooling import Pooled

#: Elements of a result that `Lowered.reads` looks at.
SAMPLED = 64


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
        """Rotate-and-adds after the products."""
        return () if self.cover.late else self.cover.placed.post

    @property
    def late(self) -> tuple[int, ...]:
        """Rotate-and-adds that are left to the shares that the result becomes, where they cost no rotation."""
        return self.cover.placed.post if self.cover.late else ()

    @property
    def source(self) -> Packing:
        return self.cover.source

    @property
    def out(self) -> Packing:
        return self.cover.out

    @property
    def products(self) -> int:
        return len(self.terms)

    @cached_property
    def giants(self) -> float:
        """Giant steps that are no rotation by 0, a result ciphertext."""
        turned = self.terms[self.terms[:, 3] != 0]
        return len(np.unique(turned[:, [1, 3]], axis=0)) / self.out.ciphertexts

    @cached_property
    def reads(self) -> tuple[int, int]:
        """Slots that are read for one element of the result, with an element (or a partial sum) in them and without:
        the most elements, and the most others, of a sample of results."""
        ring, source = self.out.ring, self.source
        slots_filled = np.full(source.ciphertexts * ring, bool(self.pre) or not source.clean)
        slots_filled[source.layout.places()] = True
        filled = slots_filled.reshape(-1, ring)
        summed = np.zeros(1, np.int64)
        for s in self.cover.placed.post:
            summed = np.concatenate([summed, summed + s])
        shift = self.terms[:, 2] + self.terms[:, 3]
        results = np.unique(self.out.addresses)
        most = others = 0
        for address in results[:: max(1, len(results) // SAMPLED)]:
            mine = self.terms[:, 1] == address // ring
            slots = (address % ring + summed[:, None] + shift[mine]) % ring
            read = filled[self.terms[mine, 0], slots]
            most, others = max(most, int(read.sum())), max(others, int((~read).sum()))
        return most, others

    def diagonals(self) -> NDArray[np.float64]:
        """Slot vectors of the terms, (t, ring): the weight of an entry stands where the baby step moves its input to,
        and the giant step the product from."""
        cover, placed, map = self.cover, self.cover.placed, self.cover.map
        ring, period = self.out.ring, placed.out_period
        of = class_of(map, cover.summed, cover.choice)
        term = cover.term_of[of]
        rows = Packing.of(cover.choice.digits, ring, cover.choice.offset).addresses[map.rows]
        # baby + giant is the shift modulo the input's period, or to another part of the same sum
        to_part = placed.modulus < placed.in_period
        moved = placed.shift[of] - self.terms[term, 2] if to_part else self.terms[term, 3]
        slot = rows % ring + placed.part[of] + moved
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
    late: bool = False  # the sums after the products are left to the shares

    @property
    def out(self) -> Packing:
        """Where the result lies; where sums are left to the shares, its first place alone, which has the bias."""
        return _alone(self.placed.out) if self.late else self.placed.out

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
        post = () if self.late else self.placed.post
        return len(self.pre) * self.source.ciphertexts + len(post) * (int(self.ct_out.max()) + 1)

    def lowered(self, back: tuple[bool, bool] = (True, True)) -> Lowered:
        """With the best baby-step giant-step split. `back`: babies and giants turn backwards where that is shorter."""
        ring, period = self.source.ring, self.placed.modulus
        found = split(self.ct_in, self.ct_out, self.shift % period, period)
        both = zip((found.baby, found.giant), back, strict=True)
        steps = [np.where(turn & (s > period // 2), s - period, s) % ring for s, turn in both]
        terms = np.stack([self.ct_in, self.ct_out, *steps], axis=1)
        return Lowered(self, terms, found.rotations + self.sums)


def cover(
    map: LinearMap, source: Packing, choice: Placement, pool: Pooled | None = None, shared: bool = False
) -> Cover | None:
    """Cover every entry of the map once by a diagonal; None where the choice does not fit.

    `shared`: the result leaves as shares, so that its sums may be left to them.
    """
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
    late = shared and bool(placed.post) and _apart(placed)
    return Cover(map, placed, choice, source, pool, ct // outs, ct % outs, shift, np.searchsorted(distinct, key), late)


def _alone(packing: Packing) -> Packing:
    return Packing.of(packing.digits, packing.ring, packing.offset, clean=False)


def _apart(placed: Placed) -> bool:
    """True where no element's first place is summed into another element: each has its bias there."""
    ring, at = placed.out.ring, placed.out.addresses
    return not np.isin(sum_places(at, placed.post, ring)[1:], at).any()


def sum_places(addresses: NDArray[np.int64], shifts: Sequence[int], ring: int) -> NDArray[np.int64]:
    """Addresses of all summands that rotate-and-adds bring to these: (2^shifts, addresses)."""
    ct, slot = np.divmod(addresses, ring)
    offset = offsets(tuple((2, s) for s in shifts))
    found: NDArray[np.int64] = ct * ring + (slot + offset[:, None]) % ring
    return found


def lower_map(map: LinearMap, source: Packing, choice: Placement, pool: Pooled | None = None) -> Lowered | None:
    """Place, cover and split in one."""
    found = cover(map, source, choice, pool)
    return None if found is None else found.lowered()

"""Where one sample lies while a module is lowered, and how samples share ciphertexts.

Lowering works on one sample in a ring of `ring` virtual slots. Samples are interleaved: virtual slot v of sample b is
real slot v * lanes + b, so that a rotation by v steps is one by v * lanes for all samples at once and every map stays
cyclic. `lanes` is a power of two; a batch that does not fit takes several groups of ciphertexts.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.layout import Digits, Layout, cycle, offsets
from ppc.targets.he.digits import joined, power_of_two_above, split_by_axis


@dataclass(frozen=True)
class Packing:
    """Layout of one sample in virtual slots, in canonical form (`of`).

    `copies`: every element lies also at its address plus any sum k * stride, k < extent, in the same ciphertext.
    `clean`: a slot that no element lies in holds something public, so that decrypting it tells nothing more.
    """

    digits: Digits
    ring: int
    offset: int = 0
    copies: Digits = ()
    clean: bool = True

    @staticmethod
    def of(digits: Digits, ring: int, offset: int = 0, copies: Digits = (), clean: bool = True) -> "Packing":
        """Canonical form: no digit of extent 1, adjacent digits joined where the strides allow, copies by stride."""
        again = sorted((c for c in copies if c[0] > 1), key=lambda c: -c[1])
        return Packing(joined(digits) or ((1, 1),), ring, offset, joined(tuple(again)), clean)

    @staticmethod
    def dense(size: int, ring: int) -> "Packing":
        return Packing.of(((size, 1),), ring)

    @property
    def layout(self) -> Layout:
        return Layout(self.digits, self.ring, self.offset, self.copies)

    @property
    def addresses(self) -> NDArray[np.int64]:
        """Of the first copy of each element: shape (size,)."""
        return _addresses(self.digits, self.offset)

    @property
    def size(self) -> int:
        return prod(extent for extent, _ in self.digits)

    @property
    def period(self) -> int:
        """Each ciphertext's slots repeat with this period (`ring`: they do not)."""
        return cycle(self.copies, self.ring)[0]

    @property
    def loose(self) -> Digits:
        """The copies that do not go all the way round."""
        return cycle(self.copies, self.ring)[1]

    @cached_property
    def ciphertexts(self) -> int:
        return 1 + int(self.addresses.max(initial=0)) // self.ring

    def same_places(self, other: "Packing") -> bool:
        return (self.digits, self.offset, self.ring) == (other.digits, other.offset, other.ring)

    @cached_property
    def copied(self) -> frozenset[int]:
        """How far each copy is from the first."""
        return frozenset(offsets(self.copies).tolist())

    def periodic(self) -> "Packing":
        """The same with copies all the way round or none."""
        return replace(self, copies=() if self.loose else self.copies)

    def shared(self, other: "Packing") -> Digits:
        """The copies that both packings have."""
        if self.copied <= other.copied:
            return self.copies
        return other.copies if other.copied <= self.copied else ()

    def by_axis(self, shape: tuple[int, ...]) -> list[Digits] | None:
        """The digits of each axis of a tensor of this shape, or None where a digit spans two axes unevenly."""
        return split_by_axis(self.digits, shape)

    def dirty(self) -> "Packing":
        return replace(self, clean=False)


@lru_cache(maxsize=512)
def _addresses(digits: Digits, offset: int) -> NDArray[np.int64]:
    found = offset + offsets(digits)
    found.setflags(write=False)
    return found


@dataclass(frozen=True, slots=True)
class Batching:
    """How `batch` samples share ciphertexts of `slots` slots: `groups` sets of `samples` samples on `lanes` lanes."""

    slots: int
    batch: int
    samples: int

    @staticmethod
    def choose(slots: int, batch: int, largest: int) -> "Batching":
        """As many samples a ciphertext as leave room for the largest value in one ciphertext."""
        for samples in range(batch, 0, -1):
            if batch % samples == 0 and power_of_two_above(samples) * power_of_two_above(largest) <= slots:
                return Batching(slots, batch, samples)
        return Batching(slots, batch, 1)

    @property
    def lanes(self) -> int:
        return power_of_two_above(self.samples)

    @property
    def ring(self) -> int:
        return self.slots // self.lanes

    @property
    def groups(self) -> int:
        return self.batch // self.samples

    def layout(self, packing: Packing) -> Layout:
        """The layout of a whole batch, in real slots."""
        group = ((self.groups, packing.ciphertexts * self.slots),) if self.groups > 1 else ()
        sample = ((self.samples, 1),) if self.samples > 1 else ()
        digits = tuple((extent, stride * self.lanes) for extent, stride in packing.digits)
        copies = tuple((extent, stride * self.lanes) for extent, stride in packing.copies)
        return Layout(group + sample + digits, self.slots, packing.offset * self.lanes, copies)

    def widen(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Virtual slot vectors (k, ring) to real ones (k, slots); lanes without a sample stay zero."""
        if self.lanes == 1:
            return vectors
        wide = np.zeros((*vectors.shape, self.lanes))
        wide[..., : self.samples] = vectors[..., None]
        return wide.reshape(len(vectors), self.slots)

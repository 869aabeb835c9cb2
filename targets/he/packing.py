"""Where one sample lies while a module is lowered, and how samples share ciphertexts.

Lowering works on one sample in a ring of `ring` virtual slots. Samples are interleaved: virtual slot v of sample b is
real slot v * lanes + b, so that a rotation by v steps is one by v * lanes for all samples at once and every map stays
cyclic. `lanes` is a power of two; a batch that does not fit takes several groups of ciphertexts.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.layout import Layout

Digits = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Packing:
    """Layout of one sample, with two facts that a layout does not tell.

    `period`: each ciphertext's slots repeat with this period (`ring`: they do not). `clean`: a slot that no element
    lies in holds a copy of one or something public, so that decrypting it tells nothing more.
    """

    digits: Digits
    ring: int
    offset: int = 0
    period: int = 0  # 0: the ring
    clean: bool = True

    @staticmethod
    def of(digits: Digits, ring: int, offset: int = 0, period: int = 0, clean: bool = True) -> "Packing":
        """Canonical form: no digit of extent 1, adjacent digits joined where the strides allow."""
        out: list[tuple[int, int]] = []
        for extent, stride in digits:
            if extent == 1:
                continue
            if out and out[-1][1] == extent * stride:
                out[-1] = (out[-1][0] * extent, stride)
            else:
                out.append((extent, stride))
        return Packing(tuple(out) or ((1, 1),), ring, offset, period or ring, clean)

    @staticmethod
    def dense(size: int, ring: int) -> "Packing":
        return Packing.of(((size, 1),), ring)

    @property
    def layout(self) -> Layout:
        return Layout(self.digits, self.ring, self.offset)

    @property
    def addresses(self) -> NDArray[np.int64]:
        return _addresses(self.layout)

    @property
    def size(self) -> int:
        return prod(extent for extent, _ in self.digits)

    @cached_property
    def ciphertexts(self) -> int:
        return 1 + int(self.addresses.max(initial=0)) // self.ring

    def same_places(self, other: "Packing") -> bool:
        return (self.digits, self.offset, self.ring) == (other.digits, other.offset, other.ring)

    def by_axis(self, shape: tuple[int, ...]) -> list[Digits] | None:
        """The digits of each axis of a tensor of this shape, or None where a digit spans two axes unevenly."""
        left = list(self.digits)
        found: list[Digits] = []
        for axis in reversed(shape):
            mine: list[tuple[int, int]] = []
            while axis > 1:
                if not left:
                    return None
                extent, stride = left.pop()
                part = gcd(axis, extent)
                if part != min(axis, extent):
                    return None
                mine.append((part, stride))
                axis //= part
                if extent > part:
                    left.append((extent // part, stride * part))
            found.append(tuple(reversed(mine)))
        return found[::-1]

    def dirty(self) -> "Packing":
        return replace(self, clean=False)


@lru_cache(maxsize=256)
def _addresses(layout: Layout) -> NDArray[np.int64]:
    found = layout.addresses()
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
            if batch % samples == 0 and _power(samples) * _power(largest) <= slots:
                return Batching(slots, batch, samples)
        return Batching(slots, batch, 1)

    @property
    def lanes(self) -> int:
        return _power(self.samples)

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
        return Layout(group + sample + digits, self.slots, packing.offset * self.lanes)

    def widen(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Virtual slot vectors (k, ring) to real ones (k, slots); lanes without a sample stay zero."""
        if self.lanes == 1:
            return vectors
        wide = np.zeros((*vectors.shape, self.lanes))
        wide[..., : self.samples] = vectors[..., None]
        return wide.reshape(len(vectors), self.slots)


def _power(n: int) -> int:
    return 1 << max(n - 1, 0).bit_length()


power_of_two_above = _power

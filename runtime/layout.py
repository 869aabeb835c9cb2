"""Where the elements of a tensor lie in the slots of its ciphertexts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Digits = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A mixed-radix map from the flat (row-major) index of an element to its address, and where its copies are.

    The flat index is split into digits from most to least significant, each with an extent and a stride; the
    address is `offset + sum(digit * stride)`, and address a means slot `a % slots` of ciphertext `a // slots`.
    Every element lies also at its address plus `sum(k_j * stride_j)` for each choice of k_j below the extent of
    digit j of `copies`: the client can send an element several times for the price of one ciphertext.
    Addresses that no element maps to hold values that nobody may read. Reshape keeps a layout as it is.
    """

    digits: Digits  # (extent, stride), most significant first
    slots: int  # slots of one ciphertext, N/2
    offset: int = 0
    copies: Digits = ()

    @staticmethod
    def dense(size: int, slots: int) -> "Layout":
        """Element i at address i."""
        return Layout(((size, 1),), slots)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(extent for extent, _ in self.digits)

    @property
    def ciphertexts(self) -> int:
        """Number of ciphertexts the value takes."""
        return _ciphertexts(self)

    def addresses(self) -> NDArray[np.int64]:
        """Address of each element, in row-major order: shape (size,)."""
        return self.offset + offsets(self.digits)

    def places(self) -> NDArray[np.int64]:
        """Every address of each element: shape (copies, size); the first row is `addresses()`."""
        return offsets(self.copies)[:, None] + self.addresses()

    def alone(self) -> "Layout":
        """The same without copies."""
        return Layout(self.digits, self.slots, self.offset)

    def pack(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Slot vectors of a tensor: shape (ciphertexts, slots), zero where no element lies."""
        out = np.zeros(self.ciphertexts * self.slots)
        out[self.places()] = np.asarray(x, np.float64).reshape(-1)
        return out.reshape(-1, self.slots)

    def unpack(self, slots: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.float64]:
        """Inverse of `pack`; what lies in other slots is dropped."""
        return slots.reshape(-1)[self.addresses()].reshape(tuple(shape))

    def to_json(self) -> dict[str, Any]:
        plain = {"digits": [list(d) for d in self.digits], "slots": self.slots, "offset": self.offset}
        return plain | ({"copies": [list(d) for d in self.copies]} if self.copies else {})

    @staticmethod
    def from_json(j: dict[str, Any]) -> "Layout":
        return Layout(_digits(j["digits"]), int(j["slots"]), int(j["offset"]), _digits(j.get("copies", ())))


@lru_cache(maxsize=1024)
def _ciphertexts(layout: Layout) -> int:
    """Asked in every pass."""
    return 1 + (int(layout.addresses().max(initial=0)) + int(offsets(layout.copies).max())) // layout.slots


def offsets(digits: Digits) -> NDArray[np.int64]:
    """sum(digit * stride) for every choice of digits, in row-major order; (0,) for no digit."""
    a = np.zeros(1, np.int64)
    for extent, stride in digits:
        a = (a[:, None] + stride * np.arange(extent, dtype=np.int64)).reshape(-1)
    return a


def cycle(digits: Digits, ring: int) -> tuple[int, Digits]:
    """(period, the other digits): which of the digits go round a ring without a gap, and the period they leave."""
    period, rest = ring, list[tuple[int, int]]()
    for extent, stride in sorted(digits, key=lambda d: -d[1]):
        if extent * stride == period:
            period = stride
        else:
            rest.append((extent, stride))
    return period, tuple(rest)


def layout_attrs(layout: Layout, prefix: str = "") -> dict[str, Any]:
    """A layout as step attributes (scalars and nested tuples): `<prefix>layout_digits`, `_slots`, `_offset`.

    `<prefix>layout_copies` is there where an element lies in several places.
    """
    plain: dict[str, Any] = {
        f"{prefix}layout_digits": layout.digits,
        f"{prefix}layout_slots": layout.slots,
        f"{prefix}layout_offset": layout.offset,
    }
    return plain | ({f"{prefix}layout_copies": layout.copies} if layout.copies else {})


def layout_from_attrs(attrs: Mapping[str, Any], prefix: str = "") -> Layout:
    """Inverse of `layout_attrs`; takes lists (plan.json) and tuples (the IR). Raises KeyError where one is missing."""
    return Layout(
        _digits(attrs[f"{prefix}layout_digits"]),
        int(attrs[f"{prefix}layout_slots"]),
        int(attrs[f"{prefix}layout_offset"]),
        _digits(attrs.get(f"{prefix}layout_copies", ())),
    )


def _digits(pairs: Any) -> Digits:
    return tuple((int(extent), int(stride)) for extent, stride in pairs)

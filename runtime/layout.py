"""Where the elements of a tensor lie in the slots of its ciphertexts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Layout:
    """A mixed-radix map from the flat (row-major) index of an element to its address.

    The flat index is split into digits from most to least significant, each with an extent and a stride; the
    address is `offset + sum(digit * stride)`, and address a means slot `a % slots` of ciphertext `a // slots`.
    Addresses that no element maps to hold values that nobody may read. Reshape keeps a layout as it is.
    """

    digits: tuple[tuple[int, int], ...]  # (extent, stride), most significant first
    slots: int  # slots of one ciphertext, N/2
    offset: int = 0

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
        return 1 + int(self.addresses().max(initial=0)) // self.slots

    def addresses(self) -> NDArray[np.int64]:
        """Address of each element, in row-major order: shape (size,)."""
        a = np.full((1,), self.offset, np.int64)
        for extent, stride in self.digits:
            a = (a[:, None] + stride * np.arange(extent, dtype=np.int64)).reshape(-1)
        return a

    def pack(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Slot vectors of a tensor: shape (ciphertexts, slots), zero where no element lies."""
        out = np.zeros(self.ciphertexts * self.slots)
        out[self.addresses()] = np.asarray(x, np.float64).reshape(-1)
        return out.reshape(-1, self.slots)

    def unpack(self, slots: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.float64]:
        """Inverse of `pack`; what lies in other slots is dropped."""
        return slots.reshape(-1)[self.addresses()].reshape(tuple(shape))

    def to_json(self) -> dict[str, Any]:
        return {"digits": [list(d) for d in self.digits], "slots": self.slots, "offset": self.offset}

    @staticmethod
    def from_json(j: dict[str, Any]) -> "Layout":
        return Layout(tuple((int(e), int(s)) for e, s in j["digits"]), int(j["slots"]), int(j["offset"]))


def layout_attrs(layout: Layout, prefix: str = "") -> dict[str, Any]:
    """A layout as step attributes (scalars and nested tuples): `<prefix>layout_digits`, `_slots`, `_offset`."""
    return {
        f"{prefix}layout_digits": layout.digits,
        f"{prefix}layout_slots": layout.slots,
        f"{prefix}layout_offset": layout.offset,
    }


def layout_from_attrs(attrs: Mapping[str, Any], prefix: str = "") -> Layout:
    """Inverse of `layout_attrs`; takes lists (plan.json) and tuples (the IR). Raises KeyError where one is missing."""
    digits = tuple((int(extent), int(stride)) for extent, stride in attrs[f"{prefix}layout_digits"])
    return Layout(digits, int(attrs[f"{prefix}layout_slots"]), int(attrs[f"{prefix}layout_offset"]))

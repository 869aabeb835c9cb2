"""Exact arithmetic modulo an RNS prime on arrays, by float64 and wrapping 64-bit integers.

A product modulo q of two numbers that together have up to 113 bits needs no wide integers: the quotient is found in
float64, off by at most a few, and `product - quotient * q` is small, so it is right modulo 2^64 (Harvey: Faster
arithmetic for number-theoretic transforms, 2014, section 2). A matrix product runs in BLAS on parts of the residues
that are small enough for every sum to stay below 2^53, where float64 is exact.

Everything works in arrays that the caller gives or that come from a `Scratch`: memory that a block touched once is
in the cache, fresh memory is a page fault.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.levels import MOST_BATCH_PRIME_BITS, exact_parts

Residues = NDArray[np.uint64]
Floats = NDArray[np.float64]

#: Up to here the first quotient is off by less than 1, and one correction is enough.
ONE_STEP_BITS = 49


#: Words that a thread's memory keeps from one value to the next: what small layers take, which would spend a third of
#: their time on touching new memory.
MOST_KEPT = 1 << 20


class Scratch:
    """Arrays of 8-byte elements that are taken and given back. Not shared between threads."""

    def __init__(self) -> None:
        self._free: dict[int, list[Residues]] = {}

    @property
    def free(self) -> int:
        """Words that are kept."""
        return sum(size * len(arrays) for size, arrays in self._free.items())

    def words(self, *shape: int) -> Residues:
        """An array of undefined content."""
        size = int(np.prod(shape))
        kept = self._free.get(size)
        return (kept.pop() if kept else np.empty(size, np.uint64)).reshape(shape)

    def floats(self, *shape: int) -> Floats:
        return self.words(*shape).view(np.float64)

    def give(self, *arrays: NDArray[Any]) -> None:
        """Take back arrays that came from here, whole."""
        for array in arrays:
            self._free.setdefault(array.size, []).append(array.reshape(-1).view(np.uint64))


class Scratches:
    """The memory of a server's threads, from one value to the next. Any thread takes any of it, one at a time."""

    def __init__(self) -> None:
        self._idle: list[Scratch] = []

    @contextmanager
    def one(self) -> Iterator[Scratch]:
        """For one thread. What is too large to be kept goes."""
        scratch = self._idle.pop() if self._idle else Scratch()  # both are atomic
        yield scratch
        if scratch.free <= MOST_KEPT:
            self._idle.append(scratch)


@dataclass(frozen=True)
class Parts:
    """How residues are cut for exact sums: `count` parts of `bits` bits, least significant first."""

    bits: int
    count: int

    @staticmethod
    def of(prime_bits: int, row_sum: float) -> "Parts":
        """The fewest parts for matrices whose rows' absolute values sum to at most `row_sum` (and a bias)."""
        return Parts(*exact_parts(prime_bits, row_sum))

    def split(self, residues: Residues, out: Floats) -> None:
        """Parts of residues, in [0, 2^bits): shape (..., n) into out of shape (count, ..., n)."""
        signed = residues.view(np.int64)
        mask = np.int64((1 << self.bits) - 1)
        for k in range(self.count - 1):
            shifted = signed >> np.int64(k * self.bits) if k else signed
            np.bitwise_and(shifted, mask, out=out[k], casting="unsafe")
        np.right_shift(signed, np.int64((self.count - 1) * self.bits), out=out[-1], casting="unsafe")

    def of_number(self, number: int) -> list[float]:
        """The parts of one residue."""
        mask = (1 << self.bits) - 1
        low = [float((number >> (k * self.bits)) & mask) for k in range(self.count - 1)]
        return [*low, float(number >> ((self.count - 1) * self.bits))]


@dataclass(frozen=True)
class Modulus:
    """A prime of at most MOST_BATCH_PRIME_BITS bits."""

    value: int
    inverse: float = field(init=False)

    def __post_init__(self) -> None:
        if self.value.bit_length() > MOST_BATCH_PRIME_BITS:
            raise ValueError(f"a prime of {self.value.bit_length()} bits; the arithmetic takes {MOST_BATCH_PRIME_BITS}")
        object.__setattr__(self, "inverse", 1.0 / self.value)

    @property
    def bits(self) -> int:
        return self.value.bit_length()

    def join(self, parts: list[Floats], bits: int, out: Residues, scratch: Scratch) -> None:
        """out = Σ parts[k]·2^(bits·k) mod q; the parts are integers of absolute value at most 2^53. Spends `parts`."""
        signed = out.view(np.int64)
        np.copyto(signed, parts[-1], casting="unsafe")
        approximate = parts[-1]
        word = scratch.words(*out.shape).view(np.int64)
        for part in reversed(parts[:-1]):
            np.left_shift(out, np.uint64(bits), out=out)
            np.copyto(word, part, casting="unsafe")
            np.add(signed, word, out=signed)
            np.multiply(approximate, float(1 << bits), out=approximate)
            np.add(approximate, part, out=approximate)
        self._reduce(signed, approximate, word)
        self._lift(out, word.view(np.uint64))
        scratch.give(word)

    def multiply(self, a: Residues, b: Residues, out: Residues, scratch: Scratch) -> None:
        """out = a·b mod q. `out` is none of the others."""
        signed, word = out.view(np.int64), scratch.words(*out.shape).view(np.int64)
        left, right = scratch.floats(*out.shape), scratch.floats(*out.shape)
        np.copyto(left, a.view(np.int64))
        np.multiply(left, self.inverse, out=left)
        if a is not b:
            np.copyto(right, b.view(np.int64))
        else:
            np.multiply(left, float(self.value), out=right)
        np.multiply(left, right, out=left)
        np.rint(left, out=left)
        np.copyto(word, left, casting="unsafe")
        np.multiply(a, b, out=out)
        np.multiply(word, np.int64(self.value), out=word)
        np.subtract(signed, word, out=signed)
        if self.bits > ONE_STEP_BITS:
            np.copyto(left, signed)
            self._reduce(signed, left, word)
        self._lift(out, word.view(np.uint64))
        scratch.give(word, left, right)

    def add(self, a: Residues, b: Residues, out: Residues, scratch: Scratch) -> None:
        """out = a + b mod q; `out` may be `a` or `b`."""
        word = scratch.words(*out.shape)
        np.add(a, b, out=out)
        np.subtract(out, np.uint64(self.value), out=word)
        np.minimum(out, word, out=out)  # where a + b < q the difference wraps to a large number
        scratch.give(word)

    def subtract(self, a: Residues, b: Residues, out: Residues, scratch: Scratch) -> None:
        """out = a − b mod q; `out` may be `a` or `b`."""
        word = scratch.words(*out.shape)
        np.subtract(a, b, out=out)
        self._lift(out, word)
        scratch.give(word)

    def _reduce(self, exact: NDArray[np.int64], approximate: Floats, word: NDArray[np.int64]) -> None:
        """exact −= round(approximate / q)·q: into (−q, q)."""
        np.multiply(approximate, self.inverse, out=approximate)
        np.rint(approximate, out=approximate)
        np.copyto(word, approximate, casting="unsafe")
        np.multiply(word, np.int64(self.value), out=word)
        np.subtract(exact, word, out=exact)

    def _lift(self, out: Residues, word: Residues) -> None:
        """From (−q, q), as two's complement, to [0, q)."""
        np.add(out, np.uint64(self.value), out=word)
        np.minimum(out, word, out=out)  # a negative number is a large one unsigned

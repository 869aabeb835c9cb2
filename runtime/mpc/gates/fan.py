"""XOR over j of less_j · Π_{i<j} equal_i, for XOR-shared bits and fan-in m: one round, with dealer tables.

e_i = equal_i ⊕ a_i and g_j = less_j ⊕ b_j are opened. The dealer ships the one-hot form of a: whether the first j
bits of a are the complement of e's is then a parity over a part of it, which halves as j grows. And it ships
W[E] = ⊕_j b_j Π_{i<j} (E_i ⊕ a_i) for every E.

Where another level follows, all m bits `equal` go in and their product comes out as well; in the last level the last
of them decides nothing, and the tables are half as long.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.turn import Rounds

Bits = NDArray[np.uint8]
_BLOCK = 1 << 15
_WORDS = ("uint8", "uint16", "uint32", "uint64")


def parity(x: NDArray[Any]) -> Bits:
    returned: Bits = np.bitwise_count(x) & np.uint8(1)
    return returned


def narrowest(bits: int) -> str:
    """The narrowest unsigned word of so many bits; of 64 where it takes several."""
    return next((w for w in _WORDS if np.dtype(w).itemsize * 8 >= bits), _WORDS[-1])


@dataclass(frozen=True, slots=True)
class Fan:
    """Gates of one fan-in (2 <= fan_in <= 16); `last`: no level follows."""

    fan_in: int
    last: bool

    @property
    def width(self) -> int:
        """Opened bits `equal`."""
        return self.fan_in - 1 if self.last else self.fan_in

    @property
    def opened(self) -> str:
        """The word that is opened: e in its low bits, g above."""
        return narrowest(self.width + self.fan_in)

    @property
    def table(self) -> tuple[str, int]:
        """Element type and number of the words that hold 2^width bits."""
        size = 1 << self.width
        return narrowest(size), max(1, size // 64)


def deal(d: Dealer, fan: Fan, gates: int) -> None:
    size, (dtype, words) = 1 << fan.width, fan.table
    mask = d.random_xor((gates,), fan.opened)
    a = mask.astype(np.int64) & (size - 1)
    b = (mask.astype(np.int64) >> fan.width) & ((1 << fan.fan_in) - 1)
    onehot = np.zeros((words, gates), np.uint64)
    place = _places(fan.width)[a]
    onehot[place >> 6, np.arange(gates)] = np.uint64(1) << (place & 63).astype(np.uint64)
    d.share_xor(onehot.astype(dtype))
    table = np.empty((words, gates), dtype)
    for start in range(0, gates, _BLOCK):  # bounds the memory: a byte a bit
        part = slice(start, start + _BLOCK)
        table[:, part] = _sums(a[part], b[part], fan).T
    d.share_xor(table)


@cache
def _places(width: int) -> NDArray[np.int64]:
    """Where the one-hot bit of a lies: a with its bits reversed, so that fixing the first bits of a leaves a range."""
    a = np.arange(1 << width)
    place = np.zeros_like(a)
    for i in range(width):
        place |= ((a >> i) & 1) << (width - 1 - i)
    return place


def _sums(a: NDArray[np.int64], b: NDArray[np.int64], fan: Fan) -> NDArray[Any]:
    """W[E] for every E, as packed rows."""
    dtype, _ = fan.table
    opened = np.arange(1 << fan.width, dtype=np.uint16)
    product = np.ones((a.size, opened.size), np.uint8)
    total = np.zeros((a.size, opened.size), np.uint8)
    differ = opened[None] ^ a.astype(np.uint16)[:, None]
    for j in range(fan.fan_in):
        total ^= product & ((b >> j) & 1).astype(np.uint8)[:, None]
        if j < fan.width:
            product &= (differ >> np.uint16(j)).astype(np.uint8) & np.uint8(1)
    packed = np.packbits(total, axis=1, bitorder="little")
    return packed.view(np.dtype(dtype).newbyteorder("<"))


def online(p: Party, fan: Fan, equal: Bits, less: Bits) -> Rounds[tuple[Bits, Bits]]:
    """XOR shares (gates,) of the sum, and of the product of `equal` (nothing in the last level).

    `equal` is (width, gates) shares, `less` (fan_in, gates).
    """
    gates, width, (dtype, words) = less.shape[1], fan.width, fan.table
    mask = p.random((gates,), fan.opened)
    onehot, table = p.share((words, gates), dtype), p.share((words, gates), dtype)
    used = np.dtype(fan.opened).type((1 << (width + fan.fan_in)) - 1)
    opened = yield from p.open_xor(_pack([*equal, *less], fan.opened) ^ (mask & used))
    return _by_masks(fan, onehot[0], table[0], opened) if words == 1 else _by_halves(fan, onehot, table, opened)


def _by_masks(fan: Fan, onehot: NDArray[Any], table: NDArray[Any], opened: NDArray[Any]) -> tuple[Bits, Bits]:
    """The sum is one parity over the entries that what was opened picks, and so is the product."""
    opened = opened.astype(np.intp)
    picked = np.take(_masks(fan), opened) & onehot
    e = opened & ((1 << fan.width) - 1)
    picked ^= table & np.take(_single(fan), e)
    product = np.zeros(onehot.size, np.uint8)
    if not fan.last:
        product = parity(onehot & np.take(_complement(fan), e))
    return parity(picked), product


@cache
def _single(fan: Fan) -> NDArray[Any]:
    """The bit of a table that belongs to each e."""
    return (np.uint64(1) << np.arange(1 << fan.width, dtype=np.uint64)).astype(fan.table[0])


@cache
def _complement(fan: Fan) -> NDArray[Any]:
    """The one-hot bit of a where a is the complement of e, for each e."""
    size = 1 << fan.width
    return _single(fan)[_places(fan.width)[~np.arange(size) & (size - 1)]]


@cache
def _masks(fan: Fan) -> NDArray[Any]:
    """For each opened word: the XOR, over the bits g_j that are set, of the entries of a whose first j bits are the
    complement of e's. Those with the same first j bits lie side by side (`_places`)."""
    size = 1 << fan.width
    place = _places(fan.width)[~np.arange(size) & (size - 1)]
    cells = np.arange(size)
    masks = np.zeros((1, size), np.uint64)
    for j in range(fan.fan_in):
        same = (cells[None] >> (fan.width - j)) == (place[:, None] >> (fan.width - j))
        row = (same.astype(np.uint64) << cells.astype(np.uint64)).sum(axis=1, dtype=np.uint64)
        masks = np.concatenate([masks, masks ^ row])  # g_j clear, set
    return masks.reshape(-1).astype(fan.table[0])


def _by_halves(fan: Fan, onehot: NDArray[Any], table: NDArray[Any], opened: NDArray[Any]) -> tuple[Bits, Bits]:
    """The same one j after the other: the masks would not fit in the cache."""
    gates, width, (dtype, _) = onehot.shape[1], fan.width, fan.table
    e = (opened & opened.dtype.type((1 << width) - 1)).astype(np.int64)
    chosen = opened >> opened.dtype.type(width)
    row = table[e >> 6, np.arange(gates)] >> (e & 63).astype(dtype)
    result = row.astype(np.uint8) & np.uint8(1)
    product = np.zeros(gates, np.uint8)
    for j, part in enumerate(_parities(onehot, _places(width)[~e & ((1 << width) - 1)], width)):
        if j < fan.fan_in:
            result ^= part & (chosen >> opened.dtype.type(j)).astype(np.uint8)
        else:
            product = part
    return result, product


def _pack(bits: list[Bits], dtype: str) -> NDArray[Any]:
    """Row j becomes bit j."""
    packed = bits[0].astype(dtype)
    for j, row in enumerate(bits[1:], 1):
        packed |= row.astype(dtype) << packed.dtype.type(j)
    return packed


def _parities(onehot: NDArray[Any], place: NDArray[np.int64], width: int) -> Iterator[Bits]:
    """For j = 0 .. width: the parity over the entries whose first j bits are those of `place`."""
    words, left = len(onehot), width
    yield parity(np.bitwise_xor.reduce(onehot, axis=0))
    while words > 1:
        words //= 2
        left -= 1
        onehot = np.where((place >> left) & 1, onehot[words:], onehot[:words])
        yield parity(np.bitwise_xor.reduce(onehot, axis=0))
    cell = onehot[0]
    word = cell.dtype.type
    while left:
        left -= 1
        size = 1 << left
        cell = cell >> (((place >> left) & 1) * size).astype(word) & word((1 << size) - 1)
        yield parity(cell)

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
#: So many gates are packed all at once: the calls take longer than the work.
_FEW = 1 << 11
#: Words of a temporary array that a core's own cache holds.
CACHED = 1 << 14
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

    @property
    def listed(self) -> bool:
        """Whether what belongs to each opened word is looked up: half a megabyte at most, which caches hold."""
        return self.width + self.fan_in <= 15


def deal(d: Dealer, fan: Fan, gates: int) -> None:
    dtype, words = fan.table
    mask = d.random_xor((gates,), fan.opened).astype(np.intp) & ((1 << (fan.width + fan.fan_in)) - 1)
    a = mask & ((1 << fan.width) - 1)
    d.share_xor(np.take(_onehot(fan), a, axis=1))
    if fan.listed:
        d.share_xor(np.take(_tables(fan), mask, axis=1))
        return
    table = np.zeros((words, gates), dtype)
    for j, terms in enumerate(_terms(fan)):
        table ^= np.take(terms, a, axis=1) * ((mask >> (fan.width + j)) & 1).astype(dtype)
    d.share_xor(table)


def deal_product(d: Dealer, fan: Fan, gates: int) -> None:
    a = d.random_xor((gates,), narrowest(fan.width)).astype(np.intp) & ((1 << fan.width) - 1)
    d.share_xor(np.take(_onehot(fan), a, axis=1))


@cache
def _places(width: int) -> NDArray[np.int64]:
    """Where the one-hot bit of a lies: a with its bits reversed, so that fixing the first bits of a leaves a range."""
    a = np.arange(1 << width)
    place = np.zeros_like(a)
    for i in range(width):
        place |= ((a >> i) & 1) << (width - 1 - i)
    return place


@cache
def _onehot(fan: Fan) -> NDArray[Any]:
    """The one-hot form of each a: (words, 2^width)."""
    return _bitsets(fan, np.eye(1 << fan.width, dtype=np.uint8)[_places(fan.width)])


@cache
def _terms(fan: Fan) -> list[NDArray[Any]]:
    """For each j, and each a: the bits E for which Π_{i<j} (E_i ⊕ a_i) is one, (words, 2^width)."""
    values = np.arange(1 << fan.width)
    product = np.ones((values.size, values.size), np.uint8)
    found = []
    for j in range(fan.fan_in):
        found.append(_bitsets(fan, product))
        product = product & ((values[None] ^ values[:, None]) >> j).astype(np.uint8) & np.uint8(1)
    return found


@cache
def _tables(fan: Fan) -> NDArray[Any]:
    """W for each mask: (words, masks)."""
    dtype, words = fan.table
    found = np.zeros((words, 1, 1 << fan.width), dtype)
    for terms in _terms(fan):
        found = np.concatenate([found, found ^ terms[:, None]], axis=1)  # b_j clear, set
    return found.reshape(words, -1)


def _bitsets(fan: Fan, bits: Bits) -> NDArray[Any]:
    """Rows of 2^width bits as words: (words, rows)."""
    dtype, words = fan.table
    packed = np.ascontiguousarray(np.packbits(bits, axis=1, bitorder="little"))
    packed = packed.view(np.dtype(dtype).newbyteorder("<"))
    return np.ascontiguousarray(packed[:, :words].T.astype(dtype))


def online(p: Party, fan: Fan, equal: Bits, less: Bits) -> Rounds[tuple[Bits, Bits]]:
    """XOR shares (gates,) of the sum, and of the product of `equal` (nothing in the last level).

    `equal` is (width, gates) shares, `less` (fan_in, gates).
    """
    gates, width, (dtype, words) = less.shape[1], fan.width, fan.table
    mask = p.random((gates,), fan.opened)
    onehot, table = p.share((words, gates), dtype), p.share((words, gates), dtype)
    used = np.dtype(fan.opened).type((1 << (width + fan.fan_in)) - 1)
    opened = yield from p.open_xor(_pack([*equal, *less], fan.opened) ^ (mask & used))
    return _by_masks(fan, onehot, table, opened) if fan.listed else _by_halves(fan, onehot, table, opened)


def product(p: Party, fan: Fan, equal: Bits) -> Rounds[Bits]:
    """XOR shares (gates,) of the product of `equal` alone, (width, gates) shares: one round."""
    gates, (dtype, words), opened = equal.shape[1], fan.table, narrowest(fan.width)
    mask = p.random((gates,), opened) & np.dtype(opened).type((1 << fan.width) - 1)
    onehot = p.share((words, gates), dtype)
    e = (yield from p.open_xor(_pack([*equal], opened) ^ mask)).astype(np.intp)
    return _parity_of_all(onehot & np.take(_complement(fan), e, axis=1))


def preload(fan: Fan) -> None:
    """Make what is looked up online before a pass needs it."""
    if fan.listed:
        _masks(fan), _single(fan), _complement(fan)


def _by_masks(fan: Fan, onehot: NDArray[Any], table: NDArray[Any], opened: NDArray[Any]) -> tuple[Bits, Bits]:
    """The sum is one parity over the entries that what was opened picks, and so is the product."""
    result, product = np.empty(opened.size, np.uint8), np.zeros(opened.size, np.uint8)
    for part in blocks(opened.size):
        at = opened[part].astype(np.intp)  # numpy looks up by any other type several times slower
        e = at & ((1 << fan.width) - 1)
        picked = np.take(_masks(fan), at, axis=1)
        picked &= onehot[:, part]
        picked ^= table[:, part] & np.take(_single(fan), e, axis=1)
        result[part] = _parity_of_all(picked)
        if not fan.last:
            product[part] = _parity_of_all(onehot[:, part] & np.take(_complement(fan), e, axis=1))
    return result, product


def blocks(count: int, wide: int = 1) -> Iterator[slice]:
    """Elements, each of `wide` words of 64 bits, as many at a time as stay in a core's own cache."""
    some = max(1, CACHED // wide)
    return (slice(first, first + some) for first in range(0, count, some))


def _parity_of_all(words: NDArray[Any]) -> Bits:
    """Of all words of a column."""
    return parity(words[0] if len(words) == 1 else np.bitwise_xor.reduce(words, axis=0))


@cache
def _single(fan: Fan) -> NDArray[Any]:
    """The bit of a table that belongs to each e: (words, 2^width)."""
    return _bitsets(fan, np.eye(1 << fan.width, dtype=np.uint8))


@cache
def _complement(fan: Fan) -> NDArray[Any]:
    """The one-hot bit of a where a is the complement of e, for each e."""
    return np.ascontiguousarray(_onehot(fan)[:, ::-1])


@cache
def _masks(fan: Fan) -> NDArray[Any]:
    """For each opened word: the XOR, over the bits g_j that are set, of the entries of a whose first j bits are the
    complement of e's; (words, opened words)."""
    dtype, words = fan.table
    values, place = np.arange(1 << fan.width), _places(fan.width)
    masks = np.zeros((words, 1, values.size), dtype)
    for j in range(fan.fan_in):
        same = ((values[None] ^ values[:, None]) & ((1 << j) - 1)) == (1 << j) - 1  # (e, a)
        entries = _bitsets(fan, same[:, np.argsort(place)].astype(np.uint8))
        masks = np.concatenate([masks, masks ^ entries[:, None]], axis=1)
    return masks.reshape(words, -1)


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
    if bits[0].size <= _FEW:
        shifts = np.arange(len(bits), dtype=dtype)[:, None]
        together: NDArray[Any] = np.bitwise_or.reduce(np.array(bits, dtype) << shifts, axis=0)
        return together
    packed = np.empty(bits[0].size, dtype)
    for part in blocks(packed.size):
        word = _byte(bits[:8], part).astype(dtype)
        for first in range(8, len(bits), 8):
            word |= _byte(bits[first : first + 8], part).astype(dtype) << word.dtype.type(first)
        packed[part] = word
    return packed


def _byte(bits: list[Bits], part: slice) -> Bits:
    """Up to eight rows, joined by doubling: of all that would do it, numpy adds bytes the fastest."""
    joined = bits[-1][part].copy()
    for row in reversed(bits[:-1]):
        joined += joined
        joined |= row[part]
    return joined


def _parities(onehot: NDArray[Any], place: NDArray[np.int64], width: int) -> Iterator[Bits]:
    """For j = 0 .. width: the parity over the entries whose first j bits are those of `place`."""
    words, left = len(onehot), width
    yield _parity_of_all(onehot)
    while words > 1:
        words //= 2
        left -= 1
        onehot = np.where((place >> left) & 1, onehot[words:], onehot[:words])
        yield _parity_of_all(onehot)
    cell = onehot[0]
    word = cell.dtype.type
    while left:
        left -= 1
        size = 1 << left
        cell = cell >> (((place >> left) & 1) * size).astype(word) & word((1 << size) - 1)
        yield parity(cell)

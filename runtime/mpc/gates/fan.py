"""XOR over j of less_j · Π_{i<j} equal_i, for XOR-shared bits and fan-in m: one round, with dealer tables.

e_i = equal_i ⊕ a_i and g_j = less_j ⊕ b_j are opened. The dealer ships the one-hot form of a (2^(m-1) bits):
whether the first j bits of a are the complement of e's is then a parity over a part of it, which halves as j grows.
And it ships W[E] = ⊕_j b_j Π_{i<j} (E_i ⊕ a_i) for every E.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.turn import Rounds

Bits = NDArray[np.uint8]
_BLOCK = 1 << 15


def parity(x: NDArray[Any]) -> Bits:
    returned: Bits = np.bitwise_count(x) & np.uint8(1)
    return returned


@cache
def _places(m: int) -> NDArray[np.int64]:
    """Where the one-hot bit of a lies: a with its bits reversed, so that fixing the first bits of a leaves a range."""
    a = np.arange(1 << (m - 1))
    place = np.zeros_like(a)
    for i in range(m - 1):
        place |= ((a >> i) & 1) << (m - 2 - i)
    return place


def _words(bits: Bits) -> NDArray[np.uint64]:
    """Rows of bits as rows of little-endian words."""
    return np.packbits(bits, axis=1, bitorder="little").view("<u8")


def deal(d: Dealer, gates: int, m: int) -> None:
    """Material of `gates` gates of fan-in m (7 <= m <= 16)."""
    size = 1 << (m - 1)
    a = d.random_xor((gates,), "uint16") & np.uint16(size - 1)
    b = d.random_xor((gates,), "uint16")
    onehot = np.zeros((size // 64, gates), np.uint64)
    place = _places(m)[a]
    onehot[place >> 6, np.arange(gates)] = np.uint64(1) << (place & 63).astype(np.uint64)
    d.share_xor(onehot)
    table = np.empty((size // 64, gates), np.uint64)
    for start in range(0, gates, _BLOCK):  # bounds the memory: a byte a bit
        part = slice(start, start + _BLOCK)
        table[:, part] = _sums(a[part], b[part], m).T
    d.share_xor(table)


def _sums(a: NDArray[np.uint16], b: NDArray[np.uint16], m: int) -> NDArray[np.uint64]:
    """W[E] for every E, as packed rows."""
    opened = np.arange(1 << (m - 1), dtype=np.uint16)
    product = np.ones((a.size, opened.size), np.uint8)
    total = np.zeros((a.size, opened.size), np.uint8)
    differ = opened[None] ^ a[:, None]
    for j in range(m):
        total ^= product & ((b >> np.uint16(j)) & np.uint16(1)).astype(np.uint8)[:, None]
        if j < m - 1:
            product &= (differ >> np.uint16(j)).astype(np.uint8) & np.uint8(1)
    return _words(total)


def online(p: Party, equal: Bits, less: Bits) -> Rounds[Bits]:
    """XOR shares (gates,) of the result; `equal` is (m − 1, gates) shares, `less` (m, gates)."""
    m, gates = less.shape
    size = 1 << (m - 1)
    a, b = p.random((gates,), "uint16") & np.uint16(size - 1), p.random((gates,), "uint16")
    onehot, table = p.share((size // 64, gates)), p.share((size // 64, gates))
    e, g = _pack(equal) ^ a, _pack(less) ^ b & np.uint16((1 << m) - 1)
    opened = yield from p.open_xor(np.stack([e, g]))
    index, chosen = opened[0].astype(np.int64), opened[1].astype(np.uint8 if m <= 8 else np.uint16)
    row = table[index >> 6, np.arange(gates)] >> (index & 63).astype(np.uint64)
    result = (row & np.uint64(1)).astype(np.uint8)
    for j, part in enumerate(_parities(onehot, _places(m)[~index & (size - 1)], m)):
        result ^= part & (chosen >> j).astype(np.uint8)
    returned: Bits = result
    return returned


def _pack(bits: Bits) -> NDArray[np.uint16]:
    """Row j becomes bit j."""
    places = np.arange(len(bits), dtype=np.uint16)[:, None]
    packed: NDArray[np.uint16] = np.bitwise_or.reduce(bits.astype(np.uint16) << places, axis=0)
    return packed


def _parities(onehot: NDArray[np.uint64], place: NDArray[np.int64], m: int) -> Iterator[Bits]:
    """For j = 0 .. m − 1: the parity over the entries whose first j bits (of m − 1) are those of `place`."""
    words, left = len(onehot), m - 1
    yield parity(np.bitwise_xor.reduce(onehot, axis=0))
    while words > 1:
        words //= 2
        left -= 1
        onehot = np.where((place >> left) & 1, onehot[words:], onehot[:words])
        yield parity(np.bitwise_xor.reduce(onehot, axis=0))
    cell = onehot[0]
    while left:
        left -= 1
        width = 1 << left
        cell = cell >> (((place >> left) & 1) * width).astype(np.uint64) & np.uint64((1 << width) - 1)
        yield parity(cell)

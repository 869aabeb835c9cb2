"""XOR over j of less_j · Π_{i<j} equal_i, for XOR-shared bits and fan-in m: one round, with dealer tables.

e_i = equal_i ⊕ a_i and g_j = less_j ⊕ b_j are opened. The dealer ships the one-hot form of a (2^(m-1) bits), with which a sum
over products of opened bits is a masked parity, and W[E] = ⊕_j b_j Π_{i<j} (E_i ⊕ a_i) for every E.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import Party

Bits = NDArray[np.uint8]
_BLOCK = 1 << 15


def parity(x: NDArray[Any]) -> Bits:
    return np.bitwise_count(x) & np.uint8(1)


@cache
def _agree(m: int) -> tuple[NDArray[np.uint64], ...]:
    """Row v of entry j: which a (bit a of a 2^(m-1)-bit row) have low j bits equal to ~v."""
    a = np.arange(1 << (m - 1))
    tables = []
    for j in range(m):
        v = np.arange(1 << j)
        hit = (a[None] & ((1 << j) - 1)) == (~v[:, None] & ((1 << j) - 1))
        tables.append(_words(hit.astype(np.uint8)))
    return tuple(tables)


def _words(bits: Bits) -> NDArray[np.uint64]:
    """Rows of bits as rows of little-endian words."""
    return np.packbits(bits, axis=1, bitorder="little").view("<u8")


def deal(d: Dealer, gates: int, m: int) -> None:
    """Material of `gates` gates of fan-in m (7 <= m <= 16)."""
    size = 1 << (m - 1)
    a = d.random_xor((gates,), "uint16") & np.uint16(size - 1)
    b = d.random_xor((gates,), "uint16")
    onehot = np.zeros((gates, size // 64), np.uint64)
    onehot[np.arange(gates), a >> 6] = np.uint64(1) << (a & np.uint16(63)).astype(np.uint64)
    d.share_xor(onehot)
    table = np.empty((gates, size // 64), np.uint64)
    for start in range(0, gates, _BLOCK):  # bounds the memory: a byte a bit
        part = slice(start, start + _BLOCK)
        table[part] = _sums(a[part], b[part], m)
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


def online(p: Party, equal: Sequence[Bits], less: Sequence[Bits]) -> Bits:
    """XOR shares of the result; `equal` has m − 1 arrays of shares, `less` m, all of shape (gates,)."""
    m, gates = len(less), less[0].size
    size, one = 1 << (m - 1), np.uint64(1)
    a, b = p.random((gates,), "uint16") & np.uint16(size - 1), p.random((gates,), "uint16")
    onehot, table = p.share((gates, size // 64)), p.share((gates, size // 64))
    e, g = np.zeros(gates, np.uint16), np.zeros(gates, np.uint16)
    for j, bit in enumerate(equal):
        e |= bit.astype(np.uint16) << np.uint16(j)
    for j, bit in enumerate(less):
        g |= bit.astype(np.uint16) << np.uint16(j)
    g ^= b & np.uint16((1 << m) - 1)
    opened = p.open_xor(np.stack([e ^ a, g]))
    index, chosen = opened[0].astype(np.int64), opened[1].astype(np.uint64)
    mask = np.zeros_like(onehot)
    for j, agree in enumerate(_agree(m)):
        keep = np.uint64(0) - ((chosen >> np.uint64(j)) & one)
        mask ^= agree[index & ((1 << j) - 1)] & keep[:, None]
    word = table[np.arange(gates), index >> 6] >> (index & 63).astype(np.uint64)
    return parity(np.bitwise_xor.reduce(onehot & mask, axis=1)) ^ (word & one).astype(np.uint8)

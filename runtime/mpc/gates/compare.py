"""Comparison of a shared value with public thresholds, by one-hot digits of the mask: three rounds.

Open c = x + r. The dealer cuts the low 63 bits of r into nine digits of 7 bits and XOR-shares each digit's one-hot form,
so that [c_j = r_j] is a bit of a table row and [c_j < r_j] the parity of the bits above it: both local. One round combines
the nine digits (`fan`), and gives [c < r] mod 2^63, hence the sign of x. A threshold t needs no second opening: x − t has
the same mask under c − t, and reads the same tables elsewhere. The ring is compared in full, so no range can be left.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates import fan
from ppc.runtime.mpc.ring import Ring, Shape, word

DIGIT_BITS, DIGITS = 7, 9
LOW = word((1 << 63) - 1)
Bits = NDArray[np.uint8]


def digit(x: Ring, j: int) -> Ring:
    """The j-th 7-bit digit of the low 63 bits, most significant first."""
    return (x >> word(DIGIT_BITS * (DIGITS - 1 - j))) & word((1 << DIGIT_BITS) - 1)


def deal_digits(d: Dealer, r: Ring) -> None:
    """One-hot digits of r (XOR-shared, two words each) and its top bit."""
    table = np.zeros((DIGITS, 2, *r.shape), np.uint64)
    for j in range(DIGITS):
        value = digit(r, j)
        bit = word(1) << (value & word(63))
        high = value >> word(6)
        table[j, 0], table[j, 1] = bit * (word(1) - high), bit * high
    d.share_xor(table)
    d.share_bits((r >> word(63)).astype(np.uint8))


def take_digits(p: Party, shape: Shape) -> tuple[Ring, Bits]:
    return p.share((DIGITS, 2, *shape)), p.share(shape, "bit")


def pick(table: Ring, c: Ring) -> tuple[list[Bits], list[Bits]]:
    """Shares of [c_j = r_j] and [c_j < r_j] for every digit, most significant first. `table` broadcasts against c."""
    equal: list[Bits] = []
    less: list[Bits] = []
    for j in range(DIGITS):
        value = digit(c, j)
        high = (value >> word(6)).astype(bool)
        low_word, high_word = table[j]
        row = np.where(high, high_word, low_word) >> (value & word(63))
        equal.append((row & word(1)).astype(np.uint8))
        less.append(fan.parity(row >> word(1)) ^ (fan.parity(high_word) & ~high))
    return equal, less


def deal_signs(d: Dealer, shape: Shape) -> None:
    fan.deal(d, int(np.prod(shape)), DIGITS)


def signs(p: Party, table: Ring, top: Bits, c: Ring) -> Bits:
    """XOR shares of [c − r < 0 as a signed word], given the digits of r: one round."""
    equal, less = pick(table, c & LOW)
    below = fan.online(p, [e.reshape(-1) for e in equal[:-1]], [g.reshape(-1) for g in less]).reshape(c.shape)
    sign: Bits = below ^ top
    return sign ^ (c >> word(63)).astype(np.uint8) if p.rank == CLIENT else sign


@dataclass(frozen=True, slots=True)
class Compare:
    """[x >= t] for each public t (ring integers), and where `products` the product [x >= t] · x: three rounds.

    x has any shape; the results are shares (len(thresholds), *shape). Bits are integers, products at x's scale.
    """

    shape: Shape
    thresholds: tuple[int, ...]
    products: bool = True

    @property
    def wide(self) -> Shape:
        return (len(self.thresholds), *self.shape)

    def deal(self, d: Dealer) -> tuple[Ring, Ring]:
        r = d.random(self.shape)
        deal_digits(d, r)
        deal_signs(d, self.wide)
        beta = d.random(self.wide, "bit").astype(np.uint64)
        d.share(beta)
        if self.products:
            d.share(beta * r)
        return make_zero(self.wide), make_zero(self.wide)

    def online(self, p: Party, *shares: Ring) -> tuple[Ring, Ring]:
        r = p.random(self.shape)
        table, top = take_digits(p, self.shape)
        (c,) = p.open(shares[0] + r)
        moved = np.stack([c - word(t) for t in self.thresholds])
        sign = signs(p, table[:, :, None], top, moved)
        if p.rank == CLIENT:
            sign = sign ^ np.uint8(1)  # at least, instead of below
        z = p.open_bits(sign ^ p.random(self.wide, "bit")).astype(np.uint64)
        flip = word(1) - word(2) * z
        beta = p.share(self.wide)
        bits = z * p.first + flip * beta
        if not self.products:
            return bits, make_zero(self.wide)
        # [x >= t] = z + (1 - 2z) beta, and x = c - r
        return bits, z * (c * p.first - r) + flip * (c * beta - p.share(self.wide))

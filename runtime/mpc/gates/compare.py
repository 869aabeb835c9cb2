"""Comparison of a shared value with public thresholds, by one-hot digits of the mask: three rounds.

Open c = x + r. The dealer cuts the low 63 bits of r into nine digits of 7 bits and XOR-shares each digit's one-hot
form, so that [c_j = r_j] is a bit of a table row and [c_j < r_j] the parity of the bits above it: both local. One
round combines the nine digits (`fan`), and gives [c < r] mod 2^63, hence the sign of x. A threshold t needs no
second opening: x − t has the same mask under c − t, and reads the same tables elsewhere. The ring is compared in
full, so no range can be left.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates import fan
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds

DIGIT_BITS, DIGITS = 7, 9
LOW = word((1 << 63) - 1)
Bits = NDArray[np.uint8]


def digits(x: Ring) -> Ring:
    """The 7-bit digits of the low 63 bits, most significant first: (9, *shape)."""
    shifts = np.arange(DIGITS - 1, -1, -1, dtype=np.uint64) * word(DIGIT_BITS)
    return (x[None] >> shifts.reshape(-1, *[1] * x.ndim)) & word((1 << DIGIT_BITS) - 1)


def deal_digits(d: Dealer, r: Ring) -> None:
    """One-hot digits of r (XOR-shared, two words each) and its top bit."""
    table = np.zeros((DIGITS, 2, *r.shape), np.uint64)
    value = digits(r)
    bit, high = word(1) << (value & word(63)), value >> word(6)
    table[:, 0], table[:, 1] = bit * (word(1) - high), bit * high
    d.share_xor(table)
    d.share_bits((r >> word(63)).astype(np.uint8))


def take_digits(p: Party, shape: Shape) -> tuple[Ring, Bits]:
    return p.share((DIGITS, 2, *shape)), p.share(shape, "bit")


def pick(table: Ring, c: Ring) -> tuple[Bits, Bits]:
    """Shares of [c_j = r_j] and [c_j < r_j] for every digit: (9, *c.shape) each. `table[:, 0]` broadcasts against c."""
    value = digits(c)
    high = value >= word(64)
    row = np.where(high, table[:, 1], table[:, 0]) >> (value & word(63))
    equal: Bits = row.astype(np.uint8) & np.uint8(1)
    less: Bits = fan.parity(row >> word(1)) ^ (fan.parity(table[:, 1]) & ~high)
    return equal, less


def deal_signs(d: Dealer, shape: Shape) -> None:
    fan.deal(d, int(np.prod(shape)), DIGITS)


def signs(p: Party, table: Ring, top: Bits, c: Ring) -> Rounds[Bits]:
    """XOR shares of [c − r < 0 as a signed word], given the digits of r: one round."""
    equal, less = pick(table, c & LOW)
    below = yield from fan.online(p, equal[:-1].reshape(DIGITS - 1, -1), less.reshape(DIGITS, -1))
    sign: Bits = below.reshape(c.shape) ^ top
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

    def online(self, p: Party, *shares: Ring) -> Rounds[tuple[Ring, Ring]]:
        r = p.random(self.shape)
        table, top = take_digits(p, self.shape)
        (c,) = yield from p.open(shares[0] + r)
        moved = np.stack([c - word(t) for t in self.thresholds])
        sign = yield from signs(p, table[:, :, None], top, moved)
        if p.rank == CLIENT:
            sign = sign ^ np.uint8(1)  # at least, instead of below
        opened = yield from p.open_bits(sign ^ p.random(self.wide, "bit"))
        z = opened.astype(np.uint64)
        flip = word(1) - word(2) * z
        beta = p.share(self.wide)
        bits = z * p.first + flip * beta
        if not self.products:
            return bits, make_zero(self.wide)
        # [x >= t] = z + (1 - 2z) beta, and x = c - r
        return bits, z * (c * p.first - r) + flip * (c * beta - p.share(self.wide))

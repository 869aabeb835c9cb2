"""Comparison of a shared value with public thresholds, and its truncation in the same opening.

c = x + r is opened (8 bytes an element); signs of c − t − r follow (`gates.sign`), and one more round opens each
result under a random bit, which gives bits and their products with x as additive shares. Where x is truncated, what
is compared is the truncated value itself: exactly what comes out.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates.sign import Digits, deal_digits, deal_signs, digits_for, signs, take_digits
from ppc.runtime.mpc.gates.truncate import Truncation
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds


class Compared(NamedTuple):
    """Shares: bits (integers) and products (thresholds, *shape), and x itself, truncated."""

    bits: Ring
    products: Ring
    value: Ring


@dataclass(frozen=True, slots=True)
class Compare:
    """[x >= t] for each public t (units of the truncated value), and where `products` the product [x >= t] · x.

    `shift`: x is divided by 2^shift on the way, and then |x| < 2^62; else the ring is compared in full, or |x| and |t|
    are below 2^(width − 2), and fewer bits are opened and compared. Three rounds, or four with `small` tables.
    """

    shape: Shape
    thresholds: tuple[int, ...]
    products: bool = True
    shift: int = 0
    small: bool = False
    width: int = 64

    @property
    def wide(self) -> Shape:
        return (len(self.thresholds), *self.shape)

    @property
    def how(self) -> Digits:
        return digits_for(compared_bits(self.shift, self.width), self.small)

    def deal(self, d: Dealer) -> Compared:
        mask = Truncation(self.shift, self.width)
        r = d.random(self.shape) & mask.mask
        deal_digits(d, self.how, r >> word(self.shift))
        deal_signs(d, self.how, self.wide)
        mask.deal(d, r)
        beta = d.random(self.wide, "bit").astype(np.uint64)
        d.share(beta)
        if self.products:
            mask.deal(d, r, beta)
        return Compared(make_zero(self.wide), make_zero(self.wide), make_zero(self.shape))

    def online(self, p: Party, *shares: Ring) -> Rounds[Compared]:
        mask = Truncation(self.shift, self.width)
        r = p.random(self.shape)
        table, top = take_digits(p, self.how, self.shape)
        c = yield from mask.open(p, shares[0], r)
        limits = np.array([word(t) for t in self.thresholds])
        moved = np.asarray(c.public)[None] - limits.reshape(-1, *[1] * len(self.shape))
        sign = yield from signs(p, self.how, table[:, :, None], top, moved)
        undo = mask.take(p, r)
        if p.rank == CLIENT:
            sign = sign ^ np.uint8(1)  # at least, instead of below
        opened = yield from p.open_bits(sign ^ p.random(self.wide, "bit"))
        z = opened.astype(np.uint64)
        flip = word(1) - word(2) * z
        beta = p.share(self.wide)
        bits, value = z * p.first + flip * beta, c.less(undo, p.first)
        if not self.products:
            return Compared(bits, make_zero(self.wide), value)
        # [x >= t] = z + (1 - 2z) beta
        return Compared(bits, z * value + flip * c.less(mask.take(p, None, self.wide), beta), value)


def compared_bits(shift: int, width: int = 64) -> int:
    """Bits of a number that is compared: a truncated one is below 2^(62 - shift), one that is opened in fewer bits
    differs from a threshold by less than 2^(width - 1)."""
    return 63 - shift if shift else width

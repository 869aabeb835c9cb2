"""Comparison of a shared value with public thresholds, and its truncation in the same opening.

c = x + r is opened (8 bytes an element); signs of c − t − r follow (`gates.sign`), and one more round opens each
result under a random bit, which gives bits and their products with x as additive shares. Where x is truncated, what
is compared is the truncated value itself: exactly what comes out.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.comparison import Comparison, at_least, comparison
from ppc.runtime.mpc.gates.truncate import Truncation
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import Tables


class Compared(NamedTuple):
    """Shares: bits (integers) and products (thresholds, *shape), and x itself, truncated."""

    bits: Ring
    products: Ring
    value: Ring


@dataclass(frozen=True, slots=True)
class Compare:
    """[x >= t] for each public t (units of the truncated value), and where `products` the product [x >= t] · x.

    `shift`: x is divided by 2^shift on the way, and then |x| < 2^62; else the ring is compared in full, or |x| and |t|
    are below 2^(width − 2), and fewer bits are opened and compared. Three rounds, or four with `small`
    tables; in one, by keys: `gates.compare_at_once`.
    """

    shape: Shape
    thresholds: tuple[int, ...]
    products: bool = True
    shift: int = 0
    tables: Tables = Tables.LARGE
    width: int = 64

    @property
    def wide(self) -> Shape:
        return (len(self.thresholds), *self.shape)

    @property
    def how(self) -> Comparison:
        return comparison(compared_bits(self.shift, self.width), self.tables)

    def deal(self, d: Dealer) -> Compared:
        mask = Truncation(self.shift, self.width)
        r = d.random(self.shape) & mask.mask
        self.how.deal(d, r >> word(self.shift))
        self.how.deal_signs(d, self.wide)
        beta = d.random(self.wide, "bit").astype(np.uint64)
        d.share(beta)
        mask.deal(d, r)
        if self.products:
            mask.deal(d, r, beta)
        return Compared(make_zero(self.wide), make_zero(self.wide), make_zero(self.shape))

    def online(self, p: Party, *shares: Ring) -> Rounds[Compared]:
        mask = Truncation(self.shift, self.width)
        r = p.random(self.shape)
        taken = self.how.take(p, self.shape)
        c = yield from mask.open(p, shares[0], r)
        z = yield from at_least(p, self.how, taken, c.public, self.thresholds)
        flip = word(1) - word(2) * z
        beta = p.share(self.wide)
        bits, value = z * p.first + flip * beta, c.less(mask.take(p, r), p.first)
        if not self.products:
            return Compared(bits, make_zero(self.wide), value)
        # [x >= t] = z + (1 - 2z) beta
        return Compared(bits, z * value + flip * c.less(mask.take(p, None, self.wide), beta), value)


def compared_bits(shift: int, width: int = 64) -> int:
    """Bits of a number that is compared: a truncated one is below 2^(62 - shift), one that is opened in fewer bits
    differs from a threshold by less than 2^(width - 1)."""
    return 63 - shift if shift else width

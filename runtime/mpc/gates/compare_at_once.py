"""Comparison with public thresholds, products and truncation in one round: what `gates.compare` gives in three.

With the top bits set apart, [x >= t] is a bit u that everybody sees, flipped by a bit b that c − t and the mask decide:
b is the mask's top bit, flipped by [low bits of c − t < low bits of r]. Keys (`gates.dcf`) give b times 1 and times all
that undoes the mask, as additive shares, so nothing is left to be opened.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates import dcf
from ppc.runtime.mpc.gates.compare import Compared, compared_bits
from ppc.runtime.mpc.gates.comparison import low, top
from ppc.runtime.mpc.gates.truncate import Truncation, Undo
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds


@dataclass(frozen=True, slots=True)
class CompareAtOnce:
    """As `Compare`."""

    shape: Shape
    thresholds: tuple[int, ...]
    products: bool = True
    shift: int = 0
    width: int = 64

    @property
    def _bits(self) -> int:
        return compared_bits(self.shift, self.width)

    @property
    def _mask(self) -> Truncation:
        return Truncation(self.shift, self.width)

    @property
    def _factors(self) -> int:
        """What b is multiplied by: 1, the mask and its wrap."""
        return (3 if self._mask.wraps else 2) if self.products else 1

    def deal(self, d: Dealer) -> Compared:
        mask, bits = self._mask, self._bits
        r = d.random(self.shape) & mask.mask
        mask.deal(d, r)
        high = r >> word(self.shift)
        flat, flipped = high.reshape(-1), top(high, bits).reshape(-1)
        factors = np.stack([np.ones_like(flat), flat, (r >> word(self.width - 1)).reshape(-1)][: self._factors])
        d.share(flipped * factors)
        dcf.deal(d, bits - 1, low(flat, bits), (word(1) - word(2) * flipped) * factors)
        wide = (len(self.thresholds), *self.shape)
        return Compared(make_zero(wide), make_zero(wide), make_zero(self.shape))

    def online(self, p: Party, *shares: Ring) -> Rounds[Compared]:
        mask, bits, n = self._mask, self._bits, prod(self.shape)
        r = p.random(self.shape)
        undo = mask.take(p, r)
        flipped = p.share((self._factors, n))
        keys = dcf.take(p, bits - 1, n, self._factors)
        c = yield from mask.open(p, shares[0], r)
        moved = np.stack([c.public - word(t) for t in self.thresholds])
        b = flipped[:, None] + dcf.evaluate(p, keys, moved.reshape(-1, n))
        bit, *of_mask = b.reshape(-1, *moved.shape)
        u = word(1) - top(moved, bits)
        flip = word(1) - word(2) * u
        found, value = u * p.first + flip * bit, c.less(undo, p.first)
        if not self.products:
            return Compared(found, make_zero(moved.shape), value)
        times = Undo(of_mask[0], of_mask[1] if mask.wraps else None)
        return Compared(found, u * value + flip * c.less(times, bit), value)

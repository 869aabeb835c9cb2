"""Dealer-assisted truncation: floor(x / 2^bits) or one more, never a gross error (Escudero et al., CRYPTO 2020).

C = x + 2^62 + r is opened; |x| < 2^62, so C wraps exactly where r has its top bit and C has not. What undoes the mask,
r >> bits and that top bit, is shared by the dealer; so is its product with a random bit where a gate needs it.
Local truncation of each share, which this replaces, is grossly wrong with probability |x| / 2^63 an element.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds


class Undo(NamedTuple):
    """Shares of what undoes a mask r: r >> bits, and its top bit where it was truncated."""

    high: Ring
    wrap: Ring | None


class Opened(NamedTuple):
    """A public masked value, divided by 2^bits; `wrapped` is 2^(width − bits) where the mask's top bit is to come
    back."""

    public: Ring
    wrapped: Ring | None

    def less(self, undo: Undo, times: Ring | np.uint64) -> Ring:
        """A share of times · x: `undo` undoes the mask and has the factor `times` in it already."""
        y = self.public * times
        y -= undo.high
        if self.wrapped is not None and undo.wrap is not None:
            y += self.wrapped * undo.wrap
        return y


#: Bits in which a value of a plan is opened where it has FRACTION_BITS: |x| < 2^30 before the point, and two for masks.
NARROW = 48


@dataclass(frozen=True, slots=True)
class Truncation:
    """How masks are dealt and undone where x is divided by 2^bits in an opening; bits = 0: it is not.

    `width`: what is opened is x + r mod 2^width, in as many bits on the wire (64, or NARROW where |x| < 2^46). Back in
    the ring the mask's top bit has to be undone, whether x is divided or not.
    """

    bits: int
    width: int = 64

    @property
    def wraps(self) -> bool:
        """Whether the opening may wrap where x does not."""
        return self.bits > 0 or self.width < 64

    @property
    def wrap(self) -> str:
        """The narrowest word for a wrap bit: it is shifted up by width − bits, so only the bits left above count."""
        left = 64 - self.width + self.bits
        return "uint16" if left <= 16 else "uint32" if left <= 32 else "uint64"

    @property
    def mask(self) -> np.uint64:
        """The bits of a mask that are opened."""
        return word((1 << self.width) - 1)

    def deal(self, d: Dealer, r: Ring, times: Ring | None = None) -> None:
        """Shares that undo the mask r (below 2^width), times a secret bit where a product needs them. Where nothing
        wraps and there is no factor nothing travels: the parties hold shares of r."""
        factor = np.uint64(1) if times is None else times
        if self.wraps or times is not None:
            d.share((r >> word(self.bits)) * factor)
        if self.wraps:
            d.share(((r >> word(self.width - 1)) * factor).astype(self.wrap))

    def deal_at(self, d: Dealer, r: Ring, shape: Shape, place: NDArray[np.intp]) -> None:
        """The same times a factor of that shape: one at the flat places of r's elements, zero elsewhere."""
        d.share_at(shape, place, r >> word(self.bits))
        if self.wraps:
            d.share_at(shape, place, (r >> word(self.width - 1)).astype(self.wrap))

    def take(self, p: Party, r: Ring | None, shape: Shape | None = None) -> Undo:
        """What `deal` gave: without a factor for this party's share of r, else of the product's shape."""
        if r is not None and not self.wraps:
            return Undo(r, None)
        shape = r.shape if r is not None else shape
        assert shape is not None
        high = p.share(shape)
        return Undo(high, p.share(shape, self.wrap).astype(np.uint64, copy=False) if self.wraps else None)

    def take_at(self, p: Party, shape: Shape, place: NDArray[np.intp]) -> Undo:
        """The same of a product's shape, but of the elements at flat places alone."""
        high = np.take(p.share(shape), place)
        return Undo(high, np.take(p.share(shape, self.wrap), place).astype(np.uint64) if self.wraps else None)

    def masked(self, p: Party, x: Ring, r: Ring) -> Ring:
        masked = x + r
        if self.wraps:
            masked += p.first * word(1 << (self.width - 2))
        return masked

    def of(self, c: Ring) -> Opened:
        """From the opened sum."""
        if not self.wraps:
            return Opened(c, None)
        wrapped = c >> word(self.width - 1)
        wrapped ^= word(1)
        wrapped <<= word(self.width - self.bits)
        shifted = c >> word(self.bits)
        shifted -= word(1 << (self.width - 2 - self.bits))
        return Opened(shifted, wrapped)

    def open(self, p: Party, x: Ring, r: Ring) -> Rounds[Opened]:
        """x + r to both parties: one round, width / 8 bytes an element each way."""
        masked = self.masked(p, x, r)
        if self.width == 64:
            (c,) = yield from p.open(masked)
        else:
            low, high = yield from p.swap(masked.astype(np.uint32), (masked >> word(32)).astype(np.uint16))
            c = (masked + (low.astype(np.uint64) | (high.astype(np.uint64) << word(32)))) & self.mask
        return self.of(c)


@dataclass(frozen=True, slots=True)
class Truncate:
    """Divide a shared value by 2^bits: one round, 8 bytes an element each way."""

    shape: Shape
    bits: int

    def deal(self, d: Dealer) -> Ring:
        Truncation(self.bits).deal(d, d.random(self.shape))
        return make_zero(self.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        mask = Truncation(self.bits)
        r = p.random(self.shape)
        undo = mask.take(p, r)
        c = yield from mask.open(p, shares[0], r)
        return c.less(undo, p.first)

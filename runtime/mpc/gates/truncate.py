"""Dealer-assisted truncation: floor(x / 2^bits) or one more, never a gross error (Escudero et al., CRYPTO 2020).

C = x + 2^62 + r is opened; |x| < 2^62, so C wraps exactly where r has its top bit and C has not.
Local truncation of each share, which this replaces, is grossly wrong with probability |x| / 2^63 an element.
"""

from dataclasses import dataclass

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds


def deal_truncation(d: Dealer, r: Ring, bits: int) -> None:
    """Shares of what undoes the mask r after a shift by `bits`."""
    d.share(r >> word(bits))
    d.share((r >> word(63)).astype(wrap_type(bits)))


def wrap_type(bits: int) -> str:
    """The narrowest word for a shared wrap bit: it is shifted up by 64 − bits, so only its low `bits` bits count."""
    return "uint16" if bits <= 16 else "uint32" if bits <= 32 else "uint64"


@dataclass(frozen=True, slots=True)
class Truncate:
    """Divide a shared value by 2^bits: one round, 8 bytes an element each way."""

    shape: Shape
    bits: int

    def deal(self, d: Dealer) -> Ring:
        deal_truncation(d, d.random(self.shape), self.bits)
        return make_zero(self.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        r = p.random(self.shape)
        high, wrap = p.share(self.shape), p.share(self.shape, wrap_type(self.bits)).astype("uint64")
        (c,) = yield from p.open(shares[0] + r + p.first * word(1 << 62))
        w = word(1) - (c >> word(63))
        returned: Ring = (
            ((c >> word(self.bits)) - word(1 << (62 - self.bits))) * p.first
            - high
            + ((w * wrap) << word(64 - self.bits))
        )
        return returned

"""How the sign of a value that was opened under a mask is found: by digits of the mask and tables (`gates.sign`), in
one round or two; or by keys (`gates.dcf`), with no message at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates import dcf
from ppc.runtime.mpc.gates.fan import Bits
from ppc.runtime.mpc.gates.sign import Digits, deal_digits, deal_signs, digits_for, signs, take_digits
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import Tables


class Comparison(Protocol):
    """One kind. A mask's material serves any number of thresholds: x − t has the same mask as x."""

    def deal(self, d: Dealer, r: Ring) -> None:
        """What belongs to masks r, of any shape."""
        ...

    def deal_signs(self, d: Dealer, shape: Shape) -> None:
        """What belongs to so many signs."""
        ...

    def take(self, p: Party, shape: Shape) -> Any:
        """What `deal` made, for `signs`."""
        ...

    def signs(self, p: Party, taken: Any, c: Ring) -> Rounds[Bits]:
        """XOR shares of [c − r < 0 as a signed number], c of the masks' shape, or with an axis of thresholds before."""
        ...


def comparison(bits: int, tables: Tables) -> Comparison:
    """Of numbers mod 2^bits."""
    return ByKeys(bits) if tables is Tables.DCF else ByDigits(digits_for(bits, tables is Tables.SMALL))


def at_least(p: Party, how: Comparison, taken: Any, c: Ring, limits: Sequence[int]) -> Rounds[Ring]:
    """[x >= t] for each t, under the random bits that the dealer drew after the material of signs; opened."""
    moved = np.stack([c - word(t) for t in limits])
    sign = yield from how.signs(p, taken, moved)
    if p.rank == CLIENT:
        sign = sign ^ np.uint8(1)  # at least, instead of below
    opened = yield from p.open_bits(sign ^ p.random(moved.shape, "bit"))
    return opened.astype(np.uint64)


@dataclass(frozen=True, slots=True)
class ByDigits:
    """Tables of the digits of the mask, and a round a level to combine them."""

    digits: Digits

    def deal(self, d: Dealer, r: Ring) -> None:
        deal_digits(d, self.digits, r)

    def deal_signs(self, d: Dealer, shape: Shape) -> None:
        deal_signs(d, self.digits, shape)

    def take(self, p: Party, shape: Shape) -> tuple[Ring, Bits]:
        return take_digits(p, self.digits, shape)

    def signs(self, p: Party, taken: tuple[Ring, Bits], c: Ring) -> Rounds[Bits]:
        table, top = taken
        if c.ndim > top.ndim:
            table = table[:, :, None]
        return signs(p, self.digits, table, top, c)


@dataclass(frozen=True, slots=True)
class ByKeys:
    """With all but the top bits of c and r, [c < r] is a distributed comparison; the top bits are added to it."""

    bits: int

    def deal(self, d: Dealer, r: Ring) -> None:
        dcf.deal(d, self.bits - 1, low(r, self.bits).reshape(-1), np.ones((1, r.size), np.uint64))
        d.share_bits(top(r, self.bits).astype(np.uint8))

    def deal_signs(self, d: Dealer, shape: Shape) -> None:
        """Keys serve any number of signs."""

    def take(self, p: Party, shape: Shape) -> tuple[dcf.Keys, Bits]:
        return dcf.take(p, self.bits - 1, prod(shape), 1), p.share(shape, "bit")

    def signs(self, p: Party, taken: tuple[dcf.Keys, Bits], c: Ring) -> Rounds[Bits]:
        yield from ()
        keys, of_mask = taken
        (below,) = dcf.evaluate(p, keys, c.reshape(-1, of_mask.size))
        sign: Bits = (below.reshape(c.shape).astype(np.uint8) & np.uint8(1)) ^ of_mask
        return sign ^ top(c, self.bits).astype(np.uint8) if p.rank == CLIENT else sign


def top(x: Ring, bits: int) -> Ring:
    """The top bit of numbers mod 2^bits."""
    returned: Ring = (x >> word(bits - 1)) & word(1)
    return returned


def low(x: Ring, bits: int) -> Ring:
    """All bits but that one."""
    returned: Ring = x & word((1 << (bits - 1)) - 1)
    return returned

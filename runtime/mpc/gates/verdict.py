"""Whether a shared count is zero, told to one party: one bit, and nothing else.

The dealer gives shares of a random r and of a random v below 2^32. The parties open the count under a mask, get shares
of y = count · r + v, and one of them sends its share to the other. Where the count is zero, y = v is below 2^32. Else
count · r is uniform over the multiples of a power of two, at most 2^32, and v fills what lies between: y is uniform,
whatever the count, and below 2^32 with a chance of 2^-32. So rarely is a count of 1 .. 2^32 missed.
"""

from dataclasses import dataclass

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds

_FREE = word(32)  # bits of v


@dataclass(frozen=True, slots=True)
class Verdict:
    """True at party `to` where the count (a share of shape (1,)) is not zero; False at the other one."""

    to: int

    def deal(self, d: Dealer) -> bool:
        a, r = d.random((1,)), d.random((1,))
        d.share(a * r)
        d.share(d.random((1,)) >> _FREE)
        return False

    def online(self, p: Party, *shares: Ring) -> Rounds[bool]:
        y = yield from _doubt(p, shares[0])
        if p.rank != self.to:
            yield from p.send(y)
            return False
        (theirs,) = yield from p.receive((np.dtype(np.uint64).name, (1,)))
        return outside(y + theirs)


@dataclass(frozen=True, slots=True)
class VerdictShare:
    """A share of y, for a third party that is told: it adds both, and looks whether the sum is `outside`."""

    def deal(self, d: Dealer) -> Ring:
        Verdict(0).deal(d)
        return make_zero((1,))

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        return (yield from _doubt(p, shares[0]))


def outside(y: Ring) -> bool:
    """Was the count that y hides more than zero?"""
    return bool(y[0] >> _FREE)


def _doubt(p: Party, count: Ring) -> Rounds[Ring]:
    """A share of y: one round."""
    a, r = p.random((1,)), p.random((1,))
    product = p.share((1,))
    p.random((1,))  # what v was made of
    v = p.share((1,))
    (c,) = yield from p.open(count - a)
    y: Ring = c * r + product + v
    return y

"""Products: of two secrets (Beaver, CRYPTO 1991), and of a secret with a weight that the server knows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates.truncate import Opened, Truncation, Undo
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WeightForm

Bilinear = Callable[[Ring, Ring], Ring]


@dataclass(frozen=True, slots=True)
class Product:
    """f(x, y) of two shared values: one round. Scales add."""

    f: Bilinear
    left: Shape
    right: Shape

    def deal(self, d: Dealer) -> Ring:
        a, b = d.random(self.left), d.random(self.right)
        c = self.f(a, b)
        d.share(c)
        return make_zero(c.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        x, y = shares
        a, b = p.random(self.left), p.random(self.right)
        e, d = yield from p.open(x - a, y - b)
        ours = self.f(e, b + d) if p.rank == CLIENT else self.f(e, b)
        z = ours + self.f(a, d)
        returned: Ring = z + p.share(z.shape)
        return returned


@dataclass(frozen=True, slots=True)
class SelfProduct:
    """x · x element by element, and x itself: one round, one opening. x is divided by 2^bits before it is squared, and
    by 2^kept where it is wanted itself (both zero, or both 1 to 32).

    With C opened and H = r >> bits, x = C' − H + s·w·2^(64 − bits), where C' and the bit s are public and w is the
    mask's top bit (`gates.truncate`). The square of the last term vanishes mod 2^64, so H², and w·H to its low `bits`
    bits, are all that the dealer adds.
    """

    shape: Shape
    bits: int = 0
    kept: int = 0

    def __post_init__(self) -> None:
        assert self.bits <= 32, "a product of two wrap bits would not vanish"
        assert bool(self.bits) == bool(self.kept), "one opening has one offset"

    def deal(self, d: Dealer) -> tuple[Ring, Ring]:
        mask = Truncation(self.bits)
        r = d.random(self.shape)
        mask.deal(d, r)
        high = r >> word(self.bits)
        d.share(high * high)
        if self.bits:
            d.share((high * (r >> word(63))).astype(mask.wrap))
            Truncation(self.kept).deal(d, r)
        return make_zero(self.shape), make_zero(self.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[tuple[Ring, Ring]]:
        mask, other = Truncation(self.bits), Truncation(self.kept)
        r = p.random(self.shape)
        undo, square = mask.take(p, r), p.share(self.shape)
        wrapped = p.share(self.shape, mask.wrap).astype(np.uint64) if self.bits else None
        of_value = other.take(p, r)
        (sum_,) = yield from p.open(mask.masked(p, shares[0], r))
        c = mask.of(sum_)
        two = word(2)
        y = c.public * (c.public * p.first - two * undo.high) + square
        if c.wrapped is not None and undo.wrap is not None and wrapped is not None:
            y = y + c.wrapped * two * (c.public * undo.wrap - wrapped)
        return y, other.of(sum_).less(of_value, p.first)


@dataclass(frozen=True, slots=True)
class Weighted:
    """f(x, W) + bias: one message, from the client; where it is truncated by `bits`, another one and packed bits back.

    The server knows W, so only the client's share needs a protocol. With a (the client's) and B (the server's) from the
    dealer, c0 + c1 = f(a, B), and D = W − B sent once a session:
    x W = x1 W + (x0 − a) W + a D + a B: the client sends x0 − a and keeps a D + c0, the server does the rest.
    Truncation as in `gates.truncate`, opened at the server alone, which answers with the wrap bit (uniform). bits = 0
    leaves it to whoever opens the result.
    """

    f: Bilinear
    x: Shape
    form: WeightForm
    bits: int

    def deal(self, d: Dealer) -> Ring:
        b = d.weight(self.form)
        return deal_product(d, self.f(d.client(self.x), b), self.bits)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        ours: Ring
        x, bias = shares  # the bias lies in the server's share, at the scale of the product
        w, a = p.weight(self.form), p.client(self.x)
        if p.rank == CLIENT:
            yield from p.send(x - a)
            ready = p.ahead()
            ours = self.f(a, w) if ready is None else ready
        else:
            (e,) = yield from p.receive(("uint64", x.shape))
            ours = self.f(e + x, w) + bias
        ours = ours + p.share(ours.shape)
        if not self.bits:
            return ours
        r = p.random(ours.shape)
        undo = Truncation(self.bits).take(p, r)
        return (yield from _truncate_one_way(p, ours + r, undo, self.bits))


def deal_product(d: Dealer, c: Ring, bits: int) -> Ring:
    """What a product with a weight takes beside its masks: their product c, and a mask where it is truncated."""
    d.share(c)
    if bits:
        Truncation(bits).deal(d, d.random(c.shape))
    return make_zero(c.shape)


def _truncate_one_way(p: Party, masked: Ring, undo: Undo, bits: int) -> Rounds[Ring]:
    if p.rank == CLIENT:
        yield from p.send(masked)
        (packed,) = yield from p.receive(("uint8", ((masked.size + 7) // 8,)))
        wrapped = np.unpackbits(packed, count=masked.size).reshape(masked.shape).astype(np.uint64) << word(64 - bits)
        return Opened(np.zeros(masked.shape, np.uint64), wrapped).less(undo, p.first)
    (theirs,) = yield from p.receive(("uint64", masked.shape))
    c = Truncation(bits).of(masked + theirs + word(1 << 62))
    assert c.wrapped is not None
    yield from p.send(np.packbits(c.wrapped != 0))
    return c.less(undo, word(1))

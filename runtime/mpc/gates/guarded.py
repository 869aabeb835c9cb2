"""A table that is read while its argument is compared with the table's ends: three rounds for both, and no range is
assumed.

One opening serves the comparisons and the table. What the table gives is right where the argument is in range and
some bounded number where it is not; it is opened under a mask of its own, for its truncation, together with the
digits of the comparison. The last round then multiplies the truncated value by [lo <= x < hi], as `gates.compare`
multiplies x.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple, Protocol

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.compare import compared_bits
from ppc.runtime.mpc.gates.comparison import Comparison, at_least, comparison
from ppc.runtime.mpc.gates.table import units
from ppc.runtime.mpc.gates.truncate import Truncation
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds, both
from ppc.runtime.schema import Tables


class Table(Protocol):
    """What the gate needs of a table (`table.Spline`, `exponential.Powers`): 2^k cells of width 2^width from `start`,
    read with g bits within a cell."""

    @property
    def start(self) -> float: ...
    @property
    def width(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def g(self) -> int: ...
    @property
    def scale(self) -> int: ...
    def deal(self, d: Dealer, r: Ring) -> None: ...
    def take(self, p: Party, n: int) -> Ring: ...
    def read(self, table: Ring, c: Ring) -> Ring: ...


class Read(NamedTuple):
    """Shares: the function where lo <= x < hi and zero elsewhere, at the bits asked for; the bits [x >= t] of each
    limit (integers); x itself where x >= hi, else zero (zero where that was not asked for)."""

    inside: Ring
    bits: Ring
    above: Ring


@dataclass(frozen=True, slots=True)
class Guarded:
    """A table on [lo, hi) (units of x; None: no limit there). x has FRACTION bits once divided by 2^shift; the result
    has `bits`. `tail`: x where x >= hi is wanted as well. Three rounds, or four with `small` tables."""

    shape: Shape
    table: Table
    fraction: int
    bits: int
    lo: int | None
    hi: int | None
    shift: int = 0
    tail: bool = False
    tables: Tables = Tables.LARGE

    @property
    def limits(self) -> tuple[int, ...]:
        return tuple(t for t in (self.lo, self.hi) if t is not None)

    @property
    def how(self) -> Comparison:
        return comparison(compared_bits(self.shift), self.tables)

    @property
    def _cut(self) -> Truncation:
        """Of the table's result."""
        return Truncation(self.table.scale - self.bits)

    def deal(self, d: Dealer) -> Read:
        wide = (len(self.limits), *self.shape)
        of_x, of_y = Truncation(self.shift), self._cut
        r, s = d.random(self.shape), d.random(self.shape)
        self.how.deal(d, r >> word(self.shift))
        self.table.deal(d, units(self.table, r >> word(self.shift), self.fraction))
        self.how.deal_signs(d, wide)
        beta = d.random(wide, "bit").astype(np.uint64)
        d.share(beta)
        of_y.deal(d, s)
        of_y.deal(d, s, beta)
        if self.tail:
            of_x.deal(d, r)
            of_x.deal(d, r, beta[-1])
        return Read(make_zero(self.shape), make_zero(wide), make_zero(self.shape))

    def online(self, p: Party, *shares: Ring) -> Rounds[Read]:
        wide = (len(self.limits), *self.shape)
        of_x, of_y = Truncation(self.shift), self._cut
        r, s = p.random(self.shape), p.random(self.shape)
        taken = self.how.take(p, self.shape)
        table = self.table.take(p, prod(self.shape))
        c = yield from of_x.open(p, shares[0], r)
        start = word(round(self.table.start * 2.0**self.fraction))
        y = self.table.read(table, units(self.table, c.public - start, self.fraction)).reshape(self.shape)
        judging = at_least(p, self.how, taken, c.public, self.limits)
        z, opened = yield from both(judging, of_y.open(p, y, s))
        flip = word(1) - word(2) * z
        beta = p.share(wide)
        bits = z * p.first + flip * beta
        value = opened.less(of_y.take(p, s), p.first)
        products = z * value + flip * opened.less(of_y.take(p, None, wide), beta)
        inside = products[0] if self.lo is not None else value
        if self.hi is not None:
            inside = inside - products[-1]
        above = make_zero(self.shape)
        if self.tail:
            x = c.less(of_x.take(p, r), p.first)
            above = z[-1] * x + flip[-1] * c.less(of_x.take(p, None, self.shape), beta[-1])
        return Read(inside, bits, above)

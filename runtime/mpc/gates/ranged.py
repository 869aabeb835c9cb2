"""A table that is read where its argument lies in the table's range: one round. Whether it does is found beside what
follows (`Inside`), for the check of ranges alone: what the table gives for a value outside has no meaning.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.compare import compared_bits
from ppc.runtime.mpc.gates.comparison import Comparison, at_least, comparison
from ppc.runtime.mpc.gates.guarded import Table
from ppc.runtime.mpc.gates.table import units
from ppc.runtime.mpc.gates.truncate import Truncation
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import Tables


class Masked(NamedTuple):
    """An opened value under its mask, and what this party has for comparisons of it."""

    public: Ring
    taken: Any


class Looked(NamedTuple):
    """A share of what the table gives, at the table's scale, and the argument for `Inside`."""

    value: Ring
    argument: Masked


@dataclass(frozen=True, slots=True)
class Ranged:
    """A table of x, which has `fraction` bits once divided by 2^shift."""

    shape: Shape
    table: Table
    fraction: int
    shift: int = 0
    tables: Tables = Tables.LARGE

    @property
    def how(self) -> Comparison:
        return comparison(compared_bits(self.shift), self.tables)

    def deal(self, d: Dealer) -> Looked:
        r = d.random(self.shape)
        self.how.deal(d, r >> word(self.shift))
        self.table.deal(d, units(self.table, r >> word(self.shift), self.fraction))
        zero = make_zero(self.shape)
        return Looked(zero, Masked(zero, None))

    def online(self, p: Party, *shares: Ring) -> Rounds[Looked]:
        r = p.random(self.shape)
        taken = self.how.take(p, self.shape)
        table = self.table.take(p, prod(self.shape))
        c = yield from Truncation(self.shift).open(p, shares[0], r)
        start = word(round(self.table.start * 2.0**self.fraction))
        value = self.table.read(table, units(self.table, c.public - start, self.fraction))
        return Looked(value.reshape(self.shape), Masked(c.public, taken))


@dataclass(frozen=True, slots=True)
class Inside:
    """[x >= t] as integers (limits, *shape), for each limit in units of the truncated x: two rounds, or three with
    `small` tables."""

    argument: Masked
    shape: Shape
    limits: tuple[int, ...]
    shift: int = 0
    tables: Tables = Tables.LARGE

    @property
    def how(self) -> Comparison:
        return comparison(compared_bits(self.shift), self.tables)

    @property
    def _wide(self) -> Shape:
        return (len(self.limits), *self.shape)

    def deal(self, d: Dealer) -> Ring:
        self.how.deal_signs(d, self._wide)
        d.share(d.random(self._wide, "bit").astype(np.uint64))
        return make_zero(self._wide)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        z = yield from at_least(p, self.how, self.argument.taken, self.argument.public, self.limits)
        returned: Ring = z * p.first + (word(1) - word(2) * z) * p.share(self._wide)
        return returned

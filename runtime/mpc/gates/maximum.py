"""The largest of up to four shared values at once, by all pairs, with its truncation and a ReLU: three rounds, or five
with small tables.

Every candidate is opened under its mask once; the mask of a pair's difference is the difference of their masks,
which the dealer knows. The sign of every pair is opened under a random bit, and these bits pick, for each
candidate, a row of a table in which the dealer has put (1, what undoes its masks) at the row where it wins and zeros
elsewhere. Zero may be one more candidate, which has no mask and no table: that is a ReLU for the price of its signs.
Truncated values are compared truncated, so the order is total and exactly one candidate wins.

These tables are long: 20 bytes a row, and a row for each outcome of a candidate's pairs. With small ones the signs
stay shared, their product says whether a candidate wins, and that bit multiplies its value as in `gates.compare`: a
round more, and a tenth of the dealer's bytes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates import fan
from ppc.runtime.mpc.gates.compare import compared_bits
from ppc.runtime.mpc.gates.comparison import Comparison, comparison
from ppc.runtime.mpc.gates.fan import Bits, Fan
from ppc.runtime.mpc.gates.truncate import Opened, Truncation
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import Tables


@dataclass(frozen=True, slots=True)
class Maximum:
    """(values, candidates, n) -> (values, n): all values of the candidate whose value 0 is largest; ties go to the
    first. `relu`: nothing is below zero (ties go to zero, which gives zeros). `shift`: value 0 is divided by 2^shift on
    the way, and then differences are below 2^62; the other values stay as they are.
    """

    values: int
    candidates: int
    n: int
    shift: int = 0
    relu: bool = False
    tables: Tables = Tables.LARGE

    @property
    def how(self) -> Comparison:
        return comparison(compared_bits(self.shift), self.tables)

    @property
    def _by_product(self) -> bool:
        return self.tables is Tables.SMALL

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Who is compared: the second wins where it is larger. Zero comes first."""
        m = self.candidates
        return [(-1, i) for i in range(m) if self.relu] + [(a, b) for a in range(m) for b in range(a + 1, m)]

    @property
    def rows(self) -> int:
        """Outcomes of the pairs in which one candidate stands."""
        return 1 << (self.candidates - 1 + self.relu)

    def _of(self, i: int) -> list[tuple[int, bool]]:
        """The pairs in which candidate i stands, and whether it is the second there."""
        return [(p, b == i) for p, (a, b) in enumerate(self.pairs) if i in (a, b)]

    def _differences(self, x: Ring) -> Ring:
        """First − second of each pair, from (candidates, n)."""
        with_zero = np.concatenate([x, np.zeros((1, self.n), np.uint64)])
        first, second = (np.array(side) for side in zip(*self.pairs, strict=True))
        returned: Ring = with_zero[first] - with_zero[second]
        return returned

    def _masks(self) -> list[Truncation]:
        return [Truncation(self.shift if v == 0 else 0) for v in range(self.values)]

    def deal(self, d: Dealer) -> Ring:
        r = d.random((self.values, self.candidates, self.n))
        difference = self._differences(r[0] >> word(self.shift))
        self.how.deal(d, difference)
        self.how.deal_signs(d, difference.shape)
        if self._by_product:
            self._deal_products(d, r)
        else:
            self._deal_rows(d, r)
        return make_zero((self.values, self.n))

    def _deal_rows(self, d: Dealer, r: Ring) -> None:
        flips = d.random((len(self.pairs), self.n), "bit")
        shape, winning = (self.candidates, self.rows, self.n), self._row(flips, wins=True)
        d.share_at(shape, winning, np.ones(winning.shape, np.uint64))
        for value, mask in zip(r, self._masks(), strict=True):
            mask.deal_at(d, value, shape, winning)

    def _deal_products(self, d: Dealer, r: Ring) -> None:
        shape = (self.candidates, self.n)
        if self._all.width > 1:
            fan.deal_product(d, self._all, self.candidates * self.n)
        beta = d.random(shape, "bit").astype(np.uint64)
        d.share(beta)
        for value, mask in zip(r, self._masks(), strict=True):
            mask.deal(d, value)
            mask.deal(d, value, beta)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        r = p.random((self.values, self.candidates, self.n))
        pairs = (len(self.pairs), self.n)
        taken = self.how.take(p, pairs)
        masks = self._masks()
        opened = yield from p.open(*(m.masked(p, x, mask) for m, x, mask in zip(masks, shares[0], r, strict=True)))
        c = [m.of(o) for m, o in zip(masks, opened, strict=True)]
        less = yield from self.how.signs(p, taken, self._differences(c[0].public))
        return (yield from self._by_products(p, r, c, less) if self._by_product else self._by_rows(p, c, less))

    def _by_rows(self, p: Party, c: list[Opened], less: Bits) -> Rounds[Ring]:
        lost = yield from p.open_bits(less ^ p.random(less.shape, "bit"))
        row = self._row(lost)
        won = np.take(p.share((self.candidates, self.rows, self.n)), row)
        found = []
        for mask, value in zip(self._masks(), c, strict=True):
            undo = mask.take_at(p, (self.candidates, self.rows, self.n), row)
            found.append(value.less(undo, won).sum(axis=0, dtype=np.uint64))
        return np.stack(found)

    def _by_products(self, p: Party, r: Ring, c: list[Opened], less: Bits) -> Rounds[Ring]:
        shape = (self.candidates, self.n)
        wins = self._wins(less, p.rank == CLIENT)
        won = wins[0]
        if self._all.width > 1:
            won = yield from fan.product(p, self._all, wins)
        opened = yield from p.open_bits(won.reshape(shape) ^ p.random(shape, "bit"))
        z = opened.astype(np.uint64)
        flip, beta, found = word(1) - word(2) * z, p.share(shape), []
        for mask, value, own in zip(self._masks(), c, r, strict=True):
            whole = value.less(mask.take(p, own), p.first)
            found.append((z * whole + flip * value.less(mask.take(p, None, shape), beta)).sum(axis=0, dtype=np.uint64))
        return np.stack(found)

    @property
    def _all(self) -> Fan:
        """All pairs in which one candidate stands."""
        return Fan(self.candidates - 1 + self.relu, last=False)

    def _wins(self, less: Bits, first: bool) -> Bits:
        """Shares of the bits that a candidate wins its pairs: (pairs of a candidate, candidates · n). `first`: this
        party negates where a candidate is not the second of a pair."""
        places = [self._of(i) for i in range(self.candidates)]
        wins = np.stack([np.stack([less[pair] for pair, _ in of]) for of in places], axis=1)
        if first:
            wins ^= np.array([[not second for _, second in of] for of in places], np.uint8).T[:, :, None]
        return wins.reshape(len(wins), -1)

    def _row(self, bits: NDArray[np.uint8], wins: bool = False) -> NDArray[np.intp]:
        """The place, in a flat table (candidates, rows, n), of the row that the pairs' bits pick: (candidates, n).
        `wins`: where it is the one at which the candidate wins, the bits being those that hide the signs."""
        row = np.zeros((self.candidates, self.n), np.uint8)
        for i in range(self.candidates):
            for place, (pair, second) in enumerate(self._of(i)):
                bit = bits[pair] ^ np.uint8(second) if wins else bits[pair]
                row[i] |= bit << np.uint8(place)
        first = np.arange(self.candidates)[:, None] * self.rows
        return (first + row) * self.n + np.arange(self.n)

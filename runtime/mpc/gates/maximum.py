"""The largest of up to four shared values at once, by all pairs: three rounds.

Every candidate is opened under its mask once; the mask of a pair's difference is the difference of their masks,
which the dealer knows. The sign of every pair is opened under a random bit, and these bits pick, for each
candidate, a row of a table in which the dealer has put (1, its masks) at the row where it wins and zeros elsewhere.
"""

from dataclasses import dataclass

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates import compare
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds


@dataclass(frozen=True, slots=True)
class Maximum:
    """(values, candidates, n) -> (values, n): all values of the candidate whose value 0 is largest; ties go to the
    first."""

    values: int
    candidates: int
    n: int

    def _pairs(self) -> list[tuple[int, int]]:
        m = self.candidates
        return [(a, b) for a in range(m) for b in range(a + 1, m)]

    def _of(self, i: int) -> list[tuple[int, bool]]:
        """The pairs in which candidate i stands, and whether it is the second there."""
        return [(p, b == i) for p, (a, b) in enumerate(self._pairs()) if i in (a, b)]

    def _differences(self, x: Ring) -> Ring:
        first, second = (np.array(side) for side in zip(*self._pairs(), strict=True))
        returned: Ring = x[0, first] - x[0, second]
        return returned

    def deal(self, d: Dealer) -> Ring:
        r = d.random((self.values, self.candidates, self.n))
        difference = self._differences(r)
        compare.deal_digits(d, difference)
        compare.deal_signs(d, difference.shape)
        flips = d.random(difference.shape, "bit")
        rows = 1 << (self.candidates - 1)
        table = np.zeros((self.candidates, self.n, rows, 1 + self.values), np.uint64)
        for i in range(self.candidates):
            wins = np.zeros(self.n, np.int64)
            for place, (pair, second) in enumerate(self._of(i)):
                wins |= (flips[pair] ^ np.uint8(second)).astype(np.int64) << place
            table[i, np.arange(self.n), wins, 0] = 1
            table[i, np.arange(self.n), wins, 1:] = r[:, i].T
        d.share(table)
        return make_zero((self.values, self.n))

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        r = p.random((self.values, self.candidates, self.n))
        pairs = (len(self._pairs()), self.n)
        digits, top = compare.take_digits(p, pairs)
        (c,) = yield from p.open(shares[0] + r)
        less = yield from compare.signs(p, digits, top, self._differences(c))
        opened = yield from p.open_bits(less ^ p.random(pairs, "bit"))
        table = p.share((self.candidates, self.n, 1 << (self.candidates - 1), 1 + self.values))
        result = make_zero((self.values, self.n))
        for i in range(self.candidates):
            row = np.zeros(self.n, np.int64)
            for place, (pair, _) in enumerate(self._of(i)):
                row |= opened[pair].astype(np.int64) << place
            picked = table[i, np.arange(self.n), row]
            result += picked[:, 0] * c[:, i] - picked[:, 1:].T
        return result

"""A function over many octaves by several tables, of which comparisons choose one: three rounds.

x is opened once under its mask. Every window reads its own table from that opening, at its own resolution; meanwhile
the comparisons with the windows' ends go on (`gates.sign`). What the tables give is opened under masks of its own, for
the truncation, with the digits of the comparisons; outside its window a table gives a number without a meaning. The
last round opens the comparisons under random bits, and the difference of two neighbours' bits times the window's value
is local, since the dealer has shared the products of these bits with what undoes the masks (`gates.compare`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log2, prod
from typing import Any, NamedTuple

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.compare import compared_bits
from ppc.runtime.mpc.gates.comparison import Comparison, at_least, comparison
from ppc.runtime.mpc.gates.table import Spline
from ppc.runtime.mpc.gates.truncate import Truncation
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds, both
from ppc.runtime.schema import Tables

#: Octaves of a window, and the bits of its number of cells: cells of 2^-FINE of the window's lower end.
OCTAVES, CELLS, FINE = 2, 5, 3
_GRAIN, _DEGREE, _PRECISION = 10, 3, 17


class Chosen(NamedTuple):
    """Shares: the function's value, zero where x is in no window; bits [x >= limit] of each limit (integers)."""

    value: Ring
    bits: Ring


@dataclass(frozen=True, slots=True)
class Windows:
    """A function on ring integers 2^lo <= x < 2^hi; the result has `bits` fractional bits, or fewer that count where it
    is far larger than elsewhere: its error is about 2^-_PRECISION relative. `tables` and `limits`: see `windows`."""

    shape: Shape
    tables: tuple[Spline, ...]
    limits: tuple[int, ...]
    bits: int
    judged: Tables = Tables.LARGE  # by what the limits are compared

    @property
    def how(self) -> Comparison:
        return comparison(compared_bits(0), self.judged)

    @property
    def _many(self) -> Shape:
        return (len(self.tables), *self.shape)

    @property
    def _wide(self) -> Shape:
        return (len(self.limits), *self.shape)

    @property
    def _first(self) -> int:
        """The limit that the first window begins with."""
        return len(self.limits) - len(self.tables) - 1

    @property
    def _cut(self) -> Truncation:
        return Truncation(max(t.scale for t in self.tables) - self.bits)

    def deal(self, d: Dealer) -> Chosen:
        r, s = d.random(self.shape), d.random(self._many)
        self.how.deal(d, r)
        d.share(np.stack([table.tables(u) for table, u in zip(self.tables, self._units(r), strict=True)]))
        self.how.deal_signs(d, self._wide)
        beta = d.random(self._wide, "bit").astype(np.uint64)
        d.share(beta)
        at = self._first
        for factor in (beta[at:-1], beta[at + 1 :]):
            self._cut.deal(d, s, factor)
        self._cut.deal(d, s)
        return Chosen(make_zero(self.shape), make_zero(self._wide))

    def online(self, p: Party, *shares: Ring) -> Rounds[Chosen]:
        r, s, cut = p.random(self.shape), p.random(self._many), self._cut
        judged = self.how.take(p, self.shape)
        words = p.share((len(self.tables), prod(self.shape), 1 << CELLS, _DEGREE + 1))
        (c,) = yield from p.open(shares[0] + r)
        judging = at_least(p, self.how, judged, c, self.limits)
        z, opened = yield from both(judging, cut.open(p, self._read(words, c), s))
        flip = word(1) - word(2) * z
        beta = p.share(self._wide)
        at = self._first
        ends = [cut.take(p, None, self._many) for _ in range(2)]  # of the lower and the upper limits
        value = opened.less(cut.take(p, s), p.first)
        lower, upper = slice(at, -1), slice(at + 1, None)
        parts = [
            z[side] * value + flip[side] * opened.less(undo, beta[side])
            for side, undo in zip((lower, upper), ends, strict=True)
        ]
        scaled = (parts[0] - parts[1]) << self._shifts()
        return Chosen(scaled.sum(axis=0, dtype=np.uint64), z * p.first + flip * beta)

    def _read(self, words: Ring, c: Ring) -> Ring:
        """Every table's value, at the table's own scale: all in one reading."""
        starts = np.array([round(t.start) for t in self.tables], np.int64).view(np.uint64)
        at = self._units(c.reshape(1, -1) - starts[:, None])
        return self.tables[0].read(words.reshape(-1, *words.shape[2:]), at.reshape(-1)).reshape(self._many)

    def _units(self, x: Ring) -> Ring:
        """x, one number for all tables or one for each, in units of each table: (tables, elements), see
        `table.units`."""
        drop = np.array([t.width - t.g for t in self.tables])[:, None]
        down, up = (np.maximum(n, 0).astype(np.uint64) for n in (drop, -drop))
        returned: Ring = ((x.reshape(-1, prod(self.shape)) >> down) << up) & word((1 << (CELLS + _GRAIN)) - 1)
        return returned

    def _shifts(self) -> Ring:
        """What brings the truncated values of all windows to one scale."""
        most = max(t.scale for t in self.tables)
        return np.array([most - t.scale for t in self.tables], np.uint64).reshape(-1, *[1] * len(self.shape))


def windows(f: Callable[[Any], Any], lo: int, hi: int, floor_at_zero: bool = False) -> Windows:
    """Tables and limits of a falling function on [2^lo, 2^hi), for `Windows` of one element; `floor_at_zero`: zero is
    one more limit, before the others. The windows end at 2^hi; the first may begin below 2^lo."""
    starts = range(hi - OCTAVES * ceil((hi - lo) / OCTAVES), hi, OCTAVES)
    tables = []
    for a in starts:
        largest = floor(log2(float(f(2.0**a))))
        cell = 2.0 ** (a - FINE)
        tables.append(Spline(f, 2.0**a - cell, a - FINE, CELLS, _DEGREE, _GRAIN, _PRECISION - largest))
    limits = (*([0] if floor_at_zero else []), 1 << lo, *(1 << a for a in starts[1:]), 1 << hi)
    return Windows((), tuple(tables), limits, 0)

"""exp by a one-time table of exp at the cells, times a public exp of the low bits: one round, 2^k words from the
dealer.

With c = (top, u) as in `gates.table`, exp(x) = exp(W (c_top − r_top − rho)) exp(W u): the first factor is picked
from a table, the second is public. Relative error about W 2^-g.
"""

from dataclasses import dataclass

import numpy as np

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.table import open_top
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds


@dataclass(frozen=True, slots=True)
class Powers:
    """exp on [start, start + 2^k − 1), in cells of width 1; the result has `bits + factor_bits` fractional bits."""

    start: int
    k: int
    bits: int = 20
    factor_bits: int = 18
    g: int = 16
    width: int = 0

    @property
    def scale(self) -> int:
        return self.bits + self.factor_bits

    def deal(self, d: Dealer, r: Ring) -> None:
        """Tables for masks r (n,) below 2^(k + g)."""
        top, rho = (r >> word(self.g)).astype(np.int64), (r & word((1 << self.g) - 1)) / 2.0**self.g
        cell = (np.arange(1 << self.k)[None] - top[:, None]) % (1 << self.k) + self.start
        d.share(np.round(np.exp(cell - rho[:, None]) * 2.0**self.bits).astype(np.uint64))

    def take(self, p: Party, n: int) -> Ring:
        return p.share((n, 1 << self.k))

    def read(self, table: Ring, c: Ring) -> Ring:
        """Shares of exp, given the opened c (n,) below 2^(k + g)."""
        u = (c & word((1 << self.g) - 1)) / 2.0**self.g
        factor = np.round(np.exp(u) * 2.0**self.factor_bits).astype(np.uint64)
        returned: Ring = table[np.arange(c.size), (c >> word(self.g)).astype(np.int64)] * factor
        return returned


@dataclass(frozen=True, slots=True)
class Exponential:
    """exp of x in the range of its table, x at `fraction` fractional bits."""

    shape: Shape
    fraction: int
    start: int
    k: int

    @property
    def _powers(self) -> Powers:
        return Powers(self.start, self.k)

    @property
    def scale(self) -> int:
        """Fractional bits of the result."""
        return self._powers.scale

    def deal(self, d: Dealer) -> Ring:
        s, n = self._powers, int(np.prod(self.shape))
        s.deal(d, d.random((n,), "uint32").astype(np.uint64) & word((1 << (s.k + s.g)) - 1))
        return make_zero(self.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        s, n = self._powers, int(np.prod(self.shape))
        r, table = p.random((n,), "uint32"), s.take(p, n)
        c = yield from open_top(p, shares[0].reshape(-1), r, s.start, s.width, s.k, s.g, self.fraction)
        return s.read(table, c).reshape(self.shape)

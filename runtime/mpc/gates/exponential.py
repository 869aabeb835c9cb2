"""exp by a one-time table of exp at the cells, times a public exp of the low bits: 2^k words from the dealer.

With c = (top, u) as in `gates.table`, exp(x) = exp(W (c_top − r_top − rho)) exp(W u): the first factor is picked
from a table, the second is public. Relative error about W 2^-g.
"""

from dataclasses import dataclass

import numpy as np

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.table import picked
from ppc.runtime.mpc.ring import Ring, word


@dataclass(frozen=True, slots=True)
class Powers:
    """exp(x − origin) on [start, start + (2^k − 1) W), in cells of W = 2^width; the result has `bits + factor_bits`
    fractional bits."""

    start: int
    k: int
    bits: int = 20
    factor_bits: int = 18
    g: int = 16
    width: int = 0
    origin: int = 0

    @property
    def scale(self) -> int:
        return self.bits + self.factor_bits

    def deal(self, d: Dealer, r: Ring) -> None:
        """Tables for masks r (n,) below 2^(k + g)."""
        top, rho = (r >> word(self.g)).astype(np.int64), (r & word((1 << self.g) - 1)) / 2.0**self.g
        cell = (np.arange(1 << self.k)[None] - top[:, None]) % (1 << self.k) - rho[:, None]
        powers = np.exp(cell * 2.0**self.width + (self.start - self.origin))
        d.share(np.round(powers * 2.0**self.bits).astype(np.uint64))

    def take(self, p: Party, n: int) -> Ring:
        return p.share((n, 1 << self.k))

    def read(self, table: Ring, c: Ring) -> Ring:
        """Shares of exp, given the opened c (n,) below 2^(k + g)."""
        u = (c & word((1 << self.g) - 1)) * 2.0 ** (self.width - self.g)
        factor = np.round(np.exp(u) * 2.0**self.factor_bits).astype(np.uint64)
        y: Ring = picked(table, c >> word(self.g)) * factor
        return y

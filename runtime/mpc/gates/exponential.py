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
class Exponential:
    """exp of x in [start, start + 2^k − 1), x at `fraction` fractional bits; the result has `bits + factor_bits`."""

    shape: Shape
    fraction: int
    start: int
    k: int
    bits: int = 20
    factor_bits: int = 18
    g: int = 16

    @property
    def scale(self) -> int:
        return self.bits + self.factor_bits

    def deal(self, d: Dealer) -> Ring:
        n = int(np.prod(self.shape))
        r = d.random((n,), "uint32").astype(np.uint64) & word((1 << (self.k + self.g)) - 1)
        top, rho = (r >> word(self.g)).astype(np.int64), (r & word((1 << self.g) - 1)) / 2.0**self.g
        cell = (np.arange(1 << self.k)[None] - top[:, None]) % (1 << self.k) + self.start
        d.share(np.round(np.exp(cell - rho[:, None]) * 2.0**self.bits).astype(np.uint64))
        return make_zero(self.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        n = int(np.prod(self.shape))
        r, table = p.random((n,), "uint32"), p.share((n, 1 << self.k))
        c = yield from open_top(p, shares[0].reshape(-1), r, self.start, 0, self.k, self.g, self.fraction)
        u = (c & word((1 << self.g) - 1)) / 2.0**self.g
        factor = np.round(np.exp(u) * 2.0**self.factor_bits).astype(np.uint64)
        return (table[np.arange(n), (c >> word(self.g)).astype(np.int64)] * factor).reshape(self.shape)

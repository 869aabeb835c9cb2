"""Functions of one variable by a one-time table of local polynomials: one round.

Open the few bits of x + r that matter: c = (top, u). The cell of x is c_top − r_top, or one less where the low bits
borrow, and x − (start of that cell) is W (u − rho) in (−W, W), rho being the low part of r: so each polynomial is
fitted on the double cell, and nobody has to know the borrow. For every value of c_top the dealer ships shares of
the coefficients, in u, of the polynomial of cell c_top − r_top shifted by rho: the parties pick a row, and evaluate
in public u. All local.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import comb
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds

Floats = NDArray[np.float64]
#: Masks whose tables are made at once: what is computed on the way stays in a core's own cache.
_BLOCK = 1 << 10


@dataclass(frozen=True, slots=True)
class Spline:
    """How a function is tabulated: 2^k cells of width 2^width from `start` on. The last cell must stay unused, and the
    first 2^-g of the first (an opened sum of dropped low bits may be one unit short)."""

    function: Callable[[Floats], Floats]
    start: float
    width: int  # log2 of a cell's width
    k: int
    degree: int
    g: int  # bits of u
    bits: int  # fractional bits of the leading coefficient

    @property
    def end(self) -> float:
        """Above the largest input."""
        return self.start + ((1 << self.k) - 1) * 2.0**self.width

    @property
    def unit(self) -> float:
        """The least step of the input that is seen."""
        return float(2.0 ** (self.width - self.g))

    @property
    def scale(self) -> int:
        """Fractional bits of the result."""
        return self.bits + self.degree * self.g

    def deal(self, d: Dealer, r: Ring) -> None:
        """Tables for masks r (n,) below 2^(k + g)."""
        d.share(self.tables(r))

    def tables(self, r: Ring) -> Ring:
        """What is shared for these masks: (n, 2^k, degree + 1)."""
        table = np.empty((r.size, 1 << self.k, self.degree + 1), np.uint64)
        for start in range(0, r.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            table[part] = rotated(self, r[part])
        return table

    def take(self, p: Party, n: int) -> Ring:
        return p.share((n, 1 << self.k, self.degree + 1))

    def read(self, table: Ring, c: Ring) -> Ring:
        """Shares of the function, given the opened c (n,) below 2^(k + g)."""
        return polynomial(picked(table, c >> word(self.g)), c & word((1 << self.g) - 1))


def picked(table: Ring, column: Ring) -> Ring:
    """Row i of the result is table[i, column[i]]: from (n, cells, ...), for n numbers below `cells`."""
    n, cells, *entry = table.shape
    at = column.view(np.intp) + np.arange(0, n * cells, cells)
    returned: Ring = np.take(table.reshape(n * cells, *entry), at, axis=0)
    return returned


@cache
def coefficients(spline: Spline) -> Floats:
    """Row i: the polynomial of cell i in t = (x − start of the cell) / W on (−1, 1), lowest degree first."""
    nodes = np.cos((np.arange(16) + 0.5) * np.pi / 16)
    starts = spline.start + np.arange(1 << spline.k) * 2.0**spline.width
    values = spline.function(starts[:, None] + nodes[None] * 2.0**spline.width)
    fitted = np.linalg.lstsq(chebyshev.chebvander(nodes, spline.degree), values.T, rcond=None)[0]
    rows = np.zeros((1 << spline.k, spline.degree + 1))
    for i, row in enumerate(fitted.T):
        polynomial = chebyshev.cheb2poly(row)
        rows[i, : polynomial.size] = polynomial
    return rows


def rotated(s: Spline, r: Ring) -> Ring:
    """For each mask r and each value of c_top: the coefficients in u of the polynomial of cell c_top − r_top."""
    n, cells, terms = r.size, 1 << s.k, s.degree + 1
    moves = _moves(s, r & word((1 << s.g) - 1)).transpose(1, 0, 2).reshape(terms, n * terms)
    rows = _words(coefficients(s) @ moves).reshape(cells * n, terms)  # of cell and mask
    top = (r >> word(s.g)).astype(np.intp)
    cell = (np.arange(cells) - top[:, None]) & (cells - 1)
    returned: Ring = np.take(rows, cell * n + np.arange(n)[:, None], axis=0)
    return returned


def shifted(s: Spline, cell: NDArray[np.int64], rho: Ring) -> Ring:
    """Coefficients in u (n, degree + 1) of the polynomials of some cells (n,) shifted by rho (n,), of g bits."""
    return _words(np.einsum("ni,nij->nj", coefficients(s)[cell], _moves(s, rho)))


def _moves(s: Spline, rho: Ring) -> Floats:
    """For each rho a matrix (degree + 1, degree + 1) from the coefficients of p(t) to those of p(u − rho), each at the
    fractional bits that it is shared with."""
    back = -rho.astype(np.float64) / 2.0**s.g
    moves = np.zeros((rho.size, s.degree + 1, s.degree + 1))
    for i in range(s.degree + 1):
        for j in range(i + 1):  # (u − rho)^i, expanded
            moves[:, i, j] = comb(i, j) * 2.0 ** (s.bits + (s.degree - j) * s.g) * back ** (i - j)
    return moves


def _words(values: Floats) -> Ring:
    """Rounded, in place."""
    return np.rint(values, out=values).astype(np.int64).view(np.uint64)


def polynomial(row: Ring, u: Ring) -> Ring:
    """Coefficients (n, degree + 1) at u (n,)."""
    y = row[:, -1].copy()
    for j in range(row.shape[1] - 2, -1, -1):
        y *= u
        y += row[:, j]
    return y


@dataclass(frozen=True, slots=True)
class Lookup:
    """Evaluate a spline: x at `fraction` fractional bits, result at `spline.scale`; x must lie in the spline's
    range."""

    spline: Spline
    shape: Shape
    fraction: int

    @property
    def _word(self) -> str:
        return "uint16" if self.spline.k + self.spline.g <= 16 else "uint32"

    def deal(self, d: Dealer) -> Ring:
        s, n = self.spline, int(np.prod(self.shape))
        s.deal(d, d.random((n,), self._word).astype(np.uint64) & word((1 << (s.k + s.g)) - 1))
        return make_zero(self.shape)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        s, n = self.spline, int(np.prod(self.shape))
        r, table = p.random((n,), self._word), s.take(p, n)
        c = yield from open_top(p, shares[0].reshape(-1), r, s.start, s.width, s.k, s.g, self.fraction)
        return s.read(table, c).reshape(self.shape)


def units(table: Any, x: Ring, fraction: int) -> Ring:
    """x, of `fraction` fractional bits, in units of a table with cells of 2^width read with g bits each; below
    2^(k + g), flat."""
    drop = fraction + table.width - table.g
    moved = x >> word(drop) if drop >= 0 else x << word(-drop)
    return moved.reshape(-1) & word((1 << (table.k + table.g)) - 1)


def open_top(
    p: Party, x: Ring, r: NDArray[np.unsignedinteger], start: float, width: int, k: int, g: int, fraction: int
) -> Rounds[Ring]:
    """Open (x − start) + r in units of 2^(width − g), mod 2^(k + g): dropping low bits of shares loses one unit at
    most."""
    drop = fraction + width - g
    moved = x - word(round(start * 2.0**fraction)) * p.first
    moved = moved >> word(drop) if drop >= 0 else moved << word(-drop)
    (c,) = yield from p.open(moved.astype(r.dtype) + r)
    opened: Ring = c.astype(np.uint64) & word((1 << (k + g)) - 1)
    return opened

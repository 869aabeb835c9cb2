"""What smooth functions of one variable give under MPC, in clear, for the simulate mode of a plan: the same tables and
the same arithmetic, with a mask drawn here instead of the dealer's."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.gates.table import Spline, polynomial, shifted
from ppc.runtime.mpc.protocols.smooth import ROWS, Smooth, ends, row_of
from ppc.runtime.mpc.ring import decode, encode, word
from ppc.runtime.mpc.simulate import Draws
from ppc.runtime.schema import FRACTION_BITS, Tables

Floats = NDArray[np.float64]


def tabled(op: str, attrs: Mapping[str, Any], x: Any, rng: Draws) -> Floats | None:
    """The function of an operator on an array, before its result is truncated; None of one that is not evaluated so."""
    name = row_of(op, attrs)
    if name not in ROWS:
        return None
    alpha = float(attrs.get("alpha", 1.0)) if op == "Swish" else 1.0
    row, fixed = ROWS[name], decode(encode(np.clip(alpha * np.asarray(x, np.float64), -(2.0**30), 2.0**30)))
    if Tables.of(attrs) is Tables.SMALL and row.half is not None:
        return _by_magnitude(row.half, fixed, rng) / alpha
    return _guarded(row, fixed, rng) / alpha


def _guarded(row: Smooth, x: Floats, rng: Draws) -> Floats:
    lo, hi = (end / 2.0**FRACTION_BITS for end in ends(row.spline))
    y = _read(row.spline, np.clip(x, lo, hi), rng)
    last = float(row.spline.function(np.array(hi)))
    above = x + (last - hi) if row.linear else row.above
    found: Floats = np.where(x < lo, row.below, np.where(x < hi, y, above))
    return found


def _by_magnitude(h: Spline, x: Floats, rng: Draws) -> Floats:
    end = ends(h)[1] / 2.0**FRACTION_BITS
    found: Floats = np.maximum(x, 0.0) + _read(h, np.minimum(np.abs(x), end), rng)
    return found


def _read(s: Spline, x: Floats, rng: Draws) -> Floats:
    """A table at values within its range."""
    place = np.floor((x.reshape(-1) - s.start) / s.unit).astype(np.int64)
    rho = rng.integers(0, 1 << s.g, place.size)
    moved = place + rho
    row = shifted(s, (moved >> s.g) % (1 << s.k), rho.astype(np.uint64))
    y = polynomial(row, moved.astype(np.uint64) & word((1 << s.g) - 1))
    return decode(y, s.scale).reshape(x.shape)

"""Functions of whole rows: softmax and norms (`ppc.runtime.mpc.protocols.softmax`, `.norm`)."""

from dataclasses import replace
from math import ceil, floor, log2

from ppc.runtime.ranges import RECIPROCAL_OCTAVES, ROW_SPREAD_BITS
from ppc.runtime.schema import Tables
from ppc.targets.mpc.counts.compare import maximum, sign_of
from ppc.targets.mpc.counts.count import Count
from ppc.targets.mpc.counts.functions import WINDOW, guarded, octave, power_of, table, window_cut, windows
from ppc.targets.mpc.counts.linear import product, truncate, undo, weighted, wrap_bytes
from ppc.targets.mpc.counts.signs import signs


def row_octaves(row: int) -> int:
    return ceil(log2(row)) + 2


def exponentials(n: int, row: int, tables: Tables = Tables.LARGE, shift: int = 0) -> Count:
    """exp(x − max) over rows."""
    return maximum(row, n // row, shift=shift, tables=tables) + guarded(n, 2**4, 1, 18, shift, tables=tables)


def softmax(n: int, row: int, tables: Tables = Tables.LARGE, shift: int = 0) -> Count:
    rows, short = n // row, row <= 64 and tables is not Tables.SMALL
    inverse = table(rows, ceil(log2(8 * row - 5)), 26) if short else power_of(rows, row_octaves(row), tables=tables)
    return exponentials(n, row, tables, shift) + inverse + product(n, rows, n, n) + truncate(n, 30)


#: Of `ppc.runtime.mpc.protocols.softmax`: fractional bits of exponentials without a maximum, and of their quotients.
_POWERS, _QUOTIENT = 52, 60


def bounded_softmax(n: int, row: int, tables: Tables = Tables.LARGE, shift: int = 0) -> Count:
    """Of logits in a known range; the comparisons that check it take no round of their own."""
    rows, t = n // row, signs(shift, tables)
    work = {**t.work(n, 2 * n), "table": n}
    offline = n * (t.mask + 8 * 2**4) + 2 * n * (t.sign + 8)
    look = Count(work, 8 * n + 2 * n * (t.opened + 1 / 8), 1, offline)
    top = ceil(log2(row)) + 1
    bits = 17 + max(0, top - WINDOW)
    if tables is Tables.SMALL:
        inverse = power_of(rows, ROW_SPREAD_BITS + top, tables=Tables.SMALL) + truncate(rows, 23 + top - bits)
    else:
        inverse = windows(rows, ROW_SPREAD_BITS + top, False, window_cut(WINDOW - top, bits), tables)
    cut = replace(truncate(n, _POWERS - _QUOTIENT + bits), rounds=0.0)
    return look + cut + inverse + product(n, rows, n, n) + truncate(n, _QUOTIENT - 16)


def log_softmax(n: int, row: int, tables: Tables = Tables.LARGE) -> Count:
    return exponentials(n, row, tables) + octave(n // row, row_octaves(row), tables=tables, cut=34)


def lp_norm(n: int, row: int, p: int, tables: Tables = Tables.LARGE) -> Count:
    if p == 2:
        return norm(n, row, 0.0, centre=False, scaled=False, tables=tables, numerator=1.0)
    rows = n // row
    inverse = power_of(rows, RECIPROCAL_OCTAVES[1] + 16, True, tables) + truncate(rows, 18)
    return sign_of(n, tables=tables) + inverse + product(n, rows, n, n) + truncate(n, 24)


#: Of `ppc.runtime.mpc.protocols.norm`: fractional bits of deviations, of reciprocal roots, and of results that keep
#: those of the product.
_WIDE, _ROOT = 22, 26
NORM_BITS = _WIDE + _ROOT


def norm(
    n: int,
    row: int,
    epsilon: float,
    centre: bool = True,
    scaled: bool = True,
    tables: Tables = Tables.LARGE,
    shift: int = 0,
    keep: bool = False,
    numerator: float | None = None,
) -> Count:
    """Rows of `row` elements over their deviation; `scaled`: times a weight, while the root is taken; `numerator`: of
    the root, if not the root of `row`."""
    rows, grown = n // row, ceil(log2(row)) if centre else 0
    rest = row / 2.0**grown if centre else 1.0
    bits = 16 + max(0, (13 - ceil(log2(row))) // 2)
    spread = max(16 + shift + grown, _WIDE + 1)
    squares = undo(spread - bits) + 8 + wrap_bytes(spread - bits) + undo(spread - _WIDE)
    total = Count({"product": n, "truncate": n}, 8 * n, 1, n * squares)
    lo = max(17, floor(log2(row * epsilon * rest**2) + 2 * bits) if epsilon > 0 else 0)
    of = log2(row**0.5 if numerator is None else numerator) + bits  # log2 of the root of 1
    if tables is Tables.SMALL:
        root = power_of(rows, 61 - lo, True, tables) + truncate(rows, 40 + ceil(60 / 2 - of) - _ROOT)
    else:
        root = windows(rows, 61 - lo, True, window_cut(of - (61 - WINDOW) / 2, _ROOT), tables)
    if scaled:  # in the rounds of the root, or the three messages of the product
        root = replace(root + weighted(n, n, n), rounds=max(root.rounds, 3))
    total += root + product(n, rows, n, n)
    return total if keep else total + truncate(n, NORM_BITS - 16)

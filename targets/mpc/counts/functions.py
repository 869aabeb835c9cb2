"""Functions of one variable by tables (`ppc.runtime.mpc.gates.table`, `.guarded`, `.windows`)."""

from math import ceil, floor

from ppc.runtime.ranges import LOG_OCTAVES, RECIPROCAL_OCTAVES, SQRT_OCTAVES
from ppc.runtime.schema import Tables
from ppc.targets.mpc.counts.compare import compare
from ppc.targets.mpc.counts.count import Count
from ppc.targets.mpc.counts.linear import product, truncate, undo, weighted
from ppc.targets.mpc.counts.signs import signs


def table(n: int, k: int, cut: int = 34) -> Count:
    """A table of cubic polynomials on 2^k cells, truncated by `cut`."""
    word = 2 if k + 12 <= 16 else 4
    return Count({"table": n}, word * n, 1, n * 2**k * 32) + truncate(n, cut)


def guarded(
    n: int, words: int, limits: int, cut: int, shift: int = 0, tail: bool = False, tables: Tables = Tables.LARGE
) -> Count:
    """A table of so many words an element between so many limits, its result truncated by `cut`, in one go; `tail`: x
    beyond the last limit as well."""
    t, all_signs = signs(shift, tables), n * limits
    work = {**t.work(n, all_signs), "table": n, "truncate": n}
    values = undo(cut) * (1 + limits) + (undo(shift) + (undo(shift) or 8) if tail else 0)
    offline = n * (t.mask + 8 * words + values) + all_signs * (t.sign + 8)
    return Count(work, 16 * n + all_signs * (t.opened + 1 / 8), 2 + t.rounds, offline)


def smooth(
    n: int, k: int, half: int | None = None, shift: int = 0, tables: Tables = Tables.LARGE, tail: bool = False
) -> Count:
    """A table of cubic polynomials on 2^k cells, with both its ends; with small tables by way of |x| on 2^half cells,
    where the function allows that."""
    if tables is Tables.SMALL and half is not None:
        return compare(n, 3, True, shift, tables) + table(n, half)
    return guarded(n, 4 * 2**k, 2, 34, shift, tail, tables)


def octave(n: int, octaves: int, signed: bool = False, tables: Tables = Tables.LARGE, cut: int = 26) -> Count:
    """Normalisation over so many octaves, and a table on the mantissa, truncated by `cut`; `signed`: a comparison with
    zero beside."""
    local = Count({"element": 4 * n * octaves})
    return compare(n, octaves + 1 + signed, tables=tables) + local + table(n, 5, cut)


def power_of(n: int, octaves: int, signed: bool = False, tables: Tables = Tables.LARGE) -> Count:
    """x^e by octaves, before its last truncation."""
    return octave(n, octaves, signed, tables) + product(n, n, n, n)


def root(n: int, tables: Tables = Tables.LARGE, shift: int = 0) -> Count:
    """x^(1/2) of a value with `shift` fractional bits more than usual."""
    octaves = SQRT_OCTAVES[1] + min(16 + shift, 32)
    return power_of(n, octaves, True, tables) + truncate(n, 32)


def inverse_root(n: int, tables: Tables = Tables.LARGE) -> Count:
    """x^(-1/2)."""
    return power_of(n, _octaves(SQRT_OCTAVES), tables=tables) + truncate(n, 34)


def _octaves(bounds: tuple[int, int]) -> int:
    return bounds[1] - bounds[0]


def logarithm(n: int, tables: Tables = Tables.LARGE) -> Count:
    return octave(n, _octaves(LOG_OCTAVES), tables=tables, cut=34)


def softsign(n: int, tables: Tables = Tables.LARGE) -> Count:
    inverse = power_of(n, RECIPROCAL_OCTAVES[1], tables=tables)
    return compare(n, tables=tables) + inverse + truncate(n, 25) + product(n, n, n, n)


def reciprocal(n: int, tables: Tables = Tables.LARGE) -> Count:
    """Of either sign."""
    inverse = power_of(n, _octaves(RECIPROCAL_OCTAVES), tables=tables)
    return compare(n, tables=tables) + inverse + truncate(n, 25) + product(n, n, n, n)


def quotient(a: int, b: int, out: int, weight: bool, tables: Tables = Tables.LARGE) -> Count:
    """By a secret; `weight`: what is divided is one."""
    mantissa = compare(b, tables=tables) + octave(b, _octaves(RECIPROCAL_OCTAVES), tables=tables) + product(b, b, b, b)
    part = weighted(b, out, out) if weight else product(a, b, out, out) + truncate(out, 18)
    return mantissa + part + product(out, b, out, out) + truncate(out, 24)


#: Of `ppc.runtime.mpc.gates.windows`: octaves of a window, its cells of cubic polynomials, bits of its results.
WINDOW, _CELLS, _SCALE = 2, 32, 47


def windows(n: int, octaves: int, zero: bool, cut: int, tables: Tables = Tables.LARGE) -> Count:
    """A function over so many octaves, its results truncated by `cut`; `zero`: a comparison with zero beside."""
    t, many = signs(tables=tables), ceil(octaves / WINDOW)
    all_signs, all_tables = n * (many + 1 + zero), n * many
    work = {**t.work(n, all_signs), "table": all_tables, "truncate": all_tables}
    offline = n * t.mask + all_signs * (t.sign + 8) + all_tables * (32 * _CELLS + 3 * undo(cut))
    return Count(work, 8 * n + 8 * all_tables + all_signs * (t.opened + 1 / 8), 2 + t.rounds, offline)


def window_cut(smallest: float, bits: int) -> int:
    """By how much the windows' results are truncated to `bits`, `smallest` being log2 of the function's value where the
    last window begins."""
    return _SCALE - floor(smallest) - bits

"""Comparisons, and what is made of them: maxima, rounding, indices (`ppc.runtime.mpc.gates.sign`, `.maximum`)."""

from ppc.runtime.schema import Tables
from ppc.targets.mpc.counts.count import NOTHING, Count
from ppc.targets.mpc.counts.linear import product, truncate, undo
from ppc.targets.mpc.counts.signs import keys, signs

#: Bits in which a value that is compared with zero alone is opened, where it is not divided.
NARROW = 48


def compare(n: int, thresholds: int = 1, products: bool = True, shift: int = 0, tables: Tables = Tables.LARGE) -> Count:
    return _compared(n, thresholds, products, shift, tables, 64)


def sign_of(n: int, shift: int = 0, tables: Tables = Tables.LARGE) -> Count:
    """max(x, 0) and its like: a comparison of a value of a plan with zero."""
    return _compared(n, 1, True, shift, tables, 64 if shift else NARROW)


def _compared(n: int, thresholds: int, products: bool, shift: int, tables: Tables, width: int) -> Count:
    t, all_signs, mask = signs(shift, tables, width), n * thresholds, undo(shift, width)
    if tables is Tables.DCF:  # in one round
        factors = (3 if mask else 2) if products else 1
        offline = n * (mask + 8 * factors + keys(t.levels, factors))
        return Count(t.work(n, all_signs), n * width // 8, 1, offline)
    offline = n * (t.mask + mask) + all_signs * (t.sign + 8 + (mask or 8 if products else 0))
    online = n * width // 8 + all_signs * (t.opened + 1 / 8)
    return Count(t.work(n, all_signs), online, 2 + t.rounds, offline)


FAN = 4


def maximum(
    candidates: int, n: int, values: int = 1, shift: int = 0, relu: bool = False, tables: Tables = Tables.LARGE
) -> Count:
    """The largest of `candidates`, n times: a tree of four at a time. See `ppc.runtime.mpc.protocols.maximum`."""
    total = NOTHING
    if shift:
        size, groups = _all_at_once(candidates)
        total += _all_pairs(size, groups * n, values, shift, relu and groups == 1, tables)
        candidates, relu = groups, relu and groups > 1
    while candidates > 1:
        groups, rest = divmod(candidates, FAN)
        size, groups = (FAN, groups) if groups else (rest, 1)
        candidates = groups + rest if size == FAN else 1
        total += _all_pairs(size, groups * n, values, 0, relu and candidates == 1, tables)
    return total


def _all_at_once(m: int) -> tuple[int, int]:
    sizes = [(size, -(-m // size)) for size in (FAN, 3, 2)]
    return min(sizes, key=lambda s: (_levels(s[1]), s[0] * s[1]))


def _levels(m: int) -> int:
    return 0 if m == 1 else 1 + _levels(m // FAN + m % FAN if m >= FAN else 1)


def _all_pairs(m: int, n: int, values: int, shift: int, relu: bool, tables: Tables) -> Count:
    t, pairs = signs(shift, tables), n * (m * (m - 1) // 2 + (m if relu else 0))
    work = {**t.work(pairs, pairs), "select": m * n}
    online, offline = 8 * values * m * n + pairs * t.opened, pairs * (t.mask + t.sign)
    undone = undo(shift) + (undo(shift) or 8) + 8 * (values - 1)
    if tables is not Tables.SMALL:
        rows = 2 ** (m - 1 + relu)
        each = 8 + 8 * (values - 1) + (undo(shift) or 8)
        return Count(work, online + pairs / 8, 2 + t.rounds, offline + m * n * rows * each)
    own = m - 1 + relu  # pairs of a candidate
    product = (1, 1) if own < 4 else (1, 2)  # bytes opened, and of the table: 2^own bits
    if own > 1:
        online, offline = online + m * n * product[0], offline + m * n * product[1]
    return Count(work, online + m * n / 8, 2 + t.rounds + (own > 1), offline + m * n * (8 + undone))


def whole(n: int, comparisons: int, tables: Tables = Tables.LARGE) -> Count:
    """Floor, Ceil (one comparison) and Round (two)."""
    return truncate(n) + compare(n, 1, False, tables=tables) * comparisons


def one_hot(n: int, depth: int) -> Count:
    return compare(n, 2 * depth + 1, False)


def ranks(n: int, row: int) -> Count:
    """Every pair of a row."""
    return compare(n * (row - 1) // 2, 1, False)


def top_k(n: int, row: int, k: int) -> Count:
    out = n // row * k
    return ranks(n, row) + compare(n, k, False) + product(n * k, n, out, n * k)

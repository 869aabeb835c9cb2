"""What MPC gates and operators take: work, rounds, bytes, offline bytes. Each function mirrors a gate or
protocol of the engine (`ppc.runtime.mpc`), and a test compares them with what the engine sends.

Bytes are those of the party that sends more. Offline bytes are the dealer's for one pass; masks of weights, which
travel once a session, are not in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, floor, log2

from ppc.ir.target import Cost
from ppc.runtime.ranges import LOG_OCTAVES, RECIPROCAL_OCTAVES, ROW_SPREAD_BITS, SQRT_OCTAVES


@dataclass(frozen=True)
class Count:
    """What a gate takes, before it is priced. `work`: how many of each unit, at the slower party, online:

    call      a step, whatever its size
    element   a local operation on an element
    compare   one opening and its digits; `sign`: each sign that is found with them
    product   an operand of a product of secrets; `mac`: a multiply-accumulate mod 2^64
    truncate, table   an element of these gates
    select    a candidate of a maximum

    A round has a price besides (framing, waking up, small-array overhead), to which the network adds its delay.
    """

    work: Mapping[str, float] = field(default_factory=dict)
    bytes: float = 0.0
    rounds: float = 0.0
    offline: float = 0.0

    def __add__(self, other: "Count") -> "Count":
        units = {**self.work, **{u: n + self.work.get(u, 0.0) for u, n in other.work.items()}}
        return Count(units, self.bytes + other.bytes, self.rounds + other.rounds, self.offline + other.offline)

    def __mul__(self, times: int) -> "Count":
        units = {u: n * times for u, n in self.work.items()}
        return Count(units, self.bytes * times, self.rounds * times, self.offline * times)

    def priced(self, prices: Mapping[str, float]) -> Cost:
        """`prices`: seconds of each unit, and of a "round"."""
        seconds = sum(n * prices[unit] for unit, n in self.work.items()) + self.rounds * prices["round"]
        return Cost(seconds, self.bytes, self.rounds, self.offline)


NOTHING = Count()
#: `mpc.checked`: one opening, and one share to the party that is told.
CHECKED = Count({"call": 1}, 16, 2, 16)


#: Bits in which a value that is compared with zero alone is opened, where it is not divided.
NARROW = 48


def undo(bits: int, width: int = 64) -> int:
    """Bytes that undo a mask where a value is divided by 2^bits, or opened in fewer than 64 bits; a mask is shared as
    it is where neither is so."""
    return 0 if not bits and width == 64 else 8 + _wrap(64 - width + bits)


def _wrap(bits: int) -> int:
    """Bytes of a shared wrap bit."""
    return 2 if bits <= 16 else 4 if bits <= 32 else 8


def truncate(n: int, bits: int = 16) -> Count:
    return Count({"truncate": n}, 8 * n, 1, n * undo(bits))


@dataclass(frozen=True)
class Signs:
    """Tables of a comparison (`ppc.runtime.mpc.gates.sign`): bytes by the dealer of an element's digits and of a sign,
    bytes opened for a sign, and the rounds in between."""

    digits: float
    sign: int
    opened: int
    rounds: int


#: By the bits of the number that is compared, at most: one round of large tables, or two of small ones.
_LARGE = ((43, Signs(56 + 1 / 8, 16, 2, 1)), (49, Signs(64 + 1 / 8, 32, 2, 1)), (64, Signs(144 + 1 / 8, 64, 4, 1)))
_SMALL = ((37, Signs(18 + 1 / 8, 8, 4, 2)), (49, Signs(24 + 1 / 8, 14, 4, 2)), (64, Signs(32 + 1 / 8, 18, 5, 2)))


def signs(shift: int = 0, small: bool = False, width: int = 64) -> Signs:
    """Of numbers that are truncated by `shift` in the same opening; 0: of as many bits as are opened."""
    bits = 63 - shift if shift else width
    return next(row for most, row in (_SMALL if small else _LARGE) if bits <= most)


def product(left: int, right: int, out: int, macs: int) -> Count:
    """Of two secrets."""
    return Count({"product": left + right, "mac": 2 * macs}, 8 * (left + right), 1, 8 * out)


def multiply(n: int, other: int | None = None) -> Count:
    """Element by element, of secrets, with its truncation."""
    return product(n, n if other is None else other, n, n) + truncate(n)


def square(n: int) -> Count:
    return Count({"product": n}, 8 * n, 1, 8 * n)


def weighted(x: int, out: int, macs: int, bits: int = 20, keep: bool = False) -> Count:
    """With a weight; truncated unless the result keeps its fractional bits. The client sends all but a bit each."""
    if keep:
        return Count({"product": x, "mac": macs}, 8 * x, 1, 8 * out)
    work = {"product": x, "truncate": out, "mac": macs}
    return Count(work, 8 * x + 8 * out, 2, out * (8 + undo(bits)))


def compare(n: int, thresholds: int = 1, products: bool = True, shift: int = 0, small: bool = False) -> Count:
    return _compared(n, thresholds, products, shift, small, 64)


def sign_of(n: int, shift: int = 0, small: bool = False) -> Count:
    """max(x, 0) and its like: a comparison of a value of a plan with zero."""
    return _compared(n, 1, True, shift, small, 64 if shift else NARROW)


def _compared(n: int, thresholds: int, products: bool, shift: int, small: bool, width: int) -> Count:
    t, all_signs, mask = signs(shift, small, width), n * thresholds, undo(shift, width)
    offline = n * (t.digits + mask) + all_signs * (t.sign + 8 + (mask or 8 if products else 0))
    online = n * width // 8 + all_signs * (t.opened + 1 / 8)
    return Count({"compare": n, "sign": all_signs}, online, 2 + t.rounds, offline)


FAN = 4


def maximum(candidates: int, n: int, values: int = 1, shift: int = 0, relu: bool = False, small: bool = False) -> Count:
    """The largest of `candidates`, n times: a tree of four at a time. See `ppc.runtime.mpc.protocols.maximum`."""
    total = NOTHING
    if shift:
        size, groups = _all_at_once(candidates)
        total += _all_pairs(size, groups * n, values, shift, relu and groups == 1, small)
        candidates, relu = groups, relu and groups > 1
    while candidates > 1:
        groups, rest = divmod(candidates, FAN)
        size, groups = (FAN, groups) if groups else (rest, 1)
        candidates = groups + rest if size == FAN else 1
        total += _all_pairs(size, groups * n, values, 0, relu and candidates == 1, small)
    return total


def _all_at_once(m: int) -> tuple[int, int]:
    sizes = [(size, -(-m // size)) for size in (FAN, 3, 2)]
    return min(sizes, key=lambda s: (_levels(s[1]), s[0] * s[1]))


def _levels(m: int) -> int:
    return 0 if m == 1 else 1 + _levels(m // FAN + m % FAN if m >= FAN else 1)


def _all_pairs(m: int, n: int, values: int, shift: int, relu: bool, small: bool) -> Count:
    t, pairs = signs(shift, small), n * (m * (m - 1) // 2 + (m if relu else 0))
    work = {"compare": pairs, "sign": pairs, "select": m * n}
    online, offline = 8 * values * m * n + pairs * t.opened, pairs * (t.digits + t.sign)
    undone = undo(shift) + (undo(shift) or 8) + 8 * (values - 1)
    if not small:
        rows = 2 ** (m - 1 + relu)
        each = 8 + 8 * (values - 1) + (undo(shift) or 8)
        return Count(work, online + pairs / 8, 2 + t.rounds, offline + m * n * rows * each)
    own = m - 1 + relu  # pairs of a candidate
    product = (1, 1) if own < 4 else (1, 2)  # bytes opened, and of the table: 2^own bits
    if own > 1:
        online, offline = online + m * n * product[0], offline + m * n * product[1]
    return Count(work, online + m * n / 8, 2 + t.rounds + (own > 1), offline + m * n * (8 + undone))


def table(n: int, k: int, cut: int = 34) -> Count:
    """A table of cubic polynomials on 2^k cells, truncated by `cut`."""
    word = 2 if k + 12 <= 16 else 4
    return Count({"table": n}, word * n, 1, n * 2**k * 32) + truncate(n, cut)


def guarded(
    n: int, words: int, limits: int, cut: int, shift: int = 0, tail: bool = False, small: bool = False
) -> Count:
    """A table of so many words an element between so many limits, its result truncated by `cut`, in one go; `tail`: x
    beyond the last limit as well."""
    t, all_signs = signs(shift, small), n * limits
    work = {"compare": n, "sign": all_signs, "table": n, "truncate": n}
    values = undo(cut) * (1 + limits) + (undo(shift) + (undo(shift) or 8) if tail else 0)
    offline = n * (t.digits + 8 * words + values) + all_signs * (t.sign + 8)
    return Count(work, 16 * n + all_signs * (t.opened + 1 / 8), 2 + t.rounds, offline)


def smooth(n: int, k: int, half: int | None = None, shift: int = 0, small: bool = False, tail: bool = False) -> Count:
    """A table of cubic polynomials on 2^k cells, with both its ends; with small tables by way of |x| on 2^half cells,
    where the function allows that."""
    if small and half is not None:
        return compare(n, 3, True, shift, True) + table(n, half)
    return guarded(n, 4 * 2**k, 2, 34, shift, tail, small)


def octave(n: int, octaves: int, signed: bool = False, small: bool = False, cut: int = 26) -> Count:
    """Normalisation over so many octaves, and a table on the mantissa, truncated by `cut`; `signed`: a comparison with
    zero beside."""
    local = Count({"element": 4 * n * octaves})
    return compare(n, octaves + 1 + signed, small=small) + local + table(n, 5, cut)


def power_of(n: int, octaves: int, signed: bool = False, small: bool = False) -> Count:
    """x^e by octaves, before its last truncation."""
    return octave(n, octaves, signed, small) + product(n, n, n, n)


def root(n: int, small: bool = False, shift: int = 0) -> Count:
    """x^(1/2) of a value with `shift` fractional bits more than usual."""
    octaves = SQRT_OCTAVES[1] + min(16 + shift, 32)
    return power_of(n, octaves, True, small) + truncate(n, 32)


def inverse_root(n: int, small: bool = False) -> Count:
    """x^(-1/2)."""
    return power_of(n, _octaves(SQRT_OCTAVES), small=small) + truncate(n, 34)


def _octaves(bounds: tuple[int, int]) -> int:
    return bounds[1] - bounds[0]


def logarithm(n: int, small: bool = False) -> Count:
    return octave(n, _octaves(LOG_OCTAVES), small=small, cut=34)


def softsign(n: int, small: bool = False) -> Count:
    inverse = power_of(n, RECIPROCAL_OCTAVES[1], small=small)
    return compare(n, small=small) + inverse + truncate(n, 25) + product(n, n, n, n)


def reciprocal(n: int, small: bool = False) -> Count:
    """Of either sign."""
    inverse = power_of(n, _octaves(RECIPROCAL_OCTAVES), small=small)
    return compare(n, small=small) + inverse + truncate(n, 25) + product(n, n, n, n)


def quotient(a: int, b: int, out: int, weight: bool, small: bool = False) -> Count:
    """By a secret; `weight`: what is divided is one."""
    mantissa = compare(b, small=small) + octave(b, _octaves(RECIPROCAL_OCTAVES), small=small) + product(b, b, b, b)
    part = weighted(b, out, out) if weight else product(a, b, out, out) + truncate(out, 18)
    return mantissa + part + product(out, b, out, out) + truncate(out, 24)


def row_octaves(row: int) -> int:
    return ceil(log2(row)) + 2


def exponentials(n: int, row: int, small: bool = False, shift: int = 0) -> Count:
    """exp(x − max) over rows."""
    return maximum(row, n // row, shift=shift, small=small) + guarded(n, 2**4, 1, 18, shift, small=small)


def softmax(n: int, row: int, small: bool = False, shift: int = 0) -> Count:
    rows, short = n // row, row <= 64 and not small
    inverse = table(rows, ceil(log2(8 * row - 5)), 26) if short else power_of(rows, row_octaves(row), small=small)
    return exponentials(n, row, small, shift) + inverse + product(n, rows, n, n) + truncate(n, 30)


#: Of `ppc.runtime.mpc.protocols.softmax`: fractional bits of exponentials without a maximum, and of their quotients.
_POWERS, _QUOTIENT = 52, 60


def bounded_softmax(n: int, row: int, small: bool = False, shift: int = 0) -> Count:
    """Of logits in a known range; the comparisons that check it take no round of their own."""
    rows, t = n // row, signs(shift, small)
    work = {"compare": n, "sign": 2 * n, "table": n}
    offline = n * (t.digits + 8 * 2**4) + 2 * n * (t.sign + 8)
    look = Count(work, 8 * n + 2 * n * (t.opened + 1 / 8), 1, offline)
    top = ceil(log2(row)) + 1
    bits = 17 + max(0, top - WINDOW)
    if small:
        inverse = power_of(rows, ROW_SPREAD_BITS + top, small=True) + truncate(rows, 23 + top - bits)
    else:
        inverse = windows(rows, ROW_SPREAD_BITS + top, False, window_cut(WINDOW - top, bits))
    cut = replace(truncate(n, _POWERS - _QUOTIENT + bits), rounds=0.0)
    return look + cut + inverse + product(n, rows, n, n) + truncate(n, _QUOTIENT - 16)


def log_softmax(n: int, row: int, small: bool = False) -> Count:
    return exponentials(n, row, small) + octave(n // row, row_octaves(row), small=small, cut=34)


def whole(n: int, comparisons: int) -> Count:
    """Floor, Ceil (one comparison) and Round (two)."""
    return truncate(n) + compare(n, 1, False) * comparisons


def one_hot(n: int, depth: int) -> Count:
    return compare(n, 2 * depth + 1, False)


def ranks(n: int, row: int) -> Count:
    """Every pair of a row."""
    return compare(n * (row - 1) // 2, 1, False)


def top_k(n: int, row: int, k: int) -> Count:
    out = n // row * k
    return ranks(n, row) + compare(n, k, False) + product(n * k, n, out, n * k)


def lp_norm(n: int, row: int, p: int, small: bool = False) -> Count:
    if p == 2:
        return norm(n, row, 0.0, centre=False, scaled=False, small=small, numerator=1.0)
    rows = n // row
    inverse = power_of(rows, RECIPROCAL_OCTAVES[1] + 16, True, small) + truncate(rows, 18)
    return sign_of(n, small=small) + inverse + product(n, rows, n, n) + truncate(n, 24)


def product_tree(n: int, out: int) -> Count:
    total, left = NOTHING, n // out
    while left > 1:
        total += multiply(left // 2 * out)
        left -= left // 2
    return total


def recurrent(op: str, time: int, batch: int, width: int, hidden: int, directions: int, variant: bool) -> Count:
    """LSTM, GRU (`variant`: linear before reset) or RNN (`variant`: Relu), unrolled."""
    n, x = directions * batch * hidden, batch * width

    def times_r(gates: int) -> Count:
        return weighted(n, gates * n, gates * n * hidden)

    def products(terms: int) -> Count:
        return product(terms * n, terms * n, terms * n, terms * n) + truncate(n)

    if op == "LSTM":
        gates, step = 4, times_r(4) + smooth(4 * n, 5) + products(2) + smooth(n, 5) + products(1)
    elif op == "GRU":
        inner = times_r(3) if variant else times_r(2) + times_r(1)
        gates, step = 3, inner + smooth(2 * n, 5) + products(1) + smooth(n, 5) + products(1)
    else:
        gates, step = 1, times_r(1) + (sign_of(n) if variant else smooth(n, 5))
    return weighted(time * x, time * gates * n, time * gates * n * width) + step * time


#: Of `ppc.runtime.mpc.gates.windows`: octaves of a window, its cells of cubic polynomials, bits of its results.
WINDOW, _CELLS, _SCALE = 2, 32, 47


def windows(n: int, octaves: int, zero: bool, cut: int) -> Count:
    """A function over so many octaves, its results truncated by `cut`; `zero`: a comparison with zero beside."""
    t, tables = signs(), ceil(octaves / WINDOW)
    all_signs, all_tables = n * (tables + 1 + zero), n * tables
    work = {"compare": n, "sign": all_signs, "table": all_tables, "truncate": all_tables}
    offline = n * t.digits + all_signs * (t.sign + 8) + all_tables * (32 * _CELLS + 3 * undo(cut))
    return Count(work, 8 * n + 8 * all_tables + all_signs * (t.opened + 1 / 8), 2 + t.rounds, offline)


def window_cut(smallest: float, bits: int) -> int:
    """By how much the windows' results are truncated to `bits`, `smallest` being log2 of the function's value where the
    last window begins."""
    return _SCALE - floor(smallest) - bits


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
    small: bool = False,
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
    squares = undo(spread - bits) + 8 + _wrap(spread - bits) + undo(spread - _WIDE)
    total = Count({"product": n, "truncate": n}, 8 * n, 1, n * squares)
    lo = max(17, floor(log2(row * epsilon * rest**2) + 2 * bits) if epsilon > 0 else 0)
    of = log2(row**0.5 if numerator is None else numerator) + bits  # log2 of the root of 1
    if small:
        root = power_of(rows, 61 - lo, True, True) + truncate(rows, 40 + ceil(60 / 2 - of) - _ROOT)
    else:
        root = windows(rows, 61 - lo, True, window_cut(of - (61 - WINDOW) / 2, _ROOT))
    if scaled:  # in the rounds of the root
        root = replace(root + weighted(n, n, n), rounds=root.rounds)
    total += root + product(n, rows, n, n)
    return total if keep else total + truncate(n, NORM_BITS - 16)

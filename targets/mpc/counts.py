"""What MPC gates and operators take: work, rounds, bytes, offline bytes. Each function mirrors a gate or
protocol of the engine (`ppc.runtime.mpc`), and a test compares them with what the engine sends.

Bytes are those of the party that sends more. Offline bytes are the dealer's for one pass; masks of weights, which
travel once a session, are not in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor, log2

from ppc.ir.target import Cost
from ppc.runtime.ranges import LOG_OCTAVES, RECIPROCAL_OCTAVES, SQRT_OCTAVES


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


def truncate(n: int, bits: int = 16) -> Count:
    return Count({"truncate": n}, 8 * n, 1, n * (8 + _wrap(bits)))


def _wrap(bits: int) -> int:
    """Bytes of a shared wrap bit."""
    return 2 if bits <= 16 else 4 if bits <= 32 else 8


def product(left: int, right: int, out: int, macs: int) -> Count:
    """Of two secrets."""
    return Count({"product": left + right, "mac": 2 * macs}, 8 * (left + right), 1, 8 * out)


def multiply(n: int, other: int | None = None) -> Count:
    """Element by element, of secrets, with its truncation."""
    return product(n, n if other is None else other, n, n) + truncate(n)


def square(n: int) -> Count:
    return Count({"product": n}, 8 * n, 1, 8 * n)


def weighted(x: int, out: int, macs: int, bits: int = 20) -> Count:
    """With a weight, truncation included: the client sends both messages."""
    work = {"product": x, "truncate": out, "mac": macs}
    return Count(work, 8 * x + 8 * out, 2, out * (16 + _wrap(bits)))


def compare(n: int, thresholds: int = 1, products: bool = True) -> Count:
    signs = n * thresholds
    offline = n * (144 + 1 / 8) + signs * (64 + (16 if products else 8))
    return Count({"compare": n, "sign": signs}, 8 * n + signs * (4 + 1 / 8), 3, offline)


def maximum(candidates: int, n: int, values: int = 1) -> Count:
    """The largest of `candidates`, n times: a tree of four at a time."""
    total = NOTHING
    while candidates > 1:
        groups, rest = divmod(candidates, 4)
        total += _all_pairs(4, groups * n, values) if groups else _all_pairs(rest, n, values)
        candidates = groups + rest if groups else 1
    return total


def _all_pairs(m: int, n: int, values: int) -> Count:
    pairs = n * m * (m - 1) // 2
    work = {"compare": pairs, "sign": pairs, "select": m * n}
    offline = pairs * (144 + 1 / 8 + 64) + m * n * 2 ** (m - 1) * (1 + values) * 8
    return Count(work, 8 * values * m * n + pairs * (4 + 1 / 8), 3, offline)


def table(n: int, k: int) -> Count:
    """A table of cubic polynomials on 2^k cells, truncated."""
    word = 2 if k + 12 <= 16 else 4
    return Count({"table": n}, word * n, 1, n * 2**k * 32) + truncate(n, 34)


def exponential(n: int, k: int, bits: int) -> Count:
    return Count({"table": n}, 4 * n, 1, n * 2**k * 8) + truncate(n, bits)


def smooth(n: int, k: int) -> Count:
    return compare(n, 2) + table(n, k)


def octave(n: int, octaves: int, signed: bool = False) -> Count:
    """Normalisation over so many octaves, and a table on the mantissa; `signed`: a comparison with zero beside."""
    local = Count({"element": 4 * n * octaves})
    return compare(n, octaves + 1 + signed) + local + table(n, 5)


def power_of(n: int, octaves: int, signed: bool = False) -> Count:
    """x^e by octaves, before its last truncation."""
    return octave(n, octaves, signed) + product(n, n, n, n)


def root(n: int, signed: bool) -> Count:
    """x^(1/2) or x^(-1/2)."""
    return power_of(n, _octaves(SQRT_OCTAVES), signed) + truncate(n, 31)


def _octaves(bounds: tuple[int, int]) -> int:
    return bounds[1] - bounds[0]


def logarithm(n: int) -> Count:
    return octave(n, _octaves(LOG_OCTAVES))


def softsign(n: int) -> Count:
    return compare(n) + power_of(n, RECIPROCAL_OCTAVES[1]) + truncate(n, 25) + product(n, n, n, n)


def reciprocal(n: int) -> Count:
    """Of either sign."""
    return compare(n) + power_of(n, _octaves(RECIPROCAL_OCTAVES)) + truncate(n, 25) + product(n, n, n, n)


def quotient(a: int, b: int, out: int, weight: bool) -> Count:
    """By a secret; `weight`: what is divided is one."""
    mantissa = compare(b) + octave(b, _octaves(RECIPROCAL_OCTAVES)) + product(b, b, b, b)
    part = weighted(b, out, out) if weight else product(a, b, out, out) + truncate(out, 18)
    return mantissa + part + product(out, b, out, out) + truncate(out, 24)


def row_octaves(row: int) -> int:
    return ceil(log2(row)) + 2


def exponentials(n: int, row: int) -> Count:
    """exp(x − max) over rows."""
    return maximum(row, n // row) + compare(n) + exponential(n, 4, 18)


def softmax(n: int, row: int) -> Count:
    rows = n // row
    return exponentials(n, row) + power_of(rows, row_octaves(row)) + product(n, rows, n, n) + truncate(n, 30)


def log_softmax(n: int, row: int) -> Count:
    return exponentials(n, row) + octave(n // row, row_octaves(row))


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


def lp_norm(n: int, row: int, p: int) -> Count:
    if p == 2:
        return norm(n, row, 0.0, centre=False, scaled=False)
    rows = n // row
    inverse = power_of(rows, RECIPROCAL_OCTAVES[1] + 16, True) + truncate(rows, 18)
    return compare(n) + inverse + product(n, rows, n, n) + truncate(n, 24)


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
        gates, step = 1, times_r(1) + (compare(n) if variant else smooth(n, 5))
    return weighted(time * x, time * gates * n, time * gates * n * width) + step * time


def norm(n: int, row: int, epsilon: float, centre: bool = True, scaled: bool = True) -> Count:
    """Rows of `row` elements over their deviation; `scaled`: times a weight."""
    rows = n // row
    more = max(0, (13 - ceil(log2(row))) // 2)
    least = floor(log2(row * epsilon) + 2 * (16 + more)) if epsilon > 0 else 0
    root = power_of(rows, 61 - max(17, least), True) + truncate(rows, 30)
    mean = truncate(rows, 34 - more) if centre else NOTHING
    after = weighted(n, n, n) if scaled else NOTHING
    return mean + square(n) + root + product(n, rows, n, n) + truncate(n, 20 + more) + after

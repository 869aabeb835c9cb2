"""What MPC gates and operators take: rounds, bytes, offline bytes, seconds. Each function mirrors a gate or
protocol of the engine (`ppc.runtime.mpc`), and a test compares them with what the engine sends.

Bytes are those of the party that sends more. Offline bytes are the dealer's for one pass; masks of weights, which
travel once a session, are not in them.
"""

from math import ceil, log2

from ppc.ir.target import Cost
from ppc.targets.mpc.times import TIMES

NOTHING = Cost()


def cost(seconds: float, bytes: float, rounds: float, offline: float) -> Cost:
    return Cost(seconds + rounds * TIMES["round"], bytes, rounds, offline)


def truncate(n: int, bits: int = 16) -> Cost:
    return cost(n * TIMES["truncate"], 8 * n, 1, n * (8 + _wrap(bits)))


def _wrap(bits: int) -> int:
    """Bytes of a shared wrap bit."""
    return 2 if bits <= 16 else 4 if bits <= 32 else 8


def product(left: int, right: int, out: int, macs: int) -> Cost:
    """Of two secrets."""
    return cost((left + right) * TIMES["product"] + 2 * macs * TIMES["mac"], 8 * (left + right), 1, 8 * out)


def multiply(n: int, other: int | None = None) -> Cost:
    """Element by element, of secrets, with its truncation."""
    return product(n, n if other is None else other, n, n) + truncate(n)


def square(n: int) -> Cost:
    return cost(n * TIMES["product"], 8 * n, 1, 8 * n)


def weighted(x: int, out: int, macs: int, bits: int = 20) -> Cost:
    """With a weight, truncation included: the client sends both messages."""
    seconds = x * TIMES["product"] + out * TIMES["truncate"] + macs * TIMES["mac"]
    return cost(seconds, 8 * x + 8 * out, 2, out * (16 + _wrap(bits)))


def compare(n: int, thresholds: int = 1, products: bool = True) -> Cost:
    signs = n * thresholds
    seconds = n * TIMES["compare"] + signs * TIMES["sign"]
    offline = n * (144 + 1 / 8) + signs * (64 + (16 if products else 8))
    return cost(seconds, 8 * n + signs * (4 + 1 / 8), 3, offline)


def maximum(candidates: int, n: int, values: int = 1) -> Cost:
    """The largest of `candidates`, n times: a tree of four at a time."""
    total = NOTHING
    while candidates > 1:
        groups, rest = divmod(candidates, 4)
        total += _all_pairs(4, groups * n, values) if groups else _all_pairs(rest, n, values)
        candidates = groups + rest if groups else 1
    return total


def _all_pairs(m: int, n: int, values: int) -> Cost:
    pairs = n * m * (m - 1) // 2
    seconds = pairs * (TIMES["compare"] + TIMES["sign"]) + m * n * TIMES["select"]
    offline = pairs * (144 + 1 / 8 + 64) + m * n * 2 ** (m - 1) * (1 + values) * 8
    return cost(seconds, 8 * values * m * n + pairs * (4 + 1 / 8), 3, offline)


def table(n: int, k: int) -> Cost:
    """A table of cubic polynomials on 2^k cells, truncated."""
    word = 2 if k + 12 <= 16 else 4
    return cost(n * TIMES["table"], word * n, 1, n * 2**k * 32) + truncate(n, 34)


def exponential(n: int, k: int, bits: int) -> Cost:
    return cost(n * TIMES["table"], 4 * n, 1, n * 2**k * 8) + truncate(n, bits)


def smooth(n: int, k: int) -> Cost:
    return compare(n, 2) + table(n, k)


def octave(n: int, octaves: int) -> Cost:
    """Normalisation over so many octaves, and a table on the mantissa."""
    local = Cost(seconds=4 * n * octaves * TIMES["element"])
    return compare(n, octaves + 1) + local + table(n, 5)


def power_of(n: int, octaves: int) -> Cost:
    """x^e by octaves, before its last truncation."""
    return octave(n, octaves) + product(n, n, n, n)


def reciprocal(n: int) -> Cost:
    """Of either sign, over 2^-10 .. 2^18."""
    return compare(n) + power_of(n, 28) + truncate(n, 25) + product(n, n, n, n)


def row_octaves(row: int) -> int:
    return ceil(log2(row)) + 2


def exponentials(n: int, row: int) -> Cost:
    """exp(x − max) over rows."""
    return maximum(row, n // row) + compare(n) + exponential(n, 4, 18)


def softmax(n: int, row: int) -> Cost:
    rows = n // row
    return exponentials(n, row) + power_of(rows, row_octaves(row)) + product(n, rows, n, n) + truncate(n, 30)


def log_softmax(n: int, row: int) -> Cost:
    return exponentials(n, row) + octave(n // row, row_octaves(row))


def norm(n: int, row: int, epsilon: float) -> Cost:
    rows = n // row
    lo = max(0, int(log2(row * epsilon) + 32))
    root = power_of(rows, 60 - lo) + truncate(rows, 30)
    return truncate(rows, 26) + square(n) + root + product(n, rows, n, n) + truncate(n, 20) + weighted(n, n, n)

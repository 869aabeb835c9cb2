"""LRN under MPC: which attributes there is a protocol for (`ppc.runtime.mpc.protocols.lrn`), and what it takes."""

from math import ceil, log2

from ppc.ir.module import Op
from ppc.runtime.ranges import lrn_range
from ppc.runtime.schema import FRACTION_BITS, Tables
from ppc.targets.mpc.counts.count import Count
from ppc.targets.mpc.counts.functions import WINDOW, power_of, window_cut, windows
from ppc.targets.mpc.counts.linear import product, square, truncate


def _attributes(op: Op) -> tuple[int, float, float, float]:
    attrs = op.attrs
    size, alpha, beta, bias = attrs["size"], attrs.get("alpha", 1e-4), attrs.get("beta", 0.75), attrs.get("bias", 1.0)
    return int(size), float(alpha), float(beta), float(bias)  # type: ignore[arg-type]


def refuses(op: Op) -> str | None:
    size, alpha, beta, bias = _attributes(op)
    if lrn_range(size, alpha, beta, bias) is not None:
        return None
    return f"MPC has no protocol for LRN of size {size}, alpha {alpha:g}, beta {beta:g}, bias {bias:g}"


def count(op: Op, n: int, tables: Tables) -> Count:
    """Of n elements."""
    size, alpha, beta, bias = _attributes(op)
    over = lrn_range(size, alpha, beta, bias)
    assert over is not None, "the target refuses such attributes"
    of_one = beta * (2 * FRACTION_BITS - log2(alpha / size))  # log2 of the power of a sum of one unit
    octaves = over.hi - over.lo
    if tables is Tables.SMALL:
        scale = 24 + max(0, ceil(beta * (over.hi - 1) - of_one)) + 16
        power = power_of(n, octaves, tables=tables) + truncate(n, scale - over.bits)
    else:
        power = windows(n, octaves, False, window_cut(of_one - beta * (over.hi - WINDOW), over.bits), tables)
    return square(n) + power + product(n, n, n, n) + truncate(n, over.bits)

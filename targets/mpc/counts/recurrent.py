"""Recurrent nets, unrolled (`ppc.runtime.mpc.protocols.recurrent`)."""

from ppc.runtime.schema import Tables
from ppc.targets.mpc.counts.compare import sign_of
from ppc.targets.mpc.counts.count import Count
from ppc.targets.mpc.counts.functions import smooth
from ppc.targets.mpc.counts.linear import product, truncate, weighted


def recurrent(
    op: str,
    time: int,
    batch: int,
    width: int,
    hidden: int,
    directions: int,
    variant: bool,
    tables: Tables = Tables.LARGE,
) -> Count:
    """LSTM, GRU (`variant`: linear before reset) or RNN (`variant`: Relu), unrolled."""
    n, x = directions * batch * hidden, batch * width

    def times_r(gates: int) -> Count:
        return weighted(n, gates * n, gates * n * hidden)

    def products(terms: int) -> Count:
        return product(terms * n, terms * n, terms * n, terms * n) + truncate(n)

    def curve(n: int) -> Count:
        return smooth(n, 5, tables=tables)

    if op == "LSTM":
        gates, step = (
            4,
            times_r(4) + curve(4 * n) + products(2) + curve(n) + products(1),
        )
    elif op == "GRU":
        inner = times_r(3) if variant else times_r(2) + times_r(1)
        gates, step = (
            3,
            inner + curve(2 * n) + products(1) + curve(n) + products(1),
        )
    else:
        gates, step = 1, times_r(1) + (sign_of(n, tables=tables) if variant else curve(n))
    return weighted(time * x, time * gates * n, time * gates * n * width) + step * time

"""Recurrent nets, unrolled (`ppc.runtime.mpc.protocols.recurrent`)."""

from ppc.targets.mpc.counts.compare import sign_of
from ppc.targets.mpc.counts.count import Count
from ppc.targets.mpc.counts.functions import smooth
from ppc.targets.mpc.counts.linear import product, truncate, weighted


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

"""Which variant of a protocol a step takes: how large a comparison's tables are (large ones take a round less, small
ones fewer bytes) or whether it has none but keys (one round or two less, and far more work), and whether a Softmax does
without the maximum of its rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ppc.ir.logits import logits_below
from ppc.ir.module import Module, Op
from ppc.runtime.schema import Tables

Price = Callable[[Op], float]


def choose_tables(module: Module, of_mpc: Callable[[Op], bool], price: Price) -> Module:
    """Every MPC operator (`of_mpc`) in its cheapest variant; `price` weighs a step as the objective does. Large tables
    are the default and stand in no attribute."""

    def cheapest(op: Op) -> Op:
        return min(_variants(op, module), key=price)  # the first of equals

    return replace(module, ops=tuple(cheapest(op) if of_mpc(op) else op for op in module.ops))


def _variants(op: Op, module: Module) -> Iterator[Op]:
    ways = [op]
    below = logits_below(op, module)
    if below is not None:
        ways.append(replace(op, attrs={**op.attrs, "below": below}))
    for way in ways:
        yield way
        for tables in (Tables.SMALL, Tables.DCF):
            yield replace(way, attrs={**way.attrs, "tables": tables.value})

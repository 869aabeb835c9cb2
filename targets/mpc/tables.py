"""Which tables a comparison uses: large ones, which take a round less, or small ones, which take fewer bytes."""

from collections.abc import Callable
from dataclasses import replace

from ppc.ir.module import Module, Op

Price = Callable[[Op], float]


def choose_tables(module: Module, of_mpc: Callable[[Op], bool], price: Price) -> Module:
    """Every MPC operator (`of_mpc`) with the cheaper tables; `price` weighs a step as the objective does. Large ones
    are the default and stand in no attribute."""

    def cheaper(op: Op) -> Op:
        small = replace(op, attrs={**op.attrs, "tables": "small"})
        return small if price(small) < price(op) else op

    return replace(module, ops=tuple(cheaper(op) if of_mpc(op) else op for op in module.ops))

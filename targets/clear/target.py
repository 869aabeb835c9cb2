"""In clear at the owner: every operator that has a numpy kernel. Whether labels allow it is judged elsewhere."""

from dataclasses import dataclass, field

from ppc.ir.module import Module, Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.runtime.kernels import KERNELS
from ppc.targets.clear import work
from ppc.targets.prices import Prices


@dataclass(frozen=True, slots=True)
class ClearTarget:
    """A party's own machine: no cryptography, no traffic."""

    domain: Domain
    prices: Prices = field(default_factory=Prices.shipped, repr=False)

    def refuses(self, op: Op, module: Module) -> str | None:
        return None if op.name in KERNELS else f"there is no numpy kernel for {op.name}"

    def cost(self, op: Op, module: Module, rung: HeRung, level: int = 0) -> Cost:
        return Cost(seconds=work.seconds(op, module, self.prices.clear))

    def depth(self, op: Op, module: Module) -> int:
        return 0


def client_target(prices: Prices | None = None) -> ClearTarget:
    """The client computes on what it may see."""
    return ClearTarget(Domain.CLIENT, prices or Prices.shipped())


def server_target(prices: Prices | None = None) -> ClearTarget:
    """The server computes on what it may see."""
    return ClearTarget(Domain.SERVER, prices or Prices.shipped())

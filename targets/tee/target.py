"""Inside the attested enclave: every numeric operator that has a numpy kernel."""

from dataclasses import dataclass, field

from ppc.ir.module import Module, Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.runtime.kernels import KERNELS
from ppc.targets.clear import work
from ppc.targets.prices import Prices

NUMBER_BYTES = 8  # kernels compute in float64


@dataclass(frozen=True, slots=True)
class TEETarget:
    """The enclave beside the server. What enters and leaves is paid by the conversions, not here."""

    domain: Domain = Domain.TEE
    #: An enclave with memory encryption over the same machine in clear (SEV-SNP, TDX: 2 to 8 % published; rounded up).
    slowdown: float = 1.1
    prices: Prices = field(default_factory=Prices.shipped, repr=False)

    def refuses(self, op: Op, module: Module) -> str | None:
        if op.name not in KERNELS:
            return f"there is no numpy kernel for {op.name}"
        texts = [name for name in (*op.operands, *op.results) if name and module.type_of(name).dtype == "str"]
        return f"{texts[0]} holds text, and only numbers cross the enclave's boundary" if texts else None

    def cost(self, op: Op, module: Module, rung: HeRung, level: int = 0) -> Cost:
        held = (name for name in (*op.operands, *op.results) if name in module.constants or name in op.results)
        memory = NUMBER_BYTES * sum(module.type_of(name).size for name in held)
        return Cost(seconds=self.slowdown * work.seconds(op, module, self.prices.clear), memory=memory)

    def depth(self, op: Op, module: Module) -> int:
        return 0

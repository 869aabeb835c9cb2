"""Name every op that is not HE's as the plan step it is (HE's own lowering is `ppc.targets.he`)."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.module import Module, Op, Stage
from ppc.ir.types import Domain


@dataclass(frozen=True)
class Lower:
    """`Conv` in domain mpc becomes step `mpc.Conv`, with the same operands and attributes."""

    name: ClassVar[str] = "lower"

    def run(self, module: Module) -> Module:
        return replace(module, stage=Stage.LOWERED, ops=tuple(map(_step, module.ops)))


def _step(op: Op) -> Op:
    if "." in op.name or op.domain is None:
        return op
    if op.domain is Domain.HE:
        raise AssertionError(f"{op.name} ({op.loc}) was left by the HE lowering")
    return replace(op, name=f"{op.domain}.{op.name}")

"""Dead code: ops whose results reach no output."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.module import Module, Stage
from ppc.passes.base import Pass


@dataclass(frozen=True)
class Dce(Pass):
    """Removes ops, values and constants that no output depends on. Every operator is pure, so none is kept."""

    name: ClassVar[str] = "dce"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED, Stage.LABELLED)

    def run(self, module: Module) -> Module:
        live = set(module.outputs)
        kept = []
        for op in reversed(module.ops):
            if live.intersection(op.results):
                kept.append(op)
                live.update(op.operands)
        if len(kept) == len(module.ops):
            return module
        names = {r for op in kept for r in op.results} | set(module.inputs)
        return replace(
            module,
            ops=tuple(reversed(kept)),
            values={n: v for n, v in module.values.items() if n in names},
            constants={n: c for n, c in module.constants.items() if n in live},
        )

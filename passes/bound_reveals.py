"""Where polynomials stand in for functions under HE, let who learns a result know that a value left their range."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.module import Module, Op, Stage
from ppc.ir.types import Domain
from ppc.passes.base import Pass

#: A result so many times the largest that calibration leads one to expect is refused. Polynomials grow as fast as their
#: degree outside their range, and a value that wraps the modulus is uniform in it; an honest result is rarely so large.
BEYOND = 2.0
#: Reveals that look at their bound.
CHECKED = ("reveal.he_to_client", "reveal.mpc_to_client", "reveal.mpc_to_server")


@dataclass(frozen=True)
class BoundReveals(Pass):
    """Give each reveal of a value that depends on a polynomial under HE a `bound`, from the value's calibrated range.

    The party that learns the value raises PPC6010 beyond it. Not seen: an operand outside its range whose result still
    looks like one, and what MPC squashes on the way (an argmax, a sigmoid).
    """

    name: ClassVar[str] = "bound-reveals"
    requires: ClassVar[Stage] = Stage.CONVERTED
    ensures: ClassVar[Stage] = Stage.CONVERTED

    def run(self, module: Module) -> Module:
        depends = set[str]()
        ops = list[Op]()
        for op in module.ops:
            if (op.domain is Domain.HE and op.name == "Polynomial") or depends.intersection(op.operands):
                depends.update(op.results)
                op = self._bounded(op, module)
            ops.append(op)
        return replace(module, ops=tuple(ops)) if depends else module

    def _bounded(self, op: Op, module: Module) -> Op:
        if op.name not in CHECKED:
            return op
        value = module.values[op.operands[0]]
        if value.range is None or value.type.dtype not in ("f32", "f64"):
            return op
        bound = BEYOND * max(map(abs, value.range))
        return replace(op, attrs={**op.attrs, "bound": bound}) if bound > 0 else op

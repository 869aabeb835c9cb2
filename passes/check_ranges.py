"""Where a value leaves MPC, let the party that learns what is made of it know whether a function was out of range."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.logits import logits_below
from ppc.ir.module import Module, Op, Stage
from ppc.ir.slices import reveals_of
from ppc.ir.types import Domain
from ppc.passes.base import Pass
from ppc.runtime.ranges import counts_values


@dataclass(frozen=True)
class CheckRanges(Pass):
    """Insert `mpc.checked` before a value's reveal or conversion out of MPC, where nodes under MPC that it depends on,
    and that no check on the way told about yet, have a declared range. A value that nobody learns is not checked."""

    name: ClassVar[str] = "check-ranges"
    requires: ClassVar[Stage] = Stage.CONVERTED
    ensures: ClassVar[Stage] = Stage.CONVERTED

    def run(self, module: Module) -> Module:
        pending: dict[str, tuple[str, ...]] = {}  # value -> nodes it depends on that are not told about
        ops: list[Op] = []
        values = dict(module.values)
        for op in module.ops:
            before = [n for o in op.operands for n in pending.get(o, ())]
            if op.domain is Domain.MPC and (counts_values(op.name, op.attrs) or logits_below(op, module) is not None):
                before.append(op.loc)
            nodes = tuple(dict.fromkeys(before))
            if nodes and op.name.startswith(("reveal.mpc_to_", "convert.mpc_to_")):
                learns = reveals_of(module, op.operands)
                if learns:
                    (value,) = op.operands
                    copy = f"{value}_checked"
                    while copy in values:
                        copy += "_"
                    values[copy] = values[value]
                    to = learns[0].name.rpartition("_")[2]
                    ops.append(Op("mpc.checked", (value,), (copy,), {"of": nodes, "to": to}, op.loc, Domain.MPC))
                    op = replace(op, operands=(copy,))
                nodes = ()
            pending.update(dict.fromkeys(op.results, nodes))
            ops.append(op)
        return module if len(ops) == len(module.ops) else replace(module, ops=tuple(ops), values=values)

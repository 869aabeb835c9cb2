"""FOLDED -> LABELLED: whose secrets every value depends on.

Labels of inputs and constants come from the policy and go forward through the label rule of each operator
(Denning 1976: straight-line code has explicit flows only).
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.label import Label
from ppc.ir.lookup import result_label
from ppc.ir.module import Module, Stage
from ppc.ir.parameters import parameters_of
from ppc.ir.policy import DEFAULT, Policy


@dataclass(frozen=True)
class LabelFlow:
    """Give every value a label.

    `imported` is the module before folding; it matters where a policy makes only some of the weights public
    (see `ppc.ir.policy.bind.bind`). Raises UserError PPC2005, PPC2010, PPC2011, PPC2012.
    """

    name: ClassVar[str] = "label-flow"
    requires: ClassVar[Stage] = Stage.FOLDED
    ensures: ClassVar[Stage] = Stage.LABELLED

    policy: Policy = DEFAULT
    imported: Module | None = None

    def run(self, module: Module) -> Module:
        bound = self.policy.resolve(module, self.imported)
        constants = {n: replace(c, label=bound.weight_label(n, c.sha256)) for n, c in module.constants.items()}
        labels: dict[str, Label] = {n: c.label for n, c in constants.items()} | dict(bound.inputs)
        for op in module.ops:
            label = result_label(op.name, [labels[o] for o in op.operands if o])
            if parameters_of(op):
                label = label.join(bound.parameter_label)
            labels |= dict.fromkeys(op.results, label)
        values = {n: replace(v, label=labels[n]) for n, v in module.values.items()}
        return replace(module, stage=Stage.LABELLED, constants=constants, values=values)

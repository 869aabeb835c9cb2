"""Lower the HE part of a module to he.batch_* steps (docs/architecture.md, "Batch packing")."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ppc.ir.label import Label, join
from ppc.ir.module import Attr, Constant, Module, Op, Value
from ppc.ir.target import HE_SECURITY_BITS
from ppc.ir.types import Domain, TensorType
from ppc.runtime.batch_layout import BatchLayout
from ppc.runtime.layout import Layout, layout_attrs
from ppc.targets.he.batch_graph import blocks_of
from ppc.targets.he.batch_plan import BatchProgram
from ppc.targets.he.batch_schedule import Step
from ppc.targets.he.weave import weave, woven


def lower_batch(module: Module, program: BatchProgram) -> Module:
    """The module with every op of domain HE replaced by he.batch_* steps, and parameters in its attributes."""
    return _Emitter(module, program).run()


@dataclass
class _Emitter:
    """Writes the steps in the module's own order, between the ops of other domains."""

    module: Module
    program: BatchProgram
    ops: list[Op] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    elements: dict[str, int] = field(default_factory=dict)

    def run(self) -> Module:
        self.values.update(self.module.values)
        self.constants.update(self.module.constants)
        found = self.program.schedule
        weave(self.module, ((op, partial(self._emit, step)) for op, step in self._placed()), self.ops)
        parameters: dict[str, Attr] = {
            "he.packing": "batch",
            "he.degree": found.degree,
            "he.prime_bits": found.prime_bits,
            "he.top_level": found.top,
            "he.galois": (),
            "he.relin": found.relinearised(),
            "he.security_bits": HE_SECURITY_BITS,
        }
        return woven(self.module, self.ops, self.values, self.constants, parameters)

    def _placed(self) -> Iterator[tuple[Op, Step]]:
        """Each step, and the op in whose place it comes: its own, or a later one that an operand comes with."""
        order = {op.results: i for i, op in enumerate(self.module.ops)}
        made: dict[str, int] = {}
        for step in self.program.schedule.steps:
            at = made[step.result] = max(order[step.node.op.results], *(made[o] for o in step.operands), 0)
            yield self.module.ops[at], step

    def _label(self, operands: tuple[str, ...]) -> Label | None:
        """Of what is made of these values and constants."""
        labels = [self.constants[o].label if o in self.constants else self.values[o].label for o in operands]
        return join(label for label in labels if label is not None)

    def _emit(self, step: Step) -> None:
        self.elements[step.result] = step.elements
        attrs: dict[str, Attr] = {"level": step.level, "scale": step.scale}
        if step.kind == "enter":
            attrs |= {"packing": "batch", **layout_attrs(self._layout(step.result))}
            self.ops.append(replace(step.node.op, attrs={**step.node.op.attrs, **attrs}))
        elif step.kind == "leave":
            self._leave(step, attrs)
        else:
            self._step(step, {"source": step.node.op.name, **attrs})

    def _leave(self, step: Step, attrs: dict[str, Attr]) -> None:
        op = step.node.op
        attrs |= layout_attrs(self._layout(step.operands[0]))
        operands = (step.operands[0], *op.operands[1:])
        self.ops.append(replace(op, operands=operands, attrs={**op.attrs, **attrs}))

    def _step(self, step: Step, attrs: dict[str, Attr]) -> None:
        operands = step.operands
        if step.kind == "linear":
            operands += self._linear(step, attrs)
        elif step.kind == "rescale":
            attrs["out_level"] = step.out_level
        elif step.kind == "drop":
            attrs["level"] = step.out_level
        if step.result not in self.values:
            like = self.values[operands[0]] if step.kind == "drop" else self.module.values[step.node.like]
            self.values[step.result] = replace(like, label=self._label(operands), range=None, rms=None)
        name = f"he.batch_{step.kind}"
        self.ops.append(Op(name, operands, (step.result,), attrs, step.node.op.loc, Domain.HE))

    def _linear(self, step: Step, attrs: dict[str, Attr]) -> tuple[str, str]:
        """Attributes and constants of a linear step; returns the names of the two constants."""
        assert step.node.map is not None
        blocks, entries = blocks_of(step.node.map)
        attrs |= {"weight_scale": step.weight_scale, "blocks": blocks}
        attrs |= layout_attrs(self._layout(step.operands[0]), "in_") | layout_attrs(self._layout(step.result), "out_")
        base = step.node.op.loc or step.result
        if f"@{base}.weights" in self.constants:
            base = step.result  # unique, where the node gives more than one step
        label = step.node.label
        return (
            self._constant(f"@{base}.weights", entries, label),
            self._constant(f"@{base}.bias", np.asarray(step.node.map.bias, np.float64), label),
        )

    def _constant(self, name: str, data: NDArray[np.float64], label: Label) -> str:
        self.constants[name] = Constant.of(data, TensorType("f64", data.shape), label)
        return name

    def _layout(self, name: str) -> Layout:
        program = self.program
        each = program.samples // program.groups
        return BatchLayout(program.groups, each, self.elements[name], program.schedule.degree // 2).layout

"""Lower the HE part of a module to plan steps (docs/architecture.md, "HE steps")."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import log2

import numpy as np
from numpy.typing import NDArray

from ppc.ir.label import Label
from ppc.ir.module import Attr, Constant, Module, Op, Value
from ppc.ir.target import HE_SECURITY_BITS
from ppc.ir.types import Domain, TensorType
from ppc.runtime.layout import Layout, layout_attrs
from ppc.targets.he import keytree
from ppc.targets.he.batch_lower import lower_batch
from ppc.targets.he.batch_plan import BatchProgram
from ppc.targets.he.choice import choose
from ppc.targets.he.diagonals import Lowered
from ppc.targets.he.graph import floods, polynomial
from ppc.targets.he.levels import relinearised
from ppc.targets.he.packing import Batching, Packing
from ppc.targets.he.plan import Program
from ppc.targets.he.select import Chosen
from ppc.targets.he.weave import weave, woven
from ppc.targets.prices import Prices


def lower_he(module: Module, prices: Prices | None = None) -> Module:
    """The module with every op of domain HE replaced by he.* steps, and parameters in its attributes.

    Other domains' ops, and the names of values, stay. `prices` (None: the shipped table) choose the layouts.
    Raises UserError PPC4101 where no parameters fit.
    """
    choice = choose(module, (prices or Prices.shipped()).he)
    if choice is None:
        return module
    if isinstance(choice.program, BatchProgram):
        lowered = lower_batch(module, choice.program)
    else:
        lowered = emit(module, choice.program)
    if not choice.instead:
        return lowered
    return replace(lowered, attrs={**lowered.attrs, "he.packing_because": choice.instead})


def emit(module: Module, program: Program) -> Module:
    """The module with the steps of its program in place of its HE operators."""
    return _Emitter(module, program).run()


@dataclass
class _Emitter:
    """Writes the steps of a program in the module's own order, between the ops of other domains."""

    module: Module
    program: Program
    ops: list[Op] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    rotations: dict[int, list[keytree.Steps]] = field(default_factory=dict)  # level -> sets that are made together
    sums: dict[int, set[int]] = field(default_factory=dict)
    copies: dict[tuple[Attr, ...], str] = field(default_factory=dict)
    late: dict[str, tuple[int, ...]] = field(default_factory=dict)  # sums that are left to the shares of a value
    relin: list[tuple[str, int, int]] = field(default_factory=list)

    def run(self) -> Module:
        self.values.update(self.module.values)
        self.constants.update(self.module.constants)
        steps = ((step.op, partial(self._emit, i)) for i, step in enumerate(self.program.steps))
        weave(self.module, steps, self.ops)
        return woven(self.module, self.ops, self.values, self.constants, self._parameters())

    def _parameters(self) -> Mapping[str, Attr]:
        found = self.program.parameters
        return {
            "he.degree": found.degree,
            "he.prime_bits": found.prime_bits,
            "he.top_level": found.top,
            "he.galois": tuple((level, keys) for level in sorted(self.rotations) if (keys := self._keys(level))),
            "he.relin": relinearised(self.relin),
            "he.security_bits": HE_SECURITY_BITS,
        }

    def _keys(self, level: int) -> tuple[int, ...]:
        return tuple(sorted(keytree.choose(self.rotations[level], self.sums[level], self.program.parameters.slots)))

    def _emit(self, index: int) -> None:
        """One step."""
        step, found = self.program.steps[index], self.program.parameters
        level = found.plan.run[index]
        if step.kind == "enter":
            return self._enter(step)
        operands = tuple(self._read(index, k) for k in range(len(step.operands)))
        if step.kind == "leave":
            return self._leave(step, level, operands[0])
        out = found.plan.after(step, level)
        attrs: dict[str, Attr] = {"source": step.op.name, "level": level, "scale": found.scales.of[step.result]}
        if step.kind == "linear":
            attrs |= {"out_level": out, "weight_scale": found.scales.weights[step.result]}
            operands += self._linear(step, level, attrs)
        elif step.kind == "polynomial":
            coefficients, lo, hi = polynomial(step.op)
            attrs |= {"out_level": out, "coefficients": coefficients, "lo": lo, "hi": hi}
            if len(coefficients) > 2:
                self.relin.append(("polynomial", level - int((lo, hi) != (-1.0, 1.0)), out))
        elif step.kind in ("square", "mul"):
            self.relin.append((step.kind, level, out))
            if step.kind == "square":
                attrs |= {"negate": step.square[0], "plus": step.square[1]}
        elif step.kind == "view":
            attrs |= layout_attrs(self._layout(step.packing), "out_")
        self._add(f"he.{step.kind}", operands, step, attrs)

    def _enter(self, step: Chosen) -> None:
        found = self.program.parameters
        attrs: dict[str, Attr] = {"level": found.plan.of[step.result], "scale": found.scales.of[step.result]}
        attrs = {**attrs, **layout_attrs(self._layout(step.packing))}
        self.ops.append(replace(step.op, attrs={**step.op.attrs, **attrs}))

    def _leave(self, step: Chosen, level: int, name: str) -> None:
        found = self.program.parameters
        attrs: dict[str, Attr] = {"level": level, "scale": found.scales.of[step.operands[0]]}
        attrs.update(layout_attrs(self._layout(step.packing).alone()))  # one copy is read
        if step.operands[0] in self.late:
            attrs["sums"] = self.late[step.operands[0]]
        if floods(step.op):
            attrs["flood_bits"] = found.flood_bits[step.result]
        if found.hidden_bits.get(step.result):
            attrs["hidden_bits"] = found.hidden_bits[step.result]
        self.ops.append(replace(step.op, operands=(name, *step.op.operands[1:]), attrs={**step.op.attrs, **attrs}))

    def _linear(self, step: Chosen, level: int, attrs: dict[str, Attr]) -> tuple[str, str]:
        """Attributes and constants of a he.linear step; returns the names of the two constants."""
        assert step.lowered is not None and step.map is not None
        terms, diagonals, bias = widened(step.lowered, self.program.batching)
        lanes = self.program.batching.lanes
        lowered = step.lowered
        pre, post, late = (tuple(s * lanes for s in steps) for steps in (lowered.pre, lowered.post, lowered.late))
        attrs |= layout_attrs(self._layout(step.lowered.source), "in_")
        attrs |= layout_attrs(self._layout(step.packing), "out_")
        attrs |= {"terms": terms, "post": post}
        if pre:
            attrs["pre"] = pre
        if late:
            attrs["late"] = self.late[step.result] = late
        self.rotations.setdefault(level, []).extend(keytree.needed(terms))
        self.sums.setdefault(level, set()).update(pre, post)
        base = step.op.loc or step.result
        if f"@{base}.diagonals" in self.constants:
            base = step.result  # unique, where the node gives more than one step
        label = self._label(step)
        return (
            self._constant(f"@{base}.diagonals", diagonals, label),
            self._constant(f"@{base}.bias", bias, label),
        )

    def _label(self, step: Chosen) -> Label:
        """Of the constants of a step. Where a step makes a part of a node's result, they carry what the whole depends
        on and this part's operand does not: nobody tells the parts apart."""
        whole, operand = self.module.values[step.like].label, self.values[step.operands[0]].label
        if whole is None or operand is None:
            return step.label
        return step.label.join(Label(whole.owners - operand.owners))

    def _constant(self, name: str, data: NDArray[np.float64], label: Label) -> str:
        self.constants[name] = Constant.of(data, TensorType("f64", data.shape), label)
        return name

    def _read(self, index: int, k: int) -> str:
        """Operand k of a step as the step reads it: dropped to its level, and scaled up where it must be."""
        step, found = self.program.steps[index], self.program.parameters
        name, level = step.operands[k], found.plan.run[index]
        scale = found.scales.of[name]
        if found.plan.of[name] != level:
            name = self._copy(name, f"{name}.level{level}", "he.drop", {"level": level, "scale": scale}, step)
        raised = found.scales.read(index, k, step.operands[k])
        if raised != scale:
            fresh = f"{name}.scale{round(log2(raised))}"
            name = self._copy(name, fresh, "he.upscale", {"level": level, "scale": raised}, step)
        return name

    def _copy(self, name: str, fresh: str, kind: str, attrs: dict[str, Attr], step: Chosen) -> str:
        """A drop or an upscale of a value, made once."""
        key = (name, kind, attrs["level"], attrs["scale"])
        if key not in self.copies:
            while fresh in self.values:
                fresh += "_"
            self.copies[key] = fresh
            self.values[fresh] = self.values[name]
            self.ops.append(Op(kind, (name,), (fresh,), attrs, step.op.loc, Domain.HE))
        return self.copies[key]

    def _add(self, name: str, operands: tuple[str, ...], step: Chosen, attrs: Mapping[str, Attr]) -> None:
        if step.result not in self.values:
            self.values[step.result] = replace(self.module.values[step.like], range=None, rms=None)
        self.ops.append(Op(name, operands, (step.result,), attrs, step.op.loc, Domain.HE))

    def _layout(self, packing: Packing) -> Layout:
        return self.program.batching.layout(packing)


Terms = tuple[tuple[int, int, int, int], ...]


def widened(lowered: Lowered, batching: Batching) -> tuple[Terms, NDArray[np.float64], NDArray[np.float64]]:
    """(terms, diagonals, bias) in real slots for the whole batch, from virtual slots of one sample.

    Terms are ordered by group, output ciphertext and giant step, which is the order in which a run sums them.
    """
    order = np.lexsort((lowered.terms[:, 2], lowered.terms[:, 0], lowered.terms[:, 3], lowered.terms[:, 1]))
    terms = lowered.terms[order]
    ins, outs = lowered.source.ciphertexts, lowered.out.ciphertexts
    found = [
        (int(i) + g * ins, int(o) + g * outs, int(b) * batching.lanes, int(s) * batching.lanes)
        for g in range(batching.groups)
        for i, o, b, s in terms
    ]
    diagonals = np.tile(batching.widen(lowered.diagonals()[order]), (batching.groups, 1))
    bias = np.tile(batching.widen(lowered.bias()), (batching.groups, 1))
    return tuple(found), diagonals, bias

"""The rules of the IR, one table row each, and what stages each holds in. A broken rule is a bug of a pass.

`verify(module)` runs between passes. It says nothing about policy: that is `ppc.ir.check`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ppc.ir.approximation import POLYNOMIAL
from ppc.ir.diagnostic import InternalError
from ppc.ir.lookup import find_opdef, result_label
from ppc.ir.module import Module, Op, Stage
from ppc.ir.opdef import OpDef
from ppc.ir.parameters import parameters_of
from ppc.ir.printer import has_text_form, print_op, sigil
from ppc.ir.refresh import REFRESHED, refreshed
from ppc.ir.render import printable
from ppc.ir.types import DTYPES, Domain
from ppc.runtime.schema import FRACTION_BITS, StepSpec, step_spec

#: How many violations one error lists.
MOST = 10


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong, in which op (None: the module), and which part of its line is to be underlined."""

    text: str
    op: Op | None = None
    part: str = ""


Check = Callable[[Module], Iterator[Violation]]


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    since: Stage
    until: Stage
    check: Check


def verify(module: Module) -> None:
    """Raises InternalError that lists rule, op and the printed line of every violation (the first MOST)."""
    found = []
    for rule in RULES:
        if rule.since <= module.stage <= rule.until:
            found += [_show(rule, v, module) for v in rule.check(module)]
        if found:  # later rules look things up that earlier ones vouch for
            break
    if found:
        more = f"\n... and {len(found) - MOST} more" if len(found) > MOST else ""
        head = f"module '{printable(module.name)}' ({module.stage.word}) breaks a rule of the IR"
        raise InternalError("\n".join([head, *found[:MOST]]) + more)


def _show(rule: Rule, v: Violation, module: Module) -> str:
    lines = [f"rule '{rule.name}': {printable(v.text)}"]
    if v.op is not None:
        line = print_op(v.op, module.values)
        start = max(line.find(v.part), 0)
        lines += [f"  | {line}", f"  | {' ' * start}{'^' * (len(v.part) if v.part in line and v.part else len(line))}"]
    return "\n".join(lines)


def _ssa(m: Module) -> Iterator[Violation]:
    defined = dict.fromkeys(m.inputs)
    if len(defined) != len(m.inputs):
        yield Violation("an input is listed twice")
    for op in m.ops:
        for o in op.operands:
            if o.startswith("@") and o not in m.constants:
                yield Violation(f"{sigil(o)} is no constant of the module", op, sigil(o))
            elif o and not o.startswith("@") and o not in defined:
                yield Violation(f"{sigil(o)} is read before it is defined", op, sigil(o))
        for r in op.results:
            takes_input = op.name == "client.input" and r in m.inputs
            if not r or r.startswith("@") or (r in defined and not takes_input):
                yield Violation(f"{sigil(r)} is defined twice, or is no name of a value", op, sigil(r))
            defined[r] = None
    for name in m.outputs:
        if name not in defined:
            yield Violation(f"output {sigil(name)} is never defined")
    for name in defined.keys() ^ m.values.keys():
        yield Violation(f"{sigil(name)} is defined and has no entry in `values`, or the other way round")


def _types(m: Module) -> Iterator[Violation]:
    types = {sigil(n): v.type for n, v in m.values.items()} | {sigil(n): c.type for n, c in m.constants.items()}
    for name, t in types.items():
        if t.dtype not in DTYPES or any(not isinstance(d, int) or d < 0 for d in t.shape):
            yield Violation(f"{name} has type {t}")


def _constants(m: Module) -> Iterator[Violation]:
    for name, c in m.constants.items():
        if not name.startswith("@") or len(c.sha256) != 64 or not set(c.sha256) <= set("0123456789abcdef"):
            yield Violation(f"constant {name}: the name starts with no '@', or {c.sha256[:70]!r} is no sha256")
        if c.data is not None and c.data.shape != c.type.shape:
            yield Violation(f"constant {name} is {c.type} and holds an array of shape {c.data.shape}")


def _attributes(m: Module) -> Iterator[Violation]:
    for owner, attrs in [(None, m.attrs), *((op, op.attrs) for op in m.ops)]:
        for key, value in attrs.items():
            if not has_text_form(value):
                yield Violation(f"attribute {key} is a {type(value).__name__}", owner, key)


def _declared(m: Module) -> Iterator[Violation]:
    for op in m.ops:
        if "." in op.name:
            if m.stage < Stage.CONVERTED:
                yield Violation(f"'{op.name}' is a step, and the module is not converted yet", op, op.name)
            continue
        opdef = find_opdef(op.name)
        if opdef is None:
            yield Violation(f"there is no operator '{op.name}'", op, op.name)
            continue
        least, most = opdef.arity
        if not least <= len(op.operands) <= most:
            yield Violation(f"{op.name} has {least} to {most} operands, not {len(op.operands)}", op, op.name)
        yield from _declared_attributes(op, opdef)


def _declared_attributes(op: Op, opdef: OpDef) -> Iterator[Violation]:
    specs = {spec.name: spec for spec in opdef.attrs}
    for key in sorted(op.attrs.keys() - specs.keys() - POLYNOMIAL - {REFRESHED}):
        yield Violation(f"{op.name} has no attribute {key} (it has {', '.join(specs) or 'none'})", op, key)
    for spec in opdef.attrs:
        value = op.attrs.get(spec.name)
        if value is None and spec.required:
            yield Violation(f"{op.name} needs the attribute {spec.name}", op, op.name)
        fits = isinstance(value, (int, float) if spec.type is float else spec.type)
        if value is not None and not fits:
            yield Violation(f"{spec.name} is a {spec.type.__name__}, not {value!r}", op, spec.name)


def _labels(m: Module) -> Iterator[Violation]:
    for name, v in m.values.items():
        if v.label is None:
            yield Violation(f"{sigil(name)} has no label")
            return
    for op in m.ops:
        operands = [label for o in op.operands if o and (label := m.label_of(o)) is not None]
        label = result_label(op.name.rpartition(".")[2], operands)
        for r in op.results:
            found = m.values[r].label
            allowed = parameters_of(op) and found is not None and label.owners <= found.owners
            if found != label and not allowed and op.name != "client.input":
                yield Violation(f"{sigil(r)} is {found}; the label rule gives {label}", op, sigil(r))


def _domains(m: Module) -> Iterator[Violation]:
    for op in m.ops:
        if "." not in op.name and op.domain is None:
            yield Violation("the op has no domain", op, op.name)
        again = refreshed(op)
        if again and (op.domain is not Domain.HE or not set(again) <= set(op.operands)):
            yield Violation("operands are refreshed for an op under HE that reads them", op, REFRESHED)


def _representations(m: Module) -> Iterator[Violation]:
    for name, v in m.values.items():
        if v.domain is None:
            yield Violation(f"{sigil(name)} has no representation")
    for op in m.ops:
        spec = _step(op)
        if spec is None:
            yield Violation(f"there is no step '{op.name}'", op, op.name)
            continue
        for o in op.operands:
            if o and not o.startswith("@") and str(m.values[o].domain) != spec.reads:
                yield Violation(f"{op.name} reads {spec.reads}; {sigil(o)} is in {m.values[o].domain}", op, sigil(o))
        for r in op.results:
            if str(m.values[r].domain) != spec.writes:
                yield Violation(f"{op.name} writes {spec.writes}; {sigil(r)} is in {m.values[r].domain}", op, sigil(r))
        if op.name.startswith("reveal.") and not str(op.attrs.get("because", "")).strip():
            yield Violation("a reveal has an attribute `because`", op, op.name)


def _step(op: Op) -> StepSpec | None:
    """What an op reads and writes; an operator that is not lowered yet reads and writes its own domain."""
    if "." not in op.name:
        return StepSpec(op.name, str(op.domain), str(op.domain), frozenset(), "")
    try:
        return step_spec(op.name)
    except KeyError:
        return None


def _lowered(m: Module) -> Iterator[Violation]:
    for op in m.ops:
        if "." not in op.name:
            yield Violation(f"{op.name} is not lowered", op, op.name)


def _fractions(m: Module) -> Iterator[Violation]:
    """Only MPC steps may leave more fractional bits than FRACTION_BITS, and their readers say so."""
    bits = {r: op.attrs.get("fraction_bits", FRACTION_BITS) for op in m.ops for r in op.results}
    for op in m.ops:
        said: Any = op.attrs.get("operand_bits", (FRACTION_BITS,) * len(op.operands))
        if not op.name.startswith("mpc.") and {"operand_bits", "fraction_bits"} & op.attrs.keys():
            yield Violation(f"{op.name} keeps no fractional bits", op, op.name)
        elif len(said) != len(op.operands):
            yield Violation(f"operand_bits has {len(said)} entries for {len(op.operands)} operands", op, "operand_bits")
        else:
            for o, read in zip(op.operands, said, strict=True):
                if o in bits and bits[o] != read:
                    yield Violation(f"{sigil(o)} has {bits[o]} fractional bits, the step reads {read}", op, sigil(o))


#: Every rule of the IR, in the order in which they are tried.
RULES: tuple[Rule, ...] = (
    Rule("every name is defined once, before it is used", Stage.IMPORTED, Stage.LOWERED, _ssa),
    Rule("types are dtypes and sizes", Stage.IMPORTED, Stage.LOWERED, _types),
    Rule("constants have a hash and the shape they say", Stage.IMPORTED, Stage.LOWERED, _constants),
    Rule("attributes have a text form", Stage.IMPORTED, Stage.LOWERED, _attributes),
    Rule("operators are used as declared", Stage.IMPORTED, Stage.CONVERTED, _declared),
    Rule("labels follow the label rules", Stage.LABELLED, Stage.LOWERED, _labels),
    Rule("every op has a domain", Stage.ASSIGNED, Stage.CONVERTED, _domains),
    Rule("steps read what steps have written", Stage.CONVERTED, Stage.LOWERED, _representations),
    Rule("only steps of the plan are left", Stage.LOWERED, Stage.LOWERED, _lowered),
    Rule("fractional bits are read as they were written", Stage.LOWERED, Stage.LOWERED, _fractions),
)

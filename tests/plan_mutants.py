"""Lowered plans, broken: each mutant says whether it is legal all the same, and why. Nothing here asks the check."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Module, Op, Value
from ppc.ir.policy import ResolvedPolicy
from ppc.ir.types import Domain
from ppc.passes.candidates import Candidates
from ppc.runtime.schema import StepSpec, steps

ALL = Label.secret("client", "server")
MOVES = {(s.reads, s.writes): s for s in steps().values() if s.name.startswith(("convert.", "reveal."))}


@dataclass(frozen=True)
class Base:
    """A valid plan, and what the mutators may ask: the policy and where each node could have run."""

    name: str
    module: Module
    policy: ResolvedPolicy
    table: Candidates


@dataclass(frozen=True)
class Mutant:
    what: str
    module: Module
    legal: bool = False


def with_op(m: Module, i: int, *new: Op, **values: Value) -> Module:
    return replace(m, ops=(*m.ops[:i], *new, *m.ops[i + 1 :]), values={**m.values, **values})


def is_move(op: Op) -> bool:
    return op.name.startswith(("convert.", "reveal."))


def origins(m: Module) -> dict[str, tuple[str, int]]:
    """What each value is: a result of a node, wherever it was carried."""
    found: dict[str, tuple[str, int]] = {name: ("", i) for i, name in enumerate(m.inputs)}
    for op in m.ops:
        for i, r in enumerate(op.results):
            carries = is_move(op) or op.name in ("he.drop", "he.upscale", "he.batch_drop")
            found[r] = found[op.operands[0]] if carries else found.get(r, (op.loc, i))
    return found


# placement


def renamed_nodes(b: Base) -> Iterator[Mutant]:
    """A node in another domain without a conversion, with every claim about it adapted."""
    for i, op in enumerate(b.module.ops):
        domain, _, operator = op.name.partition(".")
        if is_move(op) or domain == "he" or not op.results or not op.operands:
            continue
        for other in Domain:
            if other.value not in (domain, "he"):
                moved = replace(op, name=f"{other}.{operator}", domain=other)
                values = {r: replace(b.module.values[r], domain=other) for r in op.results}
                yield Mutant(f"{op.name} '{op.loc}' to {other}", with_op(b.module, i, moved, **values))


def moved_nodes(b: Base) -> Iterator[Mutant]:
    """A node in another domain, with conversions there and back. Legal where it was a candidate."""
    for i, op in enumerate(b.module.ops):
        domain = op.name.partition(".")[0]
        if is_move(op) or domain in ("he", "client") or len(op.results) != 1 or not op.operands:
            continue
        for other in (Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER):
            there, back = MOVES.get((domain, other.value)), MOVES.get((other.value, domain))
            if there is None or back is None:
                continue
            legal = b.table.table[op.results[0]][other] is None and other in (Domain.MPC, Domain.TEE)
            yield Mutant(f"{op.name} '{op.loc}' by way of {other}", _detour(b.module, i, op, other, there, back), legal)


def _detour(m: Module, i: int, op: Op, other: Domain, there: StepSpec, back: StepSpec) -> Module:
    ops: list[Op] = []
    values: dict[str, Value] = {}
    operands = []
    for o in op.operands:
        if not o or o.startswith("@"):
            operands.append(o)
            continue
        values[f"{o}_t"] = replace(m.values[o], domain=other)
        ops.append(Op(there.name, (o,), (f"{o}_t",), {"because": "why not"} if there.reveals else {}, o, other))
        operands.append(f"{o}_t")
    (result,) = op.results
    values[f"{result}_t"] = replace(m.values[result], domain=other)
    name = f"{other}.{op.name.partition('.')[2]}"
    ops.append(replace(op, name=name, domain=other, operands=tuple(operands), results=(f"{result}_t",)))
    ops.append(Op(back.name, (f"{result}_t",), (result,), {}, result, m.values[result].domain))
    return with_op(m, i, *ops, **values)


def other_names(b: Base) -> Iterator[Mutant]:
    """The step of one node said to be another node's. (Those of HE have no operator that would tell: several nodes may
    be merged into one.)"""
    nodes = sorted({op.loc for op in b.module.ops if not is_move(op) and op.operands and op.results})
    for i, op in enumerate(b.module.ops):
        if not is_move(op) and not op.name.startswith("he.") and op.operands and op.results:
            for node in nodes:
                if node != op.loc:
                    wrong = with_op(b.module, i, replace(op, loc=node))
                    yield Mutant(f"{op.name} '{op.loc}' said to be '{node}'", wrong)


# labels


def labels(b: Base) -> Iterator[Mutant]:
    m = b.module
    for name, v in m.values.items():
        for label in (None, PUBLIC, *(Label.secret(o) for o in ("client", "server", "dealer")), ALL):
            if v.label is None or label == v.label:
                continue
            stronger = label is not None and v.label.owners <= label.owners
            yield Mutant(
                f"%{name} is {label}", replace(m, values={**m.values, name: replace(v, label=label)}), stronger
            )
    used = {o for op in m.ops for o in op.operands if o.startswith("@")}
    for name in sorted(used):
        if m.constants[name].label.owners:
            constants = {**m.constants, name: replace(m.constants[name], label=PUBLIC)}
            yield Mutant(f"{name} is public", replace(m, constants=constants))


# conversions and reveals


def dropped(b: Base) -> Iterator[Mutant]:
    """A conversion left out, its operand read in its place."""
    m = b.module
    for i, op in enumerate(m.ops):
        if is_move(op):
            rest = (*m.ops[:i], *m.ops[i + 1 :])
            ops = tuple(_reading(o, op.results[0], op.operands[0]) for o in rest)
            outputs = tuple(op.operands[0] if o == op.results[0] else o for o in m.outputs)
            values = {n: v for n, v in m.values.items() if n != op.results[0]}
            yield Mutant(f"no {op.name} of {op.loc}", replace(m, ops=ops, outputs=outputs, values=values))


def _reading(op: Op, old: str, new: str) -> Op:
    return replace(op, operands=tuple(new if o == old else o for o in op.operands))


def other_kinds(b: Base) -> Iterator[Mutant]:
    for i, op in enumerate(b.module.ops):
        for spec in MOVES.values() if is_move(op) else ():
            if spec.name != op.name:
                because = {"because": "why not"} if spec.reveals else {}
                wrong = replace(op, name=spec.name, attrs={**because, **op.attrs})
                yield Mutant(f"{op.name} -> {spec.name}", with_op(b.module, i, wrong))


def other_operands(b: Base) -> Iterator[Mutant]:
    """A step that reads another value of the same representation and shape. Legal where that is the same value."""
    m, origin = b.module, origins(b.module)
    written: list[str] = []
    for i, op in enumerate(m.ops):
        for k, o in enumerate(op.operands):
            for other in written if o and not o.startswith("@") else ():
                a, z = m.values[o], m.values[other]
                if other == o or (a.domain, a.type.shape) != (z.domain, z.type.shape) or other in op.operands:
                    continue
                operands = (*op.operands[:k], other, *op.operands[k + 1 :])
                legal = origin[o] == origin[other]
                wrong = with_op(m, i, replace(op, operands=operands))
                yield Mutant(f"{op.name} '{op.loc}' reads {other} for {o}", wrong, legal)
        written += op.results


def reasons(b: Base) -> Iterator[Mutant]:
    for i, op in enumerate(b.module.ops):
        if not op.name.startswith("reveal."):
            continue
        for text in ("", " ", "why not", 1):
            wrong = replace(op, attrs={**op.attrs, "because": text})
            yield Mutant(f"{op.name} because {text!r}", with_op(b.module, i, wrong))
        rest = {k: v for k, v in op.attrs.items() if k != "because"}
        yield Mutant(f"{op.name} without a reason", with_op(b.module, i, replace(op, attrs=rest)))


def privacy(b: Base) -> Iterator[Mutant]:
    """Circuit privacy left out where the weights are secret; weaker parameters than the policy requires."""
    m = b.module
    for i, op in enumerate(m.ops):
        if op.name == "reveal.he_to_client" and b.policy.any_weight.owners:
            for kind in ("none", "public weights", "flooding", 3):
                wrong = replace(op, attrs={**op.attrs, "privacy": kind, "flood_bits": 2})
                yield Mutant(f"{op.name} with privacy {kind}", with_op(m, i, wrong))
            rest = {k: v for k, v in op.attrs.items() if k != "privacy"}
            yield Mutant(f"{op.name} without privacy", with_op(m, i, replace(op, attrs=rest)))
            yield Mutant(f"{op.name} at level 0", with_op(m, i, replace(op, attrs={**op.attrs, "level": 0})))
    if any(op.name.startswith("he.") for op in m.ops):
        for bits in (127, 0, True, "128", -1.0):
            yield Mutant(f"{bits} bits of security", replace(m, attrs={**m.attrs, "he.security_bits": bits}))


def extra_reveals(b: Base) -> Iterator[Mutant]:
    """Any value shown to any party at the end, with the reason of a line that allows something else. Legal where the
    policy lets the party learn it, or it is all its own."""
    m, origin = b.module, origins(b.module)
    for name, v in m.values.items():
        for party in ("client", "server"):
            spec = MOVES.get((str(v.domain), party))
            if spec is None or not spec.reveals or v.label is None or v.domain is Domain.HE:
                continue
            grants = [g for g in b.policy.grants if g.party == party and g.origin == origin[name]]
            see = b.policy.activations.get(party)
            because = grants[0].because if grants else see.because if see else b.policy.grants[0].because
            leak = {"leak": replace(v, domain=Domain(party))}
            op = Op(spec.name, (name,), ("leak",), {"because": because}, name, Domain(party))
            legal = bool(grants) or see is not None or v.label.flows_to(party)
            mutant = replace(m, ops=(*m.ops, op), values={**m.values, **leak})
            yield Mutant(f"{name} shown to the {party}", mutant, legal)


def more_outputs(b: Base) -> Iterator[Mutant]:
    """Something else given out as a result, and a result not given out."""
    m = b.module
    for i, op in enumerate(m.ops):
        if op.name != "client.output":
            continue
        yield Mutant("no output", replace(with_op(m, i), outputs=()))
        for name, v in m.values.items():
            if v.domain is Domain.CLIENT and origins(m)[name] != origins(m)[op.operands[0]]:
                wrong = with_op(m, i, replace(op, operands=(name,)))
                yield Mutant(f"{name} as the output", replace(wrong, outputs=(name,)))


def second_copies(b: Base) -> Iterator[Mutant]:
    """A conversion done twice: a waste, and legal."""
    m = b.module
    for i, op in enumerate(m.ops):
        if is_move(op) and op.name != "reveal.he_to_client":
            again = replace(op, results=("again",))
            values = {"again": m.values[op.results[0]]}
            yield Mutant(f"{op.name} of {op.loc} twice", with_op(m, i, op, again, **values), legal=True)


MUTATORS = {
    "placement": (renamed_nodes, moved_nodes, other_names),
    "labels": (labels,),
    "conversions": (
        dropped,
        other_kinds,
        other_operands,
        reasons,
        privacy,
        extra_reveals,
        more_outputs,
        second_copies,
    ),
}

"""The final check on plans that are right, and on hundreds that are not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ppc.ir.check import check
from ppc.ir.diagnostic import UserError
from ppc.ir.label import PUBLIC
from ppc.ir.module import Module, Op, Value
from ppc.ir.parser import parse
from ppc.ir.policy import parse_policy
from ppc.ir.policy.bind import node_name
from ppc.ir.printer import print_module
from ppc.ir.types import Domain
from ppc.runtime.schema import steps

GOLDEN = Path(__file__).parents[1] / "golden"

#: The model as the policy was bound to it: x -> fc1 -> act -> fc2 -> soft -> view -> y.
SOURCE = parse((GOLDEN / "source.ppc").read_text(encoding="utf-8"))

OUT = 'output "y" reveal to client because "asked for"\n'
DEALER = "trust dealer non_colluding\n"


@dataclass(frozen=True, eq=False)
class Plan:
    """A legal plan: the policy lines it needs, and the lowered module."""

    name: str
    policy: str
    module: Module

    def passes(self, policy: str | None = None, module: Module | None = None, source: Module = SOURCE) -> bool:
        try:
            bound = parse_policy(self.policy if policy is None else policy).resolve(source)
            check(self.module if module is None else module, bound)
        except UserError:
            return False
        return True


def plan(name: str) -> Plan:
    text = (GOLDEN / "plans" / f"{name}.ppc").read_text(encoding="utf-8")
    return Plan(name, "".join(f"{line}\n" for line in re.findall(r"^// POLICY: (.*)$", text, re.M)), parse(text))


MPC, MIXED, TEE, AIDED, NAMED = map(plan, ("mpc", "mixed", "enclave", "aided", "named"))
PLANS = (MPC, MIXED, TEE, AIDED, NAMED)
USED = {MPC: {"mpc"}, MIXED: {"he", "mpc", "client"}, TEE: {"tee"}, AIDED: {"he", "client"}, NAMED: {"mpc", "client"}}
by_name = pytest.mark.parametrize("plan", PLANS, ids=lambda p: p.name)

Mutants = Iterator[tuple[str, Module]]


def with_op(m: Module, i: int, *new: Op, **values: Value) -> Module:
    return replace(m, ops=(*m.ops[:i], *new, *m.ops[i + 1 :]), values={**m.values, **values})


def wrong_steps(m: Module) -> Mutants:
    """Every step replaced by every other kind of step that reads or writes something else."""
    for i, op in enumerate(m.ops):
        was = steps().get(op.name) or steps()[op.name.split(".")[0] + ".*"]
        for spec in steps().values():
            if (spec.reads, spec.writes) != (was.reads, was.writes):
                yield f"{op.name} -> {spec.name}", with_op(m, i, replace(op, name=spec.name.replace("*", "Relu")))
        yield f"{op.name} unknown", with_op(m, i, replace(op, name="he.bootstrap"))
        yield f"{op.name} bare", with_op(m, i, replace(op, name="Relu"))


def moved_nodes(m: Module) -> Mutants:
    """A node moved to another domain without a conversion, with every claim about it adapted."""
    for i, op in enumerate(m.ops):
        domain, _, name = op.name.partition(".")
        if domain in ("convert", "reveal") or not op.results:
            continue
        for other in Domain:
            if other.value != domain:
                moved = replace(op, name=f"{other}.{name}", domain=other)
                values = {r: replace(m.values[r], domain=other) for r in op.results}
                yield f"{op.name} to {other}", replace(with_op(m, i, moved), values={**m.values, **values})


def weaker_labels(m: Module) -> Mutants:
    for name, v in m.values.items():
        for label in (None, PUBLIC):
            yield f"{name} is {label}", replace(m, values={**m.values, name: replace(v, label=label)})
    used = {o for op in m.ops for o in op.operands if o.startswith("@")}
    for name in used:
        public = replace(m.constants[name], label=PUBLIC)
        yield f"{name} is public", replace(m, constants={**m.constants, name: public})


def wrong_claims(m: Module) -> Mutants:
    for name, v in m.values.items():
        for domain in (None, *Domain):
            if domain is not v.domain:
                yield f"{name} in {domain}", replace(m, values={**m.values, name: replace(v, domain=domain)})


def extra_reveals(m: Module) -> Mutants:
    """Any value shown to any party in addition, with the best of reasons."""
    for name, v in m.values.items():
        for spec in steps().values():
            if not spec.reveals or spec.reads != str(v.domain):
                continue
            because = {"because": "asked for", "privacy": "flooding", "flood_bits": 40}
            new = Op(spec.name, (name,), ("leak",), because)
            leak = replace(v, domain=Domain(spec.writes))
            yield f"{spec.name} of {name}", replace(m, ops=(*m.ops, new), values={**m.values, "leak": leak})


def swapped_reveals(m: Module) -> Mutants:
    """A reveal of another value than the one that the policy means."""
    for i, op in enumerate(m.ops):
        if op.name.startswith("reveal."):
            for name, v in m.values.items():
                if v.domain is m.values[op.operands[0]].domain and name != op.operands[0]:
                    yield f"{op.name} of {name}", with_op(m, i, replace(op, operands=(name,)))


def rewired(m: Module) -> Mutants:
    """A node that computes on another value than in the model: its result is not what its name says."""
    for i, op in enumerate(m.ops):
        if op.name.startswith(("convert.", "reveal.", "client.output")):
            continue
        for name, v in m.values.items():
            same = {name, op.operands[0]} == {"a", "a1"}  # he.drop carries the same value
            if v.domain is m.values[op.operands[0]].domain and name not in (*op.operands, *op.results) and not same:
                yield f"{op.name} of {name}", with_op(m, i, replace(op, operands=(name, *op.operands[1:])))
        yield f"{op.name} of nothing", with_op(m, i, replace(op, operands=op.operands[1:]))


def bad_reasons(m: Module) -> Mutants:
    for i, op in enumerate(m.ops):
        if op.name.startswith("reveal."):
            for because in (None, "", "  ", "another reason", True, 1):
                attrs = {**op.attrs, "because": because}
                yield f"because {because!r}", with_op(m, i, replace(op, attrs=attrs))


def bad_privacy(m: Module) -> Mutants:
    for i, op in enumerate(m.ops):
        if op.name == "reveal.he_to_client":
            for change in (
                {"privacy": "public weights"},
                {"privacy": ""},
                {"flood_bits": 29},
                {"flood_bits": True},
                {"flood_bits": "40"},
            ):
                yield str(change), with_op(m, i, replace(op, attrs={**op.attrs, **change}))


def bad_security(m: Module) -> Mutants:
    if "he.security_bits" in m.attrs:
        for bits in (127, 0, "128", True, -1):
            yield f"{bits} bits", replace(m, attrs={"he.security_bits": bits})
        yield "no bits", replace(m, attrs={})


def strange_nodes(m: Module) -> Mutants:
    for i, op in enumerate(m.ops):
        if op.loc and op.name not in ("he.drop", "he.view"):
            for loc in ("", "another node"):
                yield f"{op.name} of {loc!r}", with_op(m, i, replace(op, loc=loc))


def stray_weights(m: Module) -> Mutants:
    """A weight where only values belong, and at the client."""
    for i, op in enumerate(m.ops):
        if op.name.startswith(("client.", "convert.", "reveal.")):
            for w in ("@w2", "@none"):
                yield f"{w} in {op.name}", with_op(m, i, replace(op, operands=(*op.operands, w)))
    for w in m.constants:
        new = Op("client.Identity", (w,), ("leak",), {}, "fc1")
        leak = Value(m.constants[w].type, m.constants[w].label, Domain.CLIENT)
        yield f"client.Identity({w})", replace(m, ops=(*m.ops, new), values={**m.values, "leak": leak})


def wrong_outputs(m: Module) -> Mutants:
    for name in m.values:
        if name not in m.outputs and name not in ("y", "y.client"):
            yield f"output {name}", replace(m, outputs=(name,))


def broken_order(m: Module) -> Mutants:
    for i, op in enumerate(m.ops):
        if op.results and any(set(op.results) & set(later.operands) for later in m.ops):
            yield f"without {op.name}", replace(m, ops=(*m.ops[:i], *m.ops[i + 1 :]))
            yield f"{op.name} twice", replace(m, ops=(*m.ops, op))
            yield f"{op.name} last", replace(m, ops=(*m.ops[:i], *m.ops[i + 1 :], op))


MUTATIONS = (
    wrong_steps,
    moved_nodes,
    weaker_labels,
    wrong_claims,
    extra_reveals,
    swapped_reveals,
    rewired,
    bad_reasons,
    bad_privacy,
    bad_security,
    strange_nodes,
    stray_weights,
    wrong_outputs,
    broken_order,
)


def legal(plan: Plan, mutation: object, what: str) -> bool:
    """Mutants that break nothing: what the policy lets the client see may be revealed twice, and so on."""
    if mutation is extra_reveals:
        target = what.rpartition(" ")[2]
        granted = {"y", "s"} | ({"z"} if plan is NAMED else set())  # y only moves the elements of s
        return "to_client" in what and (target in granted or target in ("x", "x.mpc", "x.he", "x.tee"))
    if mutation is swapped_reveals:
        return plan is AIDED  # may see everything
    return False


@by_name
def test_legal_plans_pass(plan: Plan) -> None:
    assert plan.passes()


@by_name
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda f: f.__name__)
def test_illegal_mutants_are_refused(plan: Plan, mutation: object) -> None:
    mutants = [(what, m) for what, m in mutation(plan.module) if not legal(plan, mutation, what)]  # type: ignore[operator]
    accepted = [what for what, m in mutants if plan.passes(module=m)]
    assert not accepted


def test_there_are_many_mutants() -> None:
    total = sum(1 for plan in PLANS for mutation in MUTATIONS for _ in mutation(plan.module))
    assert total > 1500, total


def stricter_policies(plan: Plan) -> Iterator[str]:
    """Policies under which the plan is illegal: one line taken away, or one added."""
    lines = plan.policy.splitlines()
    for i in range(len(lines)):
        yield "\n".join([*lines[:i], *lines[i + 1 :]])
    for domain in USED[plan]:
        yield plan.policy + f"deny {domain}"
        yield plan.policy + f"deny {domain} for node *"
        yield plan.policy + f"deny {domain} for operator *"
        if domain != "client":
            yield plan.policy + f'deny {domain} for input "x"'
            yield plan.policy + f'deny {domain} for weight "w0"'
        yield plan.policy + "allow " + ", ".join({"he", "mpc", "tee", "server"} - {domain})
    for op in plan.module.ops:
        domain = op.name.split(".")[0]
        if op.loc and op.name != "he.drop":
            yield plan.policy + f'deny {domain} for node "{op.loc}"'
            yield plan.policy + f'place node "{op.loc}" in {"server"}'
    if plan is not TEE:
        yield plan.policy + "require non_interactive"
        yield plan.policy + "trust client malicious"
        yield plan.policy + "trust server malicious"
    if "he" in USED[plan]:
        yield plan.policy + "require security >= 192"
    if any(op.attrs.get("because") == "asked for" for op in plan.module.ops):
        yield plan.policy.replace("asked for", "another reason")
    yield plan.policy + 'output "y" reveal to server because "the server wants it as well"'
    yield plan.policy.replace('output "y" reveal to client', 'output "y" reveal to server')
    if "mpc" in USED[plan]:
        yield plan.policy + "party client, server"
        yield plan.policy.replace("trust dealer non_colluding", "trust dealer semi_honest")
        yield plan.policy.replace("trust dealer non_colluding", "trust dealer malicious")
    if plan is TEE:
        yield plan.policy + "trust enclave malicious"


@by_name
def test_plans_are_refused_under_stricter_policies(plan: Plan) -> None:
    policies = list(stricter_policies(plan))
    assert len(policies) > 15
    assert [p for p in policies if plan.passes(p)] == []


def test_a_plan_for_another_input_owner_is_refused() -> None:
    assert not MPC.passes(source=parse(print_module(SOURCE).replace("%x", "%other")))


def test_simulated_enclave_needs_its_own_line() -> None:
    simulated = replace(TEE.module, attrs={"tee": "simulated"})
    assert not TEE.passes(module=simulated)
    assert TEE.passes(policy=OUT + "allow simulated tee", module=simulated)


def test_changed_constant_is_as_secret_as_all_weights() -> None:
    """A constant that the policy never saw counts as secret even where its namesake was public."""
    policy = OUT + 'allow client to see activations because "a demo"\nweight * public'
    add = Op("client.Gemm", ("x", "@w0"), ("v",), {}, "fc1")
    value = Value(SOURCE.values["x"].type, SOURCE.values["a"].label, Domain.CLIENT)
    m = replace(AIDED.module, ops=(add, *AIDED.module.ops), values={**AIDED.module.values, "v": value})
    assert AIDED.passes(policy, m)
    mixed = OUT + 'allow client to see activations because "a demo"\nweight "w0" public\nweight "w1" secret of server'
    imported = replace(SOURCE, stage=type(SOURCE.stage).IMPORTED)
    assert AIDED.passes(mixed, m, source=imported)
    other = replace(m, constants={**m.constants, "@w0": replace(m.constants["@w0"], sha256="0" * 64)})
    assert not AIDED.passes(mixed, other, source=imported)
    assert not AIDED.passes(mixed, m), "folded, and not told what the weights were"


def test_parameters_in_attributes() -> None:
    scaled = with_op(MPC.module, 2, replace(MPC.module.ops[2], name="mpc.Scaler", attrs={"scale": (1.0, 2.0)}))
    source = with_op(SOURCE, 1, replace(SOURCE.ops[1], name="Scaler"))
    assert not MPC.passes(module=scaled, source=source)
    assert MPC.passes(MPC.policy + 'allow parameters in plan because "published"', scaled, source)
    assert MPC.passes(MPC.policy + "weight * public", scaled, source)
    assert not MPC.passes(MPC.policy + "weight * public", scaled), "the model computes something else there"


def test_a_value_inside_a_node_is_not_its_result() -> None:
    """A plan that names the operand of a Relu after the Relu would reveal it by a line that is about the Relu."""
    policy = MPC.policy + 'reveal "b" to client because "agreed"'
    m = MPC.module
    swapped = {"a": "b", "b": "a"}
    ops = [
        replace(
            op,
            operands=tuple(swapped.get(o, o) for o in op.operands),
            results=tuple(swapped.get(r, r) for r in op.results),
        )
        for op in m.ops
    ]
    ops[1] = replace(ops[1], name="he.linear", loc="act")  # no operator that would tell
    assert m.ops[1].results == ("a",) and m.ops[2].loc == "act"
    ops.insert(2, Op("reveal.mpc_to_client", ("b",), ("leak",), {"because": "agreed"}))
    wrong = replace(m, ops=tuple(ops), values={**m.values, "leak": replace(m.values["b"], domain=Domain.CLIENT)})
    with pytest.raises(UserError) as e:
        check(wrong, parse_policy(policy).resolve(SOURCE))
    assert "PPC2016" in {d.code for d in e.value.diagnostics}


def test_views_say_who_sees_what() -> None:
    views = check(NAMED.module, parse_policy(NAMED.policy, "p.ppc").resolve(SOURCE))
    client = {s.value: s for s in views.sees["client"]}
    assert set(client) == {"x", "z.client", "s", "y"}
    assert client["x"].ground == "own secrets only"
    assert (client["z.client"].ground, client["z.client"].line) == ("revealed", "p.ppc:3:1")
    assert client["y"].ground == "computed from what it sees"
    assert {s.value for s in views.sees["server"]} == {"@w0", "@w1", "@w2"}
    assert views.sees["dealer"] == views.sees["enclave"] == ()
    (reveal,) = views.reveals
    assert (reveal.value, reveal.node, reveal.party) == ("z.client", "fc2", "client")
    assert any(t.line == "p.ppc:2:1" and t.used_by == ("mpc",) for t in views.trust)
    enclave = check(TEE.module, parse_policy(TEE.policy).resolve(SOURCE)).sees["enclave"]
    assert {s.value for s in enclave} == {"x.tee", "a", "b", "z", "s", "y", "@w0", "@w1"}


def test_every_finding_is_reported_with_its_line() -> None:
    with pytest.raises(UserError) as e:
        check(MPC.module, parse_policy(OUT + DEALER + "deny mpc", "p.ppc").resolve(SOURCE))
    assert {d.code for d in e.value.diagnostics} == {"PPC2018"}
    assert e.value.diagnostics[0].source == "p.ppc:3:1"
    assert node_name(MPC.module.ops[1]) == "fc1"


def test_a_fused_step_stands_for_operators_of_the_model() -> None:
    """`mpc.ReluMaxPool` belongs where a Relu and a MaxPool are, and this model has no MaxPool."""
    ops = MPC.module.ops
    i = next(i for i, op in enumerate(ops) if op.name == "mpc.Relu")
    assert MPC.passes(module=with_op(MPC.module, i, ops[i]))
    assert not MPC.passes(module=with_op(MPC.module, i, replace(ops[i], name="mpc.ReluMaxPool")))

"""The final check on plans that are right, and on hundreds that are not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pytest

from ppc.ir.check import check
from ppc.ir.diagnostic import UserError
from ppc.ir.label import PUBLIC
from ppc.ir.module import Module, Op, Value, digest
from ppc.ir.parser import parse
from ppc.ir.policy import parse_policy
from ppc.ir.policy.bind import node_name
from ppc.ir.printer import print_module
from ppc.ir.types import Domain
from ppc.runtime.schema import steps

SHA = digest(np.zeros((4, 4), np.float32))
T = "f32<1x4>"
C, CS = "secret[client]", "secret[client, server]"


def model(stage: str, body: str, inputs: str = f"input %x: {T} {C} in client", attrs: str = "") -> Module:
    weights = "\n".join(f"const @w{i}: f32<4x4> secret[server] sha256:{SHA}" for i in range(3))
    return parse(f'module "m" {stage} {attrs} {{ {weights} {inputs} {body} }}')


#: The model as the policy was bound to it: x -> fc1 -> act -> fc2 -> soft -> view -> y.
SOURCE = model(
    "labelled",
    f"""
    %a = Gemm(%x, @w0) : {T} {CS} loc "fc1"
    %b = Relu(%a) : {T} {CS} loc "act"
    %z = Gemm(%b, @w1) : {T} {CS} loc "fc2"
    %s = Softmax(%z) : {T} {CS} loc "soft"
    %y = Reshape(%s) {{shape = [4]}} : f32<4> {CS} loc "view"
    output %y""",
    inputs=f"input %x: {T} {C}",
)

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


MPC = Plan(
    "mpc",
    OUT + DEALER,
    model(
        "lowered",
        f"""
        %x.mpc = convert.client_to_mpc(%x) : {T} {C} in mpc
        %a = mpc.Gemm(%x.mpc, @w0) : {T} {CS} in mpc loc "fc1"
        %b = mpc.Relu(%a) : {T} {CS} in mpc loc "act"
        %z = mpc.Gemm(%b, @w1) : {T} {CS} in mpc loc "fc2"
        %s = mpc.Softmax(%z) : {T} {CS} in mpc loc "soft"
        %y = mpc.Reshape(%s) {{shape = [4]}} : f32<4> {CS} in mpc loc "view"
        %y.client = reveal.mpc_to_client(%y) {{because = "asked for"}} : f32<4> {CS} in client
        client.output(%y.client)
        output %y.client""",
    ),
)

MIXED = Plan(
    "he, then shares, view at the client",
    OUT + DEALER,
    model(
        "lowered",
        f"""
        %x.he = convert.client_to_he(%x) {{level = 3}} : {T} {C} in he
        %a1 = he.linear(%x.he, @w0) : {T} {CS} in he loc "fc1"
        %a = he.drop(%a1) {{level = 1}} : {T} {CS} in he loc "fc1"
        %b = he.polynomial(%a) {{coefficients = [0.5, 1.0], lo = -1.0, hi = 1.0}} : {T} {CS} in he loc "act"
        %b.mpc = convert.he_to_mpc(%b) : {T} {CS} in mpc
        %z = mpc.Gemm(%b.mpc, @w1) : {T} {CS} in mpc loc "fc2"
        %s = mpc.Softmax(%z) : {T} {CS} in mpc loc "soft"
        %s.client = reveal.mpc_to_client(%s) {{because = "asked for"}} : {T} {CS} in client
        %y = client.Reshape(%s.client) {{shape = [4]}} : f32<4> {CS} in client loc "view"
        output %y""",
        attrs="{he.security_bits = 128}",
    ),
)

TEE = Plan(
    "enclave",
    OUT + 'assume tee sev_snp measured "9f3a"\n',
    model(
        "lowered",
        f"""
        %x.tee = convert.client_to_tee(%x) : {T} {C} in tee
        %a = tee.Gemm(%x.tee, @w0) : {T} {CS} in tee loc "fc1"
        %b = tee.Relu(%a) : {T} {CS} in tee loc "act"
        %z = tee.Gemm(%b, @w1) : {T} {CS} in tee loc "fc2"
        %s = tee.Softmax(%z) : {T} {CS} in tee loc "soft"
        %y = tee.Reshape(%s) {{shape = [4]}} : f32<4> {CS} in tee loc "view"
        %y.client = reveal.tee_to_client(%y) {{because = "asked for"}} : f32<4> {CS} in client
        output %y.client""",
    ),
)

AIDED = Plan(
    "he with a client that sees activations, flooded",
    OUT + 'allow client to see activations because "a demo"\n',
    model(
        "lowered",
        f"""
        %x.he = convert.client_to_he(%x) {{level = 1}} : {T} {C} in he
        %a = he.linear(%x.he, @w0) : {T} {CS} in he loc "fc1"
        %a.client = reveal.he_to_client(%a) {{because = "a demo", privacy = "flooding", flood_bits = 40}}
          : {T} {CS} in client
        %b = client.Relu(%a.client) : {T} {CS} in client loc "act"
        %b.he = convert.client_to_he(%b) {{level = 1}} : {T} {CS} in he
        %z = he.linear(%b.he, @w1) : {T} {CS} in he loc "fc2"
        %z.client = reveal.he_to_client(%z) {{because = "a demo", privacy = "flooding", flood_bits = 40}}
          : {T} {CS} in client
        %s = client.Softmax(%z.client) : {T} {CS} in client loc "soft"
        %y = client.Reshape(%s) {{shape = [4]}} : f32<4> {CS} in client loc "view"
        output %y""",
        attrs="{he.security_bits = 128}",
    ),
)

NAMED = Plan(
    "mpc, logits revealed by name",
    OUT + DEALER + 'reveal "fc2" to client because "logits are public in this contract"\n',
    model(
        "lowered",
        f"""
        %x.mpc = convert.client_to_mpc(%x) : {T} {C} in mpc
        %a = mpc.Gemm(%x.mpc, @w0) : {T} {CS} in mpc loc "fc1"
        %b = mpc.Relu(%a) : {T} {CS} in mpc loc "act"
        %z = mpc.Gemm(%b, @w1) : {T} {CS} in mpc loc "fc2"
        %z.client = reveal.mpc_to_client(%z) {{because = "logits are public in this contract"}} : {T} {CS} in client
        %s = client.Softmax(%z.client) : {T} {CS} in client loc "soft"
        %y = client.Reshape(%s) {{shape = [4]}} : f32<4> {CS} in client loc "view"
        client.output(%y)
        output %y""",
    ),
)

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


Term = tuple[object, ...]


def seen_terms(m: Module) -> dict[str, set[Term]] | None:
    """A second opinion, from the schema alone: the terms over the input that each party holds in clear.

    None where a step reads another representation than was written: nothing can be said of such a plan.
    """
    terms: dict[str, Term] = {"x": ("x",)}
    where = {"x": "client"}
    seen: dict[str, set[Term]] = {"client": {("x",)}, "server": set(), "tee": set()}
    for op in m.ops:
        domain = op.name.split(".")[0]
        spec = steps().get(op.name) or steps().get(domain + ".*")
        values = [o for o in op.operands if not o.startswith("@")]
        if spec is None or any(where.get(o) != spec.reads for o in values):
            return None
        carries = domain in ("convert", "reveal") or op.name == "he.drop"
        term = terms[values[0]] if carries else (op.loc, *(terms[o] for o in values))
        for r in op.results:
            terms[r], where[r] = term, spec.writes or ""
            seen.get(where[r], set()).add(term)
    return seen


def source_terms() -> dict[str, Term]:
    found: dict[str, Term] = {"x": ("x",)}
    for op in SOURCE.ops:
        found[op.results[0]] = (op.loc, *(found[o] for o in op.operands if not o.startswith("@")))
    return found


LINES = {
    "mpc": DEALER,
    "tee": "allow simulated tee\n",
    "see": 'allow client to see activations because "r"\n',
    "z": 'reveal "z" to client because "r"\n',
    "a": 'reveal "fc1" to client because "r"\n',
    "b to server": 'reveal "b" to server because "r"\n',
}
PAIRS = {(spec.reads, spec.writes): spec for spec in steps().values() if spec.name.startswith(("convert.", "reveal."))}


def random_plan(random: Random) -> Module | None:
    """The model with every node somewhere, and the conversions that this takes; None where there is none."""
    ops: list[Op] = []
    values = {"x": Value(SOURCE.values["x"].type, SOURCE.values["x"].label, Domain.CLIENT)}

    def move(name: str, target: Domain) -> str | None:
        domain = values[name].domain
        assert domain is not None
        if domain is target:
            return name
        spec = PAIRS.get((domain.value, target.value))
        if spec is None:  # through shares, where neither end is shares
            shares = move(name, Domain.MPC) if Domain.MPC not in (domain, target) else None
            return move(shares, target) if shares else None
        attrs = {"because": "r", "privacy": "flooding", "flood_bits": 40} if spec.reveals else {}
        fresh = f"v{len(ops)}"
        ops.append(Op(spec.name, (name,), (fresh,), attrs))
        values[fresh] = replace(values[name], domain=target)
        return fresh

    likely = random.choices(list(Domain), k=2)
    for op in SOURCE.ops:
        domain = random.choice([*likely, *likely, *Domain])
        operands = [o if o.startswith("@") else move(o, domain) for o in op.operands]
        if None in operands:
            return None
        name = "he.linear" if domain is Domain.HE else f"{domain}.{op.name}"
        ops.append(replace(op, name=name, operands=tuple(filter(None, operands))))
        values[op.results[0]] = replace(SOURCE.values[op.results[0]], domain=domain)
    end = move("y", Domain.CLIENT)
    stage, attrs = MPC.module.stage, {"he.security_bits": 128}
    return Module("m", stage, ("x",), (end,), tuple(ops), values, SOURCE.constants, attrs) if end else None


def second_opinion(m: Module, lines: set[str]) -> bool:
    """Is the plan legal under these lines: from the schema, the terms that parties hold, and nothing of the check."""
    seen, source = seen_terms(m), source_terms()
    assert seen is not None
    domains = {op.name.split(".")[0] for op in m.ops} | {op.name.rpartition("_")[2] for op in m.ops}
    if ("mpc" in domains and "mpc" not in lines) or ("tee" in domains and "tee" not in lines):
        return False
    if any(op.name.startswith("client.") and any(o.startswith("@") for o in op.operands) for op in m.ops):
        return False
    client = {source[v] for v in "xsy"} | {source[v] for v in "za" if v in lines}
    client |= set(source.values()) if "see" in lines else set()
    server = {source["b"]} if "b to server" in lines else set()
    made = {op.results[0] for op in m.ops if op.name.startswith(("client.", "server."))}
    held = {"client": client, "server": server}
    terms: dict[str, Term] = {"x": ("x",)}
    for op in m.ops:
        values = [o for o in op.operands if not o.startswith("@")]
        carries = op.name.startswith(("convert.", "reveal."))
        term = terms[op.operands[0]] if carries else (op.loc, *(terms[o] for o in values))
        terms[op.results[0]] = term
        party = op.name.rpartition("_to_")[2]
        if carries and party in held and op.results[0] not in made and term not in held[party]:
            return False
    return True


@pytest.mark.parametrize("seed", range(4))
def test_random_placements_are_judged_as_a_second_opinion_judges_them(seed: int) -> None:
    random, verdicts = Random(seed), []
    for _ in range(1500):
        m = random_plan(random)
        lines = {name for name in LINES if random.random() < 0.6}
        if m is not None:
            policy = OUT.replace("asked for", "r") + "".join(LINES[name] for name in sorted(lines))
            verdict = Plan("random", policy, m).passes()
            assert verdict == second_opinion(m, lines), f"{verdict}\n{policy}{print_module(m)}"
            verdicts.append(verdict)
    assert 50 < sum(verdicts) < len(verdicts) - 50


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
    assert not MPC.passes(module=scaled)
    assert MPC.passes(MPC.policy + 'allow parameters in plan because "published"', scaled)
    assert MPC.passes(MPC.policy + "weight * public", scaled)


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

"""The policy language: reading, printing, binding."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc.ir.diagnostic import UserError
from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Module, Stage
from ppc.ir.objective import Objective, Tariff
from ppc.ir.parser import parse
from ppc.ir.policy import DEFAULT, Policy, ast, parse_policy, print_policy
from ppc.ir.policy.consistent import check_consistent
from ppc.ir.policy.patterns import matches
from ppc.ir.target import WAN
from ppc.ir.types import Domain

FULL = """
party hospital is client, cloud is server, dealer     # names of our own
input "x" secret of hospital   weight * secret of cloud
weight "emb*" public
output "y" reveal to hospital because "it is the patient's own result"
reveal "act" to hospital, cloud because "agreed in contract 7"
allow hospital to see activations because "demo"
trust cloud semi_honest
trust dealer non_colluding
assume tee sev_snp measured "9f3a"
allow simulated tee
allow parameters in plan because "the trees are published"
allow he, mpc, client
allow tee for node "top", "out"
deny tee for input "x"
deny he for operator Softmax
place node "fc2*" in mpc
place operator Conv, Gemm in he
require security >= 128
require non_interactive
require integrity of output "y" against cloud, dealer
limit latency <= 2 s, traffic <= 50 MB
limit memory <= 1.5 GiB
error <= 1e-2
network wan bandwidth 100 Mbps rtt 40 ms
objective total latency 2, money
price cpu 0.5 per hour, traffic 1e-2 per GB
"""


def module(*weights: str, stage: str = "folded") -> Module:
    consts = "\n".join(f"const @{w}: f32<4x4> secret[server] sha256:{i:064x}" for i, w in enumerate(weights))
    return parse(
        f"""module "m" {stage} {{ {consts}
        input %x: f32<1x4>  input %mask: f32<1x4>
        %h = Conv(%x) : f32<1x4> loc "conv/1"
        %a = Relu(%h) : f32<1x4> loc "act"
        %v, %i = TopK(%a) : f32<1x4>, i64<1x4> loc "top"
        %y = Reshape(%v) : f32<4> loc "out"
        output %y }}"""
    )


OUT = 'output "y" reveal to client because "asked for"\n'


def bound(text: str, *weights: str, **kw: Any) -> Any:
    return parse_policy(OUT + text, "p").resolve(module(*weights), **kw)


def codes(text: str, *weights: str) -> list[str]:
    with pytest.raises(UserError) as e:
        parse_policy(text, "p").resolve(module(*weights))
    return [d.code for d in e.value.diagnostics]


def test_full_example_round_trips() -> None:
    p = parse_policy(FULL, "p.ppc")
    assert len(p.statements) == 32
    again = parse_policy(print_policy(p))
    assert again == p and again.sha256 == p.sha256
    assert p.statements[3].at.line == 3 and p.statements[4].at.column == 32
    assert p.statements[4].at.text == "weight * secret of cloud"


strings = st.text(min_size=1, max_size=10).filter(str.strip)
patterns = st.lists(strings, min_size=1, max_size=3).map(tuple)
domains = st.lists(st.sampled_from(Domain), min_size=1, max_size=3).map(tuple)
roles = st.sampled_from(["client", "server"])
amounts = st.floats(1e-9, 1e15)
statements = st.one_of(
    st.builds(ast.Owned, st.sampled_from(["input", "weight"]), patterns, st.none() | roles),
    st.builds(ast.Reveal, patterns, roles, strings, st.booleans()),
    st.builds(ast.SeeActivations, roles, strings),
    st.builds(ast.Trust, roles, st.just("semi_honest")),
    st.builds(ast.AssumeTee, st.sampled_from(ast.HARDWARE), strings),
    st.builds(ast.AllowSimulatedTee),
    st.builds(ast.AllowParameters, strings),
    st.builds(ast.Allow, domains),
    st.builds(ast.Allow, domains, st.sampled_from(ast.SCOPES), patterns),
    st.builds(ast.Integrity, patterns, st.lists(roles, min_size=1, max_size=2).map(tuple)),
    st.builds(ast.Deny, domains, st.sampled_from(ast.SCOPES), patterns),
    st.builds(ast.Place, st.sampled_from(["node", "operator"]), patterns, st.sampled_from(Domain)),
    st.builds(ast.Security, st.integers(1, 256)),
    st.builds(ast.NonInteractive),
    st.builds(ast.Price, st.sampled_from(sorted(ast.TARIFF)), amounts),
    st.builds(ast.ObjectiveIs, st.just((("latency", 1.0), ("money", 20.0))), st.booleans()),
    st.builds(ast.Limit, st.sampled_from(sorted(ast.MEASURES)), amounts),
)


def consistent(p: Policy) -> bool:
    try:
        check_consistent(p)
    except UserError:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(st.lists(statements, max_size=8).map(tuple).map(Policy).filter(consistent))
def test_round_trip(p: Policy) -> None:
    assert parse_policy(print_policy(p)) == p


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=50) | st.lists(st.sampled_from(FULL.split()), max_size=12).map(" ".join))
def test_any_text_is_a_policy_or_a_user_error(text: str) -> None:
    try:
        parse_policy(text)
    except UserError as e:
        assert e.diagnostics[0].code.startswith("PPC20")


def test_mistakes_come_with_suggestions() -> None:
    for text, help in {
        "inptu * secret of client": "did you mean 'input'?",
        "input * secret of cleint": "did you mean 'client'?",
        "trust server semihonest": "did you mean 'semi_honest'?",
        'deny tee for inputs "x"': "did you mean 'input'?",
        "limit latency <= 2": "write one of s, ms, us, min after the number",
        "objective latancy": "did you mean 'latency'?",
        "price cpu 1 per GB": "known: hour",
        "require integrity of outptu * against server": "did you mean 'output'?",
    }.items():
        with pytest.raises(UserError) as e:
            parse_policy(text)
        assert e.value.diagnostics[0].help == help


def test_default_policy() -> None:
    b = DEFAULT.resolve(module("w"))
    assert dict(b.inputs) == {"x": Label.secret("client"), "mask": Label.secret("client")}
    assert b.weights["@w"][0] == Label.secret("server")
    assert {(g.value, g.party, g.output) for g in b.grants} == {("y", "client", True), ("v", "client", False)}
    assert b.tee is None and b.trust("dealer", "non_colluding") is not None
    assert len(b.assumed) == 1 and "no policy was given" in b.assumed[0]


def test_names_of_parties_become_roles() -> None:
    text = FULL.replace("fc2*", "conv*").replace('weight "emb*" public', "").replace("Conv, Gemm", "Conv")
    text = text.replace("place operator Conv in he", "")
    b = parse_policy(text.replace("operator Softmax", "operator TopK")).resolve(module("w"))
    assert b.inputs["x"] == Label.secret("client") and b.roles == {"client", "server", "dealer", "enclave"}
    assert b.limits == {"latency": 2.0, "traffic": 50e6, "memory": 1.5 * 2**30, "error": 0.01}
    assert (b.network.bandwidth, b.network.rtt, b.security_bits) == (100e6, 0.040, 128)
    assert b.pins["conv/1"][0] is Domain.MPC and Domain.HE in b.node_denials["top"]
    assert b.denial(Domain.SERVER) is not None and b.denial(Domain.HE) is None


def test_allow_for_some_only() -> None:
    """A domain that only scoped lines name may be used for what one of them matches; the others are not touched."""
    b = bound('allow simulated tee\nallow tee for operator Relu\nallow tee for node "top"', "w")
    assert all(b.denial(d) is None for d in Domain)
    assert {n for n, row in b.node_denials.items() if Domain.TEE in row} == {"conv/1", "out"}
    assert str(b.node_denials["out"][Domain.TEE]) == "p:3:1"
    b = bound('allow he, mpc\nallow tee for input "x"\nallow he2 for node "top"'.replace("he2", "client"), "w")
    assert {d for d in Domain if b.denial(d) is not None} == {Domain.SERVER}
    assert [(d, names) for d, names, _ in b.source_denials] == [(Domain.TEE, {"mask"})]
    assert {n for n, row in b.node_denials.items() if Domain.CLIENT in row} == {"conv/1", "act", "out"}


def test_integrity_keeps_a_party_out_of_what_leads_to_an_output() -> None:
    b = bound('require integrity of output "y" against dealer')
    assert all(set(row) == {Domain.MPC} for row in b.node_denials.values()) and len(b.node_denials) == 4
    b = bound("allow simulated tee\nrequire integrity of output * against server, enclave")
    assert all(set(row) == {Domain.HE, Domain.MPC, Domain.TEE, Domain.SERVER} for row in b.node_denials.values())
    assert [(i.output, i.party) for i in b.integrity] == [("y", "server"), ("y", "enclave")]


def test_objective_and_tariff() -> None:
    assert bound("").objective == Objective()
    found = bound("objective total latency 2, money\nprice tee 1 per hour").objective
    assert found == Objective((("latency", 2.0), ("money", 1.0)), True, Tariff(tee_hour=1.0))


def test_presets_of_networks() -> None:
    assert bound("network wan").network == WAN
    assert bound("").network.name == "lan"


def test_reveal_by_node_means_every_result() -> None:
    b = bound('reveal "top" to server because "agreed"')
    assert {g.value for g in b.grants if g.party == "server"} == {"v", "i"}
    assert {g.origin for g in b.grants if g.party == "server"} == {("top", 0), ("top", 1)}


def test_a_full_name_beats_a_pattern() -> None:
    b = bound('input * secret of client\ninput "mask" public')
    assert b.inputs == {"x": Label.secret("client"), "mask": PUBLIC}
    assert bound('input "m*" public\ninput * secret of client').inputs == b.inputs, "and a pattern beats a lone *"
    assert "PPC2005" in codes(OUT + 'input "m*" public\ninput "*k" secret of client')


def test_merged_weights_are_judged_by_what_they_came_from() -> None:
    text = 'weight "emb" public\nweight "fc" secret of server'
    assert bound(text, "emb", "fc").weights["@emb"][0] == Label.secret("server"), "folded: the name proves nothing"
    imported = module("emb", "fc", stage="imported")
    b = bound(text, "emb", "fc", imported=imported)
    sha = {n: c.sha256 for n, c in imported.constants.items()}
    assert b.weight_label("@emb", sha["@emb"]) == PUBLIC
    assert b.weight_label("@emb", "f" * 64) == Label.secret("server"), "same name, other data"
    assert b.weight_label("@new", "f" * 64) == Label.secret("server")
    assert bound("weight * public", "emb").weight_label("@new", "f" * 64) == PUBLIC


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('input "z" secret of client', "PPC2010"),
        ('deny tee for weight "w*"', "PPC2010"),
        ('place node "conv/2" in he', "PPC2010"),
        ('deny he for operator "Softmax"', "PPC2010"),
        ('reveal "h2" to client because "x"', "PPC2010"),
        ('input "x" secret of server', "PPC2012"),
        ('reveal "h" to enclave because "x"', "PPC2012"),
        ('require integrity of output "z" against dealer', "PPC2010"),
        ('allow tee for node "conv/2"', "PPC2010"),
        ('place node "act" in he\nplace operator Relu in mpc', "PPC2005"),
    ],
)
def test_binding_errors(text: str, code: str) -> None:
    assert codes(OUT + text) == [code]


def test_all_binding_errors_at_once() -> None:
    assert codes('input "z" public\ndeny he for node "q"') == ["PPC2010", "PPC2010", "PPC2011"]


def test_patterns() -> None:
    assert matches("conv/*", "conv/1") and matches("*", "") and matches("a?c", "abc")
    assert matches("fc.weight[0]", "fc.weight[0]") and not matches("fc.weight[0]", "fc.weight0")
    assert matches("conv/weight:0", "conv_weight_0"), "the model's own name of what import renamed"
    assert not matches("a.c", "abc") and matches("*" * 30 + "b", "a" * 200 + "b")
    assert not matches("*a" * 12, "a" * 11)


def test_stage_is_untouched() -> None:
    assert module().stage is Stage.FOLDED

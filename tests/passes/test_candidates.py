"""Where each node may run, and the reason why not."""

from collections.abc import Mapping

import pytest

from ppc.ir.diagnostic import UserError
from ppc.ir.module import Module, Op
from ppc.ir.parser import parse
from ppc.ir.policy import parse_policy
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.passes.candidates import Candidates, Reason, candidates
from ppc.passes.label_flow import LabelFlow

SHA = "0" * 64
MODEL = parse(
    f"""module "m" folded {{
    const @w: f32<2x2> secret[server] sha256:{SHA}
    const @v: f32<2x2> secret[server] sha256:{SHA}
    input %x: f32<1x2>  input %t: f32<1x2>
    %p = Relu(%x) : f32<1x2> loc "pre"
    %h = MatMul(%p, @w) : f32<1x2> loc "fc1"
    %r = Relu(%h) : f32<1x2> loc "act"
    %z = MatMul(%r, @v) : f32<1x2> loc "fc2"
    %s = Softmax(%z) : f32<1x2> loc "probs"
    %y = Reshape(%s) : f32<2> loc "flat"
    %q = Relu(%t) : f32<1x2> loc "tt"
    output %y, %q }}"""
)
OUT = 'output * reveal to client because "asked for"\n'
DEALER = "trust dealer non_colluding\n"


class Target:
    """Runs what its table says."""

    def __init__(self, domain: Domain, refused: Mapping[str, str] | None = None):
        self.domain, self.refused = domain, refused or {}

    def refuses(self, op: Op, module: Module) -> str | None:
        return self.refused.get(op.name)

    def cost(self, op: Op, module: Module, rung: HeRung) -> Cost:
        return Cost()

    def depth(self, op: Op, module: Module) -> int:
        return 0


TARGETS = {d: Target(d) for d in Domain} | {
    Domain.HE: Target(Domain.HE, {"Relu": "Relu needs comparisons", "Softmax": "Softmax needs a division"})
}


def judge(policy: str, only: frozenset[Domain] | None = None, targets: object = TARGETS) -> Candidates:
    p = parse_policy(OUT + policy, "p")
    module = LabelFlow(p).run(MODEL)
    return candidates(module, p.resolve(module), targets, only)  # type: ignore[arg-type]


def words(c: Candidates) -> dict[str, str]:
    return {name: " ".join(sorted(str(d) for d, why in row.items() if why is None)) for name, row in c.table.items()}


def why(c: Candidates, value: str, domain: Domain) -> Reason:
    reason = c.table[value][domain]
    assert reason is not None
    return reason


def test_default() -> None:
    assert words(judge(DEALER)) == {
        "p": "client mpc",
        "h": "he mpc",
        "r": "mpc",
        "z": "he mpc",
        "s": "mpc",
        "y": "client he mpc",  # whoever may know y may know s, whose elements it holds
        "q": "client mpc",
    }


def test_reasons() -> None:
    c = judge(DEALER)
    assert str(why(c, "h", Domain.CLIENT)) == "the client would see weight 'w', which depends on secrets of server"
    assert str(why(c, "s", Domain.CLIENT)) == "the client would see 'z', which depends on secrets of server"
    assert str(why(c, "p", Domain.SERVER)) == "the server would see 'x', which depends on secrets of client"
    assert why(c, "r", Domain.HE) == Reason("target", "Relu needs comparisons")
    assert why(c, "r", Domain.TEE).kind == "trust"
    row = c.why_not(MODEL.ops[2])
    assert set(row) == set(Domain) - {Domain.MPC} and c.of(MODEL.ops[2]) == (Domain.MPC,)


def test_revealed_value_may_be_processed_by_its_owner() -> None:
    c = judge(DEALER + 'reveal "z" to client because "logits are agreed"')
    assert words(c)["s"] == "client mpc" and words(c)["y"] == "client he mpc"
    assert words(c)["r"] == "mpc", "post-processing only"


def test_activations() -> None:
    c = judge('allow client to see activations because "demo"')
    assert words(c) == {
        "p": "client",
        "h": "he",
        "r": "client",
        "z": "he",
        "s": "client",
        "y": "client he",
        "q": "client",
    }


def test_denials_name_the_line() -> None:
    c = judge(DEALER + 'allow simulated tee\ndeny tee for input "x"\ndeny mpc for node "tt"')
    reason = why(c, "s", Domain.TEE)
    assert reason.text == "it depends on 'x', which tee may not touch" and str(reason.line) == "p:4:1"
    assert str(why(c, "q", Domain.MPC)).endswith('(p:5:1: deny mpc for node "tt")')
    assert words(c)["q"] == "client tee", "it does not depend on x"


def test_weights_can_be_kept_from_a_domain() -> None:
    c = judge(DEALER + 'allow simulated tee\ndeny tee for weight "v"')
    assert {n for n, d in words(c).items() if "tee" in d} == {"p", "h", "r", "q"}


def test_allow_list() -> None:
    c = judge(DEALER + "allow mpc, client")
    assert why(c, "h", Domain.HE).text == "the policy does not allow he"
    assert words(c)["p"] == "client mpc"


def test_allow_for_some_nodes() -> None:
    c = judge(DEALER + 'allow simulated tee\nallow tee for node "act"')
    assert {n for n, d in words(c).items() if "tee" in d} == {"r"}
    assert str(why(c, "h", Domain.TEE)) == ('the policy denies tee for this node (p:4:1: allow tee for node "act")')


def test_integrity() -> None:
    c = judge(DEALER + "allow simulated tee\nrequire integrity of output * against server")
    assert set(words(c).values()) <= {"tee", "client tee"}
    assert "against server" in str(why(c, "h", Domain.HE))


def test_parties_and_trust() -> None:
    activations = 'allow client to see activations because "demo"\n'
    c = judge(activations + "party client, server")
    assert why(c, "h", Domain.MPC) == Reason("party", "the deployment has no dealer")
    assert why(judge(activations), "h", Domain.MPC).kind == "trust"
    c = judge("allow simulated tee\ntrust server malicious")
    assert {why(c, "h", d).kind for d in (Domain.HE, Domain.MPC)} == {"trust"}
    c = judge(DEALER + 'assume tee tdx measured "1"\ntrust enclave malicious')
    assert why(c, "h", Domain.TEE).text == "the policy calls the enclave malicious"


def test_non_interactive() -> None:
    c = judge('allow simulated tee\nrequire non_interactive\nallow client to see activations because "demo"')
    assert why(c, "r", Domain.MPC).text.startswith("mpc needs the client online")
    assert words(c)["r"] == "tee" and words(c)["y"] == "client he tee"


def test_targets_option() -> None:
    c = judge(DEALER, frozenset({Domain.MPC}))
    assert words(c)["h"] == "mpc" and words(c)["p"] == "client mpc"
    assert why(c, "h", Domain.HE) == Reason("targets", "--targets leaves he out (mpc)")


def test_missing_target() -> None:
    c = judge(DEALER, targets={Domain.MPC: TARGETS[Domain.MPC]})
    assert why(c, "h", Domain.HE) == Reason("target", "no target for he is installed")


def test_pins() -> None:
    c = judge(DEALER + "place operator MatMul in he")
    assert words(c)["h"] == "he" and "places this node in he" in str(why(c, "h", Domain.MPC))


def test_impossible_pin_names_both_lines() -> None:
    with pytest.raises(UserError) as e:
        judge(DEALER + 'place node "fc1" in mpc\ndeny mpc for weight "w"')
    d = e.value.diagnostics[0]
    assert (d.code, d.node, d.source) == ("PPC3002", "fc1", "p:3:1")
    assert dict(d.facts) == {"placed by": "p:3:1", "because": "p:4:1"} and "deny mpc" in d.message


def test_no_candidate_lists_every_reason() -> None:
    with pytest.raises(UserError) as e:
        judge("")
    assert [(d.code, d.node) for d in e.value.diagnostics] == [("PPC3001", "act"), ("PPC3001", "probs")]
    text = str(e.value)
    for piece in ("he: Relu needs comparisons", "trust dealer non_colluding", "client: the client would see 'h'"):
        assert piece in text


def test_parameters_stay_away_from_the_client() -> None:
    scaled = parse(
        """module "m" folded { input %x: f32<1x2>
        %y = Scaler(%x) {offset = [0.5, 0.25], scale = [2.0, 4.0]} : f32<1x2> loc "scaler"
        output %y }"""
    )
    p = parse_policy(OUT + DEALER)
    module = LabelFlow(p).run(scaled)
    c = candidates(module, p.resolve(module), TARGETS)
    assert why(c, "y", Domain.CLIENT).text == "the client would hold trained parameters (offset, scale)"

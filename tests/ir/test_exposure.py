"""What a plan shows besides values in clear."""

import re
from pathlib import Path

import pytest

from ppc.ir.check import check
from ppc.ir.parser import parse
from ppc.ir.policy import parse_policy
from ppc.ir.views import Views

GOLDEN = Path(__file__).parents[1] / "golden"
SOURCE = parse((GOLDEN / "source.ppc").read_text(encoding="utf-8"))


def views(plan: str) -> Views:
    text = (GOLDEN / "plans" / f"{plan}.ppc").read_text(encoding="utf-8")
    policy = parse_policy("\n".join(re.findall(r"^// POLICY: (.*)$", text, re.M)), plan)
    return check(parse(text), policy.resolve(SOURCE))


def held(plan: str) -> dict[str, dict[str, int]]:
    return {party: {h.what: h.values for h in rows} for party, rows in views(plan).holds.items()}


def test_who_holds_what_it_cannot_read() -> None:
    assert held("mpc") == {"client": {"shares": 6}, "server": {"shares": 6}}
    mixed = held("mixed")
    assert mixed["server"] == {"ciphertexts": 4, "shares": 3}
    assert mixed["client"] == {"shares": 3, "masked results": 1}
    assert held("enclave") == {}
    assert set(held("aided")) == {"server"}, "flooded results are decrypted by the client: it sees them"


@pytest.mark.parametrize(
    ("plan", "parties"),
    [("mpc", "client dealer server"), ("named", "client dealer server")],
)
def test_who_could_alter_a_result(plan: str, parties: str) -> None:
    (one,) = views(plan).soundness
    assert (one.output.split(".")[0], one.party, one.altered_by) == ("y", "client", tuple(parties.split()))


def test_metadata() -> None:
    said = "\n".join(views("mpc").leaks)
    assert "8 values a pass" in said, "the Relu and the Softmax compare 4 each"
    assert "1 × convert.client_to_mpc, 1 × reveal.mpc_to_client" in said
    assert "shapes of 2 secret weights (32 numbers" in said
    assert "comparisons" not in "\n".join(views("enclave").leaks)
    assert "1 calibrated ranges" not in "\n".join(views("mixed").leaks), "a range of [-1, 1] tells nothing"

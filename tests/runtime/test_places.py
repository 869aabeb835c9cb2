"""Who takes the places of steps, who takes part in a run, and who talks to whom."""

from typing import Any

import pytest

from ppc.runtime import dealing
from ppc.runtime.errors import PartyError
from ppc.runtime.phases import pairs, roles
from ppc.runtime.places import holders, is_outsourced, other_holder, parties_of, rank_of

PAIR = ("compute0", "compute1")


def manifest(*steps: str, parties: tuple[str, ...] | None = ("client", "server")) -> dict[str, Any]:
    uses = sorted({d for s in steps for d in ("he", "mpc", "tee") if d in s})
    mpc = None if parties is None else {"parties": list(parties)}
    return {"steps": [{"step": s} for s in steps], "uses": uses, "mpc": mpc}


SHARED = ("client.input", "convert.client_to_mpc", "mpc.Relu", "reveal.mpc_to_client", "client.output")


def test_client_and_server_hold_shares_unless_the_plan_names_two_others() -> None:
    assert holders(manifest(*SHARED)) == holders(manifest(parties=None)) == holders({}) == ("client", "server")
    usual, other = manifest(*SHARED), manifest(*SHARED, parties=PAIR)
    assert holders(other) == PAIR and is_outsourced(other) and not is_outsourced(usual)
    assert [rank_of(other, p) for p in (*PAIR, "client", "server")] == [0, 1, None, None]
    assert other_holder(other, "compute1") == "compute0" and other_holder(usual, "client") == "server"
    places = frozenset({"client", "share0", "share1"})
    assert parties_of(other, places) == {"client", *PAIR} and parties_of(usual, places) == {"client", "server"}


@pytest.mark.parametrize("named", [("server", "client"), ("compute0",), ("compute0", "compute0"), ("eve", "mallory")])
def test_other_holders_are_refused(named: tuple[str, ...]) -> None:
    with pytest.raises(PartyError) as caught:
        holders(manifest(*SHARED, parties=named))
    assert caught.value.code == "PPC6006"


def test_who_takes_part_in_an_outsourced_run() -> None:
    plan = manifest(*SHARED, parties=PAIR)
    assert roles(plan) == ["server", "dealer", *PAIR, "client"]
    assert roles(plan, stocked=True) == [*PAIR, "client"]
    learns = manifest(*SHARED, "reveal.mpc_to_server", "server.output", parties=PAIR)
    assert roles(learns, stocked=True) == ["server", *PAIR, "client"]
    assert sorted(map(sorted, pairs(plan, stocked=True))) == [
        ["client", "compute0"], ["client", "compute1"], ["compute0", "compute1"],
    ]  # fmt: skip


def test_owners_of_an_outsourced_plan_talk_only_where_a_step_joins_them() -> None:
    apart = manifest(*SHARED, "mpc.checked", parties=PAIR)
    assert ("client", "server") not in pairs(apart)
    assert ("client", "server") in pairs(manifest(*SHARED, "convert.client_to_he", parties=PAIR))
    assert ("client", "server") in pairs(manifest(*SHARED))


def test_who_deals() -> None:
    usual, other = manifest(*SHARED), manifest(*SHARED, parties=PAIR)
    assert set(dealing.parties(usual)) == {"server", "dealer", "client"}
    assert set(dealing.parties(other)) == {"server", "dealer", *PAIR}
    for plan in (usual, other):
        assert {p for pair in dealing.pairs(plan) for p in pair} == set(dealing.parties(plan))

"""A pass begins at the client when the server has expanded its material too: online time is that of the pass alone."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.deal import _check_peers
from ppc.runtime.mpc.state import MpcState
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session
from ppc.runtime.phases import _prepare


def parties() -> dict[str, Session]:
    found = {role: Session(role, {"steps": [{"step": "mpc.Relu"}]}) for role in ("client", "server")}
    found["client"].channels["server"], found["server"].channels["client"] = pair("client", "server", 0.05)
    for session in found.values():
        session.engines["mpc"] = MpcState(supply=SimpleNamespace(prepare=lambda run: None))  # type: ignore[arg-type]
    return found


def test_the_client_waits_for_the_server() -> None:
    session = parties()["client"]
    with pytest.raises(PartyError) as refused:
        _prepare(session, 0)
    assert refused.value.code == "PPC6002"


def test_the_server_waits_for_nobody() -> None:
    found = parties()
    for run in range(2):
        _prepare(found["server"], run)
    for run in range(2):
        _prepare(found["client"], run)


def test_without_material_nobody_waits() -> None:
    session = Session("client", {"steps": [{"step": "convert.client_to_mpc"}]})
    session.engines["mpc"] = MpcState()
    _prepare(session, 0)
    assert not session.channels


@pytest.mark.parametrize(("gone", "missed"), [("dealer", False), ("server", True)])
def test_a_dealer_that_has_sent_everything_may_go(gone: str, missed: bool) -> None:
    """A slow party still stores what came when the dealer has hung up; a peer that hangs up is missed."""

    class Ended:
        def check(self) -> None:
            raise PartyError("PPC6001", "gone")

    session = Session("client", {})
    session.channels[gone] = Ended()  # type: ignore[assignment]
    with pytest.raises(PartyError) if missed else nullcontext():
        _check_peers(session)

"""Client and server agree on passes that neither has used, whatever became of their files; and a run lives off them."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppc.runtime import dealing
from ppc.runtime.errors import PartyError
from ppc.runtime.mpc import take as taking
from ppc.runtime.mpc.deal import use_lot
from ppc.runtime.mpc.lot import Offer, Outline
from ppc.runtime.mpc.ring import decode, encode
from ppc.runtime.mpc.state import setup
from ppc.runtime.mpc.steps import run as run_step
from ppc.runtime.mpc.stock import Stock
from ppc.runtime.mpc.take import choose, take
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.status import Status
from ppc.runtime.value import Value

PLAN = "sha256:" + "ab" * 32
ROLES = ("client", "server")
MANIFEST = {"weights": {}, "steps": [{"id": 1, "step": "mpc.Relu"}]}
STEP = Step(1, "mpc.Relu", "Relu", "node", (5,), "f32", {})


@pytest.fixture
def stock(tmp_path: Path) -> dict[str, Stock]:
    return {role: Stock(tmp_path / role, role, PLAN, bytes([i] * 32)) for i, role in enumerate(ROLES)}


def deal(stock: dict[str, Stock], runs: int, together: Any) -> None:
    """As `python plan.py --deal` at three parties."""
    found = {role: Session(role, MANIFEST) for role in (*ROLES, "dealer")}
    for role in ROLES:
        found[role].channels["dealer"], found["dealer"].channels[role] = pair(role, "dealer", 20.0)

    def program(session: Session) -> None:
        run_step(session, Step(1, "mpc.Relu", "Relu", "node", (5,), "f32", {}, session.run), Value("mpc", (5,)))

    together({r: lambda r=r: dealing.take_part(found[r], program, runs, stock.get(r), Status()) for r in found})


def run(stock: dict[str, Stock], runs: int, together: Any, **options: Any) -> tuple[dict[str, int], dict[str, str]]:
    """A session of so many passes; its results are checked. The first pass that it took, and the notes, by role."""
    found = {role: Session(role, MANIFEST) for role in ROLES}
    found["client"].channels["server"], found["server"].channels["client"] = pair("client", "server", 20.0)
    x = np.linspace(-2, 2, 5)
    mask = np.arange(5, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    halves = {"client": mask, "server": encode(x) - mask}

    def party(role: str) -> Any:
        setup(found[role])
        peer = found[role].channel("server" if role == "client" else "client")
        taken = take(peer, stock[role], runs, **options)
        use_lot(found[role], taken.lot, taken.first, runs)
        values = []
        for number in range(runs):
            step = Step(1, "mpc.Relu", "Relu", "node", (5,), "f32", {}, number)
            values.append(run_step(found[role], step, Value("mpc", (5,), halves[role].view(np.int64))).data)
        return taken, values

    done = together({role: lambda role=role: party(role) for role in ROLES})
    for ours, theirs in zip(done["client"][1], done["server"][1], strict=True):
        np.testing.assert_allclose(decode(ours.view(np.uint64) + theirs.view(np.uint64)), np.maximum(x, 0), atol=1e-4)
    return {r: done[r][0].first for r in ROLES}, {r: done[r][0].note for r in ROLES}


def refused(code: str, act: Callable[[], Any]) -> str:
    with pytest.raises(PartyError) as caught:
        act()
    assert caught.value.code == code, caught.value
    return str(caught.value)


def test_sessions_use_one_pass_after_the_other_until_none_is_left(stock: Any, together: Any) -> None:
    deal(stock, 6, together)
    firsts, notes = run(stock, 2, together)
    assert firsts == {"client": 0, "server": 0} and notes["client"].startswith("4 passes are left")
    assert run(stock, 3, together)[0] == {"client": 2, "server": 2}
    text = refused("PPC6009", lambda: run(stock, 2, together))
    assert "2 passes" in text and "1 passes are left" in text and "ppc deal" in text
    assert run(stock, 1, together)[0] == {"client": 5, "server": 5}
    assert "no material in common" in refused("PPC6009", lambda: run(stock, 1, together))


def test_a_second_lot_is_used_after_the_first_and_a_session_takes_from_one(stock: Any, together: Any) -> None:
    deal(stock, 2, together)
    deal(stock, 4, together)
    assert run(stock, 1, together)[0]["client"] == 0
    assert run(stock, 3, together)[0]["client"] == 0  # the first lot has one pass left: too few
    assert run(stock, 1, together)[0]["client"] == 1
    assert "1 passes are left" in refused("PPC6009", lambda: run(stock, 2, together))


@pytest.mark.parametrize("forgetful", ROLES)
def test_an_old_copy_of_one_partys_files_does_not_bring_passes_back(
    forgetful: str, stock: Any, together: Any, tmp_path: Path
) -> None:
    deal(stock, 6, together)
    shutil.copytree(tmp_path / forgetful, tmp_path / "backup")
    run(stock, 3, together)
    shutil.rmtree(tmp_path / forgetful)
    shutil.copytree(tmp_path / "backup", tmp_path / forgetful)
    firsts, notes = run(stock, 1, together)
    assert firsts == {"client": 3, "server": 3}
    assert all("3 passes behind" in note for note in notes.values())
    assert "this party" in notes[forgetful]


@pytest.mark.parametrize("forgetful", ROLES)
def test_an_old_copy_of_a_used_up_lot_is_not_used(forgetful: str, stock: Any, together: Any, tmp_path: Path) -> None:
    deal(stock, 2, together)
    shutil.copytree(tmp_path / forgetful, tmp_path / "backup")
    run(stock, 2, together)
    shutil.rmtree(tmp_path / forgetful)
    shutil.copytree(tmp_path / "backup", tmp_path / forgetful)
    refused("PPC6009", lambda: run(stock, 1, together))


def test_a_party_that_crashed_between_the_two_counters(stock: Any, together: Any) -> None:
    deal(stock, 4, together)
    (lot,) = stock["server"].lots().values()
    lot.reserve(0, 2)  # the server had moved on when the client died
    firsts, notes = run(stock, 1, together)
    assert firsts == {"client": 2, "server": 2} and "2 passes behind" in notes["client"]


def test_one_party_without_material_is_an_error_of_both(stock: Any, together: Any, tmp_path: Path) -> None:
    deal(stock, 2, together)
    shutil.rmtree(tmp_path / "client")
    channels = pair("client", "server", 5.0)
    found: list[str] = []

    def party(i: int) -> None:
        with pytest.raises(PartyError) as caught:
            take(channels[i], stock[ROLES[i]], 1)
        found.append(caught.value.code)

    together({role: lambda i=i: party(i) for i, role in enumerate(ROLES)})
    assert found == ["PPC6009", "PPC6009"]


def test_both_may_wait_for_the_dealer(stock: Any, together: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(taking, "PAUSE", 0.05)
    waiting = threading.Event()
    dealer = threading.Thread(target=lambda: (waiting.wait(10), deal(stock, 2, together)))
    dealer.start()
    firsts, _ = run(stock, 2, together, when_empty="wait", on_wait=waiting.set)
    dealer.join()
    assert waiting.is_set() and firsts == {"client": 0, "server": 0}


def test_nobody_waits_for_one_who_does_not_wait(stock: Any, together: Any) -> None:
    channels = pair("client", "server", 5.0)

    def party(i: int) -> str:
        return refused("PPC6009", lambda: take(channels[i], stock[ROLES[i]], 1, ("wait", "fail")[i]))  # type: ignore[arg-type]

    together({role: lambda i=i: party(i) for i, role in enumerate(ROLES)})


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"lots": [], "wait": False},
        {"lots": {"a": [1]}, "wait": False},
        {"lots": {"a": [-1, 5]}, "wait": False},
        {"lots": {"a": [0, True]}, "wait": False},
        {"lots": {"a": [0, 2**70]}, "wait": True},
        {"lots": {}, "wait": 1},
    ],
)
def test_what_a_peer_says_of_its_material_is_judged(said: Any, stock: Any) -> None:
    ours, theirs = pair("client", "server", 5.0)
    theirs.send_bytes(
        "mpc.stock", repr(said).replace("'", '"').replace("True", "true").replace("False", "false").encode()
    )
    refused("PPC6003", lambda: take(ours, stock["client"], 1))


def test_choose() -> None:
    assert choose({"a": (0, 5)}, {"a": (0, 5)}, 5) == ("a", 0)
    assert choose({"a": (1, 5)}, {"a": (3, 5)}, 2) == ("a", 3)
    assert choose({"a": (1, 5)}, {"a": (3, 4)}, 2) is None
    assert choose({"a": (0, 5), "b": (0, 9)}, {"b": (2, 9)}, 5) == ("b", 2)
    assert choose({"a": (4, 5), "b": (0, 9)}, {"a": (4, 5), "b": (0, 9)}, 1) == ("a", 4)


def test_the_dealer_never_offers_the_same_lot_twice(stock: Any) -> None:
    offer = Offer("0" * 32, 1, bytes(32), bytes(32))
    stock["client"].create(offer, Outline({}, {}))
    refused("PPC6009", lambda: stock["client"].create(offer, Outline({}, {})))

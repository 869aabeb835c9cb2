"""Correlated randomness is described, shipped, checked, and used once."""

from typing import Any

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import Csprng
from ppc.runtime.mpc.deal import receive_material
from ppc.runtime.mpc.dealer import Dealer, PassKeys, step_stream
from ppc.runtime.mpc.lot import MemoryLot, Offer, Outline
from ppc.runtime.mpc.material import Ahead, Chunk, Row, expand
from ppc.runtime.mpc.ratchet import Ratchet
from ppc.runtime.mpc.state import setup
from ppc.runtime.mpc.steps import run as run_step
from ppc.runtime.mpc.supply import Supply
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value

KEYS = PassKeys(bytes(32), bytes([1] * 32), (bytes([2] * 32),))


def code_of(caught: Any) -> str:
    return str(caught.value.code)


def test_both_halves_make_what_the_dealer_meant() -> None:
    d = Dealer(KEYS, 7)
    a, x, bit = d.random((4,)), d.random_xor((5,), "uint16"), d.random((9,), "bit")
    own, table = d.client((2,)), np.arange(6, dtype=np.uint64).reshape(2, 3)
    d.share(table)
    d.share_xor(x)
    d.share_bits(bit)
    halves = [expand(d.rows, rank, step_stream(KEYS[rank], 7), d.shipped if rank else []) for rank in (0, 1)]
    zero, one = halves
    np.testing.assert_array_equal(zero[0] + one[0], a)
    np.testing.assert_array_equal(zero[1] ^ one[1], x)
    np.testing.assert_array_equal(zero[2] ^ one[2], bit)
    np.testing.assert_array_equal(zero[3], own)
    assert one[3] is None
    np.testing.assert_array_equal(zero[4] + one[4], table)
    np.testing.assert_array_equal(zero[5] ^ one[5], x)
    np.testing.assert_array_equal(zero[6] ^ one[6], bit)
    assert d.shipped_bytes() == 6 * 8 + 5 * 2 + 2  # only what the dealer computed travels, and only to one party


def test_a_chunk_gives_each_array_once_and_checks_it() -> None:
    chunk = Chunk([Row("random", "uint64", (3,))], [np.zeros(3, np.uint64)], "step 1")
    with pytest.raises(PartyError) as caught:
        chunk.take("random", "uint64", (4,))
    assert code_of(caught) == "PPC6003"
    chunk.take("random", "uint64", (3,))
    with pytest.raises(PartyError) as caught:
        chunk.take("random", "uint64", (3,))
    assert code_of(caught) == "PPC6009"


def a_lot(runs: int) -> MemoryLot:
    lot = MemoryLot(Offer("ab" * 16, runs, KEYS.zero), Outline({1: [Row("random", "uint64", (4,))], 2: []}, {}))
    for run in range(runs):
        lot.put(run, {})
    return lot


def test_a_supply_opens_a_chunk_once_and_a_pass_once() -> None:
    supply = Supply(0, a_lot(5), 1, 3)
    assert supply.left == 3
    supply.open(0, 1)
    supply.prepare(1)
    assert supply.left == 1
    for reuse in (lambda: supply.open(0, 1), lambda: supply.open(0, 2), lambda: supply.open(1, 7)):
        with pytest.raises(PartyError) as caught:
            reuse()
        assert code_of(caught) == "PPC6009"
    supply.open(1, 1)
    for reuse in (lambda: supply.open(1, 1), lambda: supply.open(3, 1)):
        with pytest.raises(PartyError) as caught:
            reuse()
        assert code_of(caught) == "PPC6009"


def test_both_parties_of_a_lot_expand_the_same_pass_alike_and_others_not() -> None:
    """The dealer's chain at pass 2 gives what a party finds there, from wherever it comes."""
    chain = Ratchet(KEYS.zero)
    chain.forward(2)
    expected = step_stream(chain.derive(b"material"), 1).words((4,))
    for first in (0, 1, 2):
        taken = Supply(0, a_lot(4), first, 3).open(2 - first, 1).take("random", "uint64", (4,))
        np.testing.assert_array_equal(taken, expected)
    assert not np.any(Supply(0, a_lot(4), 3, 1).open(0, 1).take("random", "uint64", (4,)) == expected)


def test_a_chain_of_keys_does_not_go_back() -> None:
    chain = Ratchet(bytes(32))
    seen = {chain.derive(b"material"), chain.derive(b"disk"), chain.key}
    chain.forward(3)
    assert chain.derive(b"material") not in seen and chain.at == 3
    with pytest.raises(ValueError, match="gone"):
        chain.forward(2)
    with pytest.raises(ValueError, match="32 bytes"):
        Ratchet(bytes(16))
    assert chain.key.hex() not in repr(chain)


def test_material_is_refused_a_second_time_in_a_session(step_of_mpc: Any) -> None:
    x = np.array([1.0, -2.0])
    outcome = step_of_mpc("Relu", x, shape=x.shape)
    value = Value("mpc", (2,), np.zeros(2, np.int64))
    with pytest.raises(PartyError) as caught:
        run_step(outcome.sessions["client"], Step(1, "mpc.Relu", "Relu", "", (2,), "f32", {}), value)
    assert code_of(caught) == "PPC6009"


def test_the_dealer_does_not_deal_a_pass_twice(step_of_mpc: Any) -> None:
    dealer = step_of_mpc("Relu", np.ones(2), shape=(2,)).sessions["dealer"]
    with pytest.raises(PartyError) as caught:
        run_step(dealer, Step(1, "mpc.Relu", "Relu", "", (2,), "f32", {}), Value("mpc", (2,)))
    assert code_of(caught) == "PPC6009"


@pytest.mark.parametrize(
    "row",
    [
        ["random", "float64", [2]],
        ["gift", "uint64", [2]],
        ["random", "uint64", [-1]],
        ["random", "uint64", [1 << 39]],
        7,
    ],
)
def test_a_row_from_the_network_is_judged(row: Any) -> None:
    with pytest.raises(PartyError) as caught:
        Row.from_json(row)
    assert code_of(caught) == "PPC6003"


def test_a_layout_that_is_not_json_is_refused() -> None:
    manifest = {"weights": {}, "steps": [{"id": 1, "step": "mpc.Relu"}]}
    client = Session("client", manifest)
    client.channels["dealer"], dealer = pair("client", "dealer", 1.0)
    client.channels["server"], server = pair("client", "server", 1.0)
    server.send_bytes("mpc.key.input", bytes(32))
    setup(client)
    dealer.send_bytes("mpc.lot", b'{"lot": "%s", "runs": 1}' % (b"ab" * 16))
    dealer.send_bytes("mpc.key.chain", bytes(32))
    dealer.send_bytes("mpc.layout.1", b"\x80\x04.")
    with pytest.raises(PartyError) as caught:
        receive_material(client, 1)
    assert code_of(caught) == "PPC6003"


@pytest.mark.parametrize(
    "offer",
    [
        b"not json",
        b"[1]",
        b'{"lot": "../../../../etc/cron.d/aaaaaaaaa", "runs": 1}',
        b'{"lot": "%s", "runs": 0}' % (b"ab" * 16),
        b'{"lot": "%s", "runs": 1000000000}' % (b"ab" * 16),
        b'{"lot": "%s", "runs": "1"}' % (b"ab" * 16),
        b'{"lot": 7, "runs": 1}',
        b'{"lot": "%s"}' % (b"AB" * 16),
    ],
)
def test_what_a_dealer_offers_is_judged(offer: bytes) -> None:
    """The lot's name becomes the name of a folder."""
    client = Session("client", {"weights": {}, "steps": []})
    client.channels["dealer"], dealer = pair("client", "dealer", 1.0)
    dealer.send_bytes("mpc.lot", offer)
    with pytest.raises(PartyError) as caught:
        receive_material(client, 1)
    assert code_of(caught) == "PPC6003"


def test_a_lot_of_another_size_than_the_session_is_refused() -> None:
    client = Session("client", {"weights": {}, "steps": []})
    client.channels["dealer"], dealer = pair("client", "dealer", 1.0)
    dealer.send_bytes("mpc.lot", b'{"lot": "%s", "runs": 2}' % (b"ab" * 16))
    dealer.send_bytes("mpc.key.chain", bytes(32))
    with pytest.raises(PartyError, match="2 passes where this session has 1") as caught:
        receive_material(client, 1)
    assert code_of(caught) == "PPC6003"


@pytest.mark.parametrize("sent", [np.zeros(4, np.uint64), np.zeros(3, np.uint32), np.zeros(0, np.uint64)])
def test_material_of_another_shape_or_type_is_refused(sent: Any) -> None:
    """The outline of pass 0 says what is due in every pass."""
    server = Session("server", {"weights": {}, "steps": [{"id": 1, "step": "mpc.Relu"}]})
    server.channels["dealer"], dealer = pair("server", "dealer", 1.0)
    dealer.send_bytes("mpc.lot", b'{"lot": "%s", "runs": 2}' % (b"ab" * 16))
    dealer.send_bytes("mpc.key.chain", bytes(32))
    dealer.send_bytes("mpc.key.weights", bytes(32))
    dealer.send_bytes("mpc.layout.1", b'{"rows": [["share", "uint64", [3]]], "weights": []}')
    dealer.send("mpc.material.0.1", np.zeros(3, np.uint64))
    dealer.send("mpc.material.1.1", sent)
    with pytest.raises(PartyError) as caught:
        receive_material(server, 2)
    assert code_of(caught) == "PPC6003"


def test_material_of_a_pass_that_was_sent_before_is_refused() -> None:
    server = Session("server", {"weights": {}, "steps": [{"id": 1, "step": "mpc.Relu"}]})
    server.channels["dealer"], dealer = pair("server", "dealer", 1.0)
    dealer.send_bytes("mpc.lot", b'{"lot": "%s", "runs": 2}' % (b"ab" * 16))
    dealer.send_bytes("mpc.key.chain", bytes(32))
    dealer.send_bytes("mpc.key.weights", bytes(32))
    dealer.send_bytes("mpc.layout.1", b'{"rows": [["share", "uint64", [3]]], "weights": []}')
    for _ in range(2):
        dealer.send("mpc.material.0.1", np.zeros(3, np.uint64))
    with pytest.raises(PartyError, match=r"mpc.material.1.1") as caught:
        receive_material(server, 2)
    assert code_of(caught) == "PPC6003"


def test_nothing_is_computed_ahead_of_another_array_than_is_due() -> None:
    """The gate that takes the array refuses it then; nothing that a dealer describes makes the preparation fail."""
    ahead = Ahead(Row("client", "uint64", (3,)), lambda a: a * np.uint64(2))
    due, other = Row("client", "uint64", (3,)), Row("client", "uint64", (4,))
    np.testing.assert_array_equal(ahead.of([due], [np.arange(3, dtype=np.uint64)]), [0, 2, 4])
    assert ahead.of([other], [np.zeros(4, np.uint64)]) is None
    assert ahead.of([], []) is None
    chunk = Chunk([due], [np.zeros(3)], "x", "ready")
    assert (chunk.take_ahead(), chunk.take_ahead()) == ("ready", None)


def test_a_short_key_is_refused() -> None:
    client = Session("client", {})
    client.channels["server"], server = pair("client", "server", 1.0)
    server.send_bytes("mpc.key.input", bytes(16))
    with pytest.raises(PartyError) as caught:
        setup(client)
    assert code_of(caught) == "PPC6003"


def test_two_steps_and_two_passes_have_other_randomness() -> None:
    chain, seen = Ratchet(KEYS.zero), set()
    for run in (0, 1):
        chain.forward(run)
        seen |= {step_stream(chain.derive(b"material"), step).words((2,)).tobytes() for step in (1, 2)}
    assert len(seen) == 4


def test_nothing_secret_is_shown(step_of_mpc: Any) -> None:
    session = step_of_mpc("Relu", np.ones(2), shape=(2,)).sessions["client"]
    state = session.engines["mpc"]
    offer = Offer("ab" * 16, 1, KEYS[0], KEYS[2][0])
    shown = [state, state.supply, state.supply.lot, offer, Chunk([], [], "x"), Dealer(KEYS, 0), Csprng(KEYS[0])]
    text = repr(shown)
    for key in (state.own_input_key, *state.input_keys.values(), KEYS[0], KEYS[2][0]):
        assert key.hex() not in text and repr(key) not in text


def test_operands_that_do_not_fit_each_other_are_refused(step_of_mpc: Any) -> None:
    with pytest.raises(PartyError) as caught:
        step_of_mpc("Add", np.ones((2, 3)), np.ones((4, 5)), shape=(2, 5), timeout=2)
    assert code_of(caught) == "PPC6003" and "(2, 3)" in str(caught.value)


def test_wrong_shapes_are_refused_before_any_message(step_of_mpc: Any) -> None:
    with pytest.raises(PartyError) as caught:
        step_of_mpc("Relu", np.ones((2, 3)), shape=(3, 2), timeout=2)
    assert code_of(caught) == "PPC6003"
    session = step_of_mpc("Relu", np.ones(2), shape=(2,)).sessions["server"]
    step = Step(1, "mpc.Relu", "Relu", "", (2,), "f32", {})
    for value in (Value("mpc", (2,), np.zeros(3, np.int64)), Value("mpc", (2,), np.zeros(2)), Value("he", (2,), None)):
        with pytest.raises(PartyError) as caught:
            run_step(session, step, value)
        assert code_of(caught) == "PPC6003"
    with pytest.raises(PartyError) as caught:
        run_step(session, Step(1, "mpc.Nonsense", "", "", (2,), "f32", {}))
    assert code_of(caught) == "PPC6006"


def test_branches_take_their_material_in_their_own_time() -> None:
    rows = [Row("fork", "bit", (3, 1)), Row("share", "uint8", (1,)), Row("fork", "bit", (1, 0))]
    rows += [Row("random", "uint16", (2,)), Row("share", "uint64", (3,)), Row("random", "bit", (4,))]
    arrays = [None, "a", None, "b", "c", "d"]
    chunk = Chunk(rows, arrays, "step 1")
    one, two = chunk.fork()
    assert two.take("share", "uint64", (3,)) == "c" and one.take("share", "uint8", (1,)) == "a"
    inner, empty = one.fork()
    assert inner.take("random", "uint16", (2,)) == "b" and chunk.take("random", "bit", (4,)) == "d"
    for spent in (one, two, inner, empty, chunk):
        with pytest.raises(PartyError, match="PPC6009"):
            spent.take("share", "uint8", (1,))


@pytest.mark.parametrize("row", [("share", "bit", (1, 0)), ("fork", "bit", (9, 9)), ("fork", "bit", (1,)), None])
def test_branches_that_the_dealer_did_not_make(row: tuple[str, str, tuple[int, ...]] | None) -> None:
    rows = [Row(*row), Row("share", "uint8", (1,))] if row else []
    with pytest.raises(PartyError, match=r"PPC6003.*two branches"):
        Chunk(rows, [None] * len(rows), "step 1").fork()

"""Correlated randomness is described, shipped, checked, and used once."""

from typing import Any

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import Csprng
from ppc.runtime.mpc.dealer import Dealer, step_streams
from ppc.runtime.mpc.material import Chunk, Row, Store, expand
from ppc.runtime.mpc.state import receive_material, setup
from ppc.runtime.mpc.steps import run as run_step
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value

KEYS = (bytes(32), bytes([1] * 32))


def code_of(caught: Any) -> str:
    return str(caught.value.code)


def test_both_halves_make_what_the_dealer_meant() -> None:
    d = Dealer(KEYS, 3, 7)
    a, x, bit = d.random((4,)), d.random_xor((5,), "uint16"), d.random((9,), "bit")
    own, table = d.client((2,)), np.arange(6, dtype=np.uint64).reshape(2, 3)
    d.share(table)
    d.share_xor(x)
    d.share_bits(bit)
    halves = [expand(d.rows, rank, step_streams(KEYS, 3, 7)[rank], d.shipped if rank else []) for rank in (0, 1)]
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


def test_a_store_opens_a_chunk_once() -> None:
    store = Store()
    store.put(0, 1, Chunk([], [], ""))
    store.open(0, 1)
    for reuse in (lambda: store.open(0, 1), lambda: store.put(0, 1, Chunk([], [], "")), lambda: store.open(0, 2)):
        with pytest.raises(PartyError) as caught:
            reuse()
        assert code_of(caught) == "PPC6009"


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
    dealer.send_bytes("mpc.key.dealer", bytes(32))
    setup(client)
    dealer.send_bytes("mpc.layout.1", b"\x80\x04.")
    with pytest.raises(PartyError) as caught:
        receive_material(client, 1)
    assert code_of(caught) == "PPC6003"


def test_a_short_key_is_refused() -> None:
    client = Session("client", {})
    client.channels["server"], server = pair("client", "server", 1.0)
    server.send_bytes("mpc.key.input", bytes(16))
    with pytest.raises(PartyError) as caught:
        setup(client)
    assert code_of(caught) == "PPC6003"


def test_two_passes_have_other_randomness() -> None:
    streams = [step_streams(KEYS, run, step) for run in (0, 1) for step in (1, 2)]
    assert len({s.words((2,)).tobytes() for two in streams for s in two}) == 8


def test_nothing_secret_is_shown(step_of_mpc: Any) -> None:
    session = step_of_mpc("Relu", np.ones(2), shape=(2,)).sessions["client"]
    state = session.engines["mpc"]
    shown = repr(state) + repr(Chunk([], [], "x")) + repr(Dealer(KEYS, 0, 0)) + repr(Csprng(KEYS[0]))
    assert state.dealer_key.hex() not in shown and repr(state.dealer_key) not in shown


def test_operands_that_do_not_fit_each_other_are_refused(step_of_mpc: Any) -> None:
    with pytest.raises(PartyError) as caught:
        step_of_mpc("MatMul", np.ones((2, 3)), np.ones((4, 5)), shape=(2, 5), timeout=0.2)
    assert code_of(caught) == "PPC6003" and "(2, 3)" in str(caught.value)


def test_wrong_shapes_are_refused_before_any_message(step_of_mpc: Any) -> None:
    with pytest.raises(PartyError) as caught:
        step_of_mpc("Relu", np.ones((2, 3)), shape=(3, 2), timeout=0.2)
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

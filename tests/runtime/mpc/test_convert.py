"""Into shares and out of them."""

from typing import Any

import numpy as np
import pytest

from ppc.runtime.convert import mpc as convert
from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.state import setup
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value

ROLES = ("client", "server")


@pytest.fixture
def two() -> dict[str, Session]:
    """Client and server without a dealer: sharing needs none."""
    found = {role: Session(role, {}) for role in ROLES}
    found["client"].channels["server"], found["server"].channels["client"] = pair("client", "server", 2.0)
    keys = [found["client"].channels["server"], found["server"].channels["client"]]
    import threading

    other = threading.Thread(target=setup, args=(found["server"],))
    other.start()
    setup(found["client"])
    other.join()
    for channel in keys:
        channel.bytes_sent = 0
    return found


def step(name: str, shape: tuple[int, ...], dtype: str = "f32", run: int = 0, id: int = 4, **attrs: Any) -> Step:
    return Step(id, name, "", "n", shape, dtype, attrs, run)


def share(two: dict[str, Session], x: Any, owner: str = "client", **kw: Any) -> dict[str, Value]:
    x = np.asarray(x)
    f = convert.client_to_mpc if owner == "client" else convert.server_to_mpc
    s = step(f"convert.{owner}_to_mpc", x.shape, **kw)
    return {role: f(two[role], s, Value(owner, x.shape, x if role == owner else None)) for role in ROLES}


def reveal(two: dict[str, Session], shares: dict[str, Value], to: str = "client", **kw: Any) -> Any:
    f = convert.mpc_to_client if to == "client" else convert.mpc_to_server
    s = step(f"reveal.mpc_to_{to}", shares["client"].shape, **kw)
    other = "server" if to == "client" else "client"
    assert f(two[other], s, shares[other]).data is None
    return f(two[to], s, shares[to]).data


@pytest.mark.parametrize("owner", ROLES)
@pytest.mark.parametrize("to", ROLES)
def test_a_value_comes_back_and_sharing_sends_nothing(two: dict[str, Session], owner: str, to: str) -> None:
    x = np.array([[0.0, 1.5, -19.99993896484375], [2.0**29, -(2.0**29), 2.0**-16]])
    shares = share(two, x, owner)
    assert all(c.bytes_sent == 0 for s in two.values() for c in s.channels.values())
    np.testing.assert_array_equal(reveal(two, shares, to), x)


def test_shares_are_masked_afresh_for_each_step_and_pass(two: dict[str, Session]) -> None:
    x = np.full((16,), 3.25)
    seen = [share(two, x, run=run, id=id)[role].data for run in (0, 1) for id in (4, 5) for role in ROLES]
    assert len({s.tobytes() for s in seen}) == 8


@pytest.mark.parametrize(
    ("value", "code"), [([np.nan], "PPC6005"), ([np.inf], "PPC6005"), ([2.0**31], "PPC6010"), ([2**40], "PPC6010")]
)
def test_what_fixed_point_cannot_hold_is_refused(two: dict[str, Session], value: Any, code: str) -> None:
    with pytest.raises(PartyError) as caught:
        share(two, np.array(value))
    assert caught.value.code == code


def test_a_value_out_of_range_is_not_given_out(two: dict[str, Session]) -> None:
    shares = share(two, np.array([10.0, 900.0]))
    with pytest.raises(PartyError) as caught:
        reveal(two, shares, bound=100.0)
    assert caught.value.code == "PPC6010" and "900" in str(caught.value)


def test_a_wrapped_value_is_noticed(two: dict[str, Session]) -> None:
    wrapped = {
        "client": Value("mpc", (1,), np.array([2**61], np.int64)),
        "server": Value("mpc", (1,), np.array([2**61], np.int64)),
    }
    with pytest.raises(PartyError) as caught:
        reveal(two, wrapped)
    assert caught.value.code == "PPC6010"


def test_types_of_the_plan_come_out(two: dict[str, Session]) -> None:
    assert reveal(two, share(two, np.array([3, -4])), dtype="i64").dtype == np.int64
    np.testing.assert_array_equal(reveal(two, share(two, np.array([True, False])), dtype="bool"), [True, False])


def test_wrong_shapes_are_refused(two: dict[str, Session]) -> None:
    with pytest.raises(PartyError) as caught:
        convert.client_to_mpc(two["client"], step("convert.client_to_mpc", (3,)), Value("client", (2,), np.ones(2)))
    assert caught.value.code == "PPC6003"


@pytest.mark.parametrize(("x", "dtype"), [([1.5, -2.0], "f32"), ([3, 4], "i64"), ([True, False], "bool")])
def test_clear_to_the_server(two: dict[str, Session], x: Any, dtype: str) -> None:
    s, data = step("reveal.client_to_server", (2,), dtype), np.array(x)
    convert.client_to_server(two["client"], s, Value("client", (2,), data))
    got = convert.client_to_server(two["server"], s, Value("client", (2,)))
    np.testing.assert_array_equal(got.data, data)

"""The network between parties: from times to a network, and parties that do not play along."""

import threading

import numpy as np
import pytest

from ppc.compiler.measure.link import LARGE
from ppc.compiler.measure.network import PLAN, between, fitted, slowest
from ppc.ir.target import Cost, Network
from ppc.runtime.errors import PartyError
from ppc.runtime.keys import load, session_keys
from ppc.runtime.launch import reserve_ports
from ppc.runtime.net.connect import connect_all

PRICES = {"message": 5e-5, "byte": 1e-9}


@pytest.mark.parametrize("network", [Network("a", 100e6, 0.04), Network("b", 5e6, 0.3), Network("c", 1e9, 0.001)])
def test_what_is_fitted_is_what_made_the_times(network: Network) -> None:
    size = 1 << 20
    answered = 2 * PRICES["message"] + network.seconds(Cost(rounds=2))
    transfer = answered + PRICES["byte"] * size + network.seconds(Cost(bytes=size))
    found = fitted(answered, transfer, size, PRICES)
    assert (found.bandwidth, found.rtt) == (pytest.approx(network.bandwidth), pytest.approx(network.rtt))


def test_a_link_as_fast_as_loopback_adds_nothing_that_could_be_told() -> None:
    found = fitted(PRICES["message"] * 0.9, PRICES["message"], 1 << 20, PRICES)
    assert (found.bandwidth, found.rtt) == (1e11, 1e-6)


def test_the_slowest_way_counts() -> None:
    found = slowest([Network("a", 100e6, 0.04), Network("b", 12.3456e6, 0.001)])
    assert (found.name, found.bandwidth, found.rtt) == ("measured", 12.3e6, 0.04)


@pytest.mark.parametrize("words", [(20_000, 0), (1, LARGE + 1), (-1, 0), (1, -1)])
def test_a_peer_that_asks_for_too_much_is_refused(words: tuple[int, int]) -> None:
    parties = ("client", "server")
    with session_keys(parties) as keys, reserve_ports(parties) as addresses:
        told: list[object] = []

        def server() -> None:
            try:
                between("server", addresses, parties, load(keys, "server"), 20.0, PRICES)
            except PartyError as e:
                told.append(e)

        thread = threading.Thread(target=server)
        thread.start()
        channels = connect_all("client", addresses, parties, load(keys, "client"), PLAN, 20.0)
        channels["server"].send("more", np.array(words, np.int64))
        thread.join(30)
        with pytest.raises(PartyError):
            channels["server"].receive("small", ("int64", (84,)))
        channels["server"].abort(PartyError("PPC6001", "told enough"))
    (error,) = told
    assert isinstance(error, PartyError)
    assert error.code == "PPC6003"

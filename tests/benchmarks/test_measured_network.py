"""Parties measure the emulated network between them."""

import threading
from pathlib import Path

from benchmarks.network import emulated

from ppc.compiler.measure.network import between
from ppc.ir.target import Network
from ppc.runtime.errors import PartyError
from ppc.runtime.keys import load, session_keys
from ppc.runtime.launch import reserve_ports

PRICES = {"message": 5e-5, "byte": 1e-9}


def measured(keys: Path, addresses: dict[str, tuple[str, int]], dial: dict[str, tuple[str, int]]) -> dict[str, object]:
    """role -> what `between` gave or raised there."""
    found: dict[str, object] = {}

    def party(role: str) -> None:
        try:
            found[role] = between(role, dial, addresses, load(keys, role), 20.0, PRICES, addresses[role])
        except PartyError as e:
            found[role] = e

    threads = [threading.Thread(target=party, args=(role,)) for role in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_three_parties_measure_their_links_and_agree_on_them() -> None:
    """Over emulated links. Only what load cannot break is asserted: a link is never faster than it is."""
    parties = ("client", "server", "dealer")
    slow = Network("slow", 14e6, 0.03)
    with session_keys(parties) as keys, reserve_ports(parties) as addresses, emulated(slow) as net:
        found = measured(keys, addresses, {party: net.link(at) for party, at in addresses.items()})
    for role in parties:
        mine = found[role]
        assert isinstance(mine, dict)
        assert set(mine) == set(parties) - {role}
        for peer, network in mine.items():
            theirs = found[peer]
            assert isinstance(theirs, dict)
            assert network == theirs[role]
            assert network.rtt >= 0.99 * (slow.rtt - 2 * PRICES["message"])
            assert network.bandwidth <= 1.02 * slow.bandwidth

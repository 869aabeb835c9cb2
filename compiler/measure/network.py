"""The network between parties on machines of their own: what it adds to what the price table has counted on loopback.

Of each pair, both sides measure their way to the other. The slower way counts.
"""

import math
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import combinations
from statistics import median

import numpy as np

from ppc.compiler.measure.link import LARGE, answer, exchanges, finish
from ppc.ir.target import Network
from ppc.runtime.errors import PartyError
from ppc.runtime.keys import PartyKeys
from ppc.runtime.net.address import Address
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.connect import abort_all, close_all, connect_all, listens

#: What the parties name instead of a plan: a party of a plan refuses this one.
PLAN = sha256(b"ppc network").digest()
#: Messages that tell the round trip, and arrays of each size that tell the bandwidth.
ROUNDS, TRANSFERS = 15, 3
#: Elements (8 bytes) of the first array; each is GROWTH times the one before, until one takes LONG seconds or has MOST.
FIRST, GROWTH, MOST, LONG = 1 << 12, 4, LARGE, 0.3
#: More than this (bits per second), and round trips below this (seconds), are not told from none.
FASTEST, SHORTEST = 1e11, 1e-6


def between(
    role: str,
    addresses: Mapping[str, Address],
    parties: Iterable[str],
    keys: PartyKeys,
    timeout: float,
    prices: Mapping[str, float],
    listen: Address | None = None,
) -> dict[str, Network]:
    """The network from `role` to every other party, one pair after the other. All `parties` have to take part.

    `prices` (`Prices.link`): seconds that the machines take for a "message" and a "byte", which are no network's.
    `timeout` (seconds) bounds the wait for all of them, and each wait for one. Raises PPC6001 to PPC6004, PPC6011.
    """
    everyone = sorted(parties)
    channels = connect_all(role, addresses, everyone, keys, PLAN, timeout, listen=listen)
    found = {}
    try:
        for pair in combinations(everyone, 2):  # the same order everywhere: nobody waits in a circle
            if role in pair:
                peer = next(p for p in pair if p != role)
                found[peer] = _both_ways(channels[peer], listens(*pair) == role, prices)
        close_all(channels)
    except PartyError as e:
        abort_all(channels, e)
        raise
    return found


def slowest(networks: Iterable[Network]) -> Network:
    """One network that is no faster than any of them (there is at least one), to three figures."""
    found = list(networks)
    bandwidth, rtt = min(n.bandwidth for n in found), max(n.rtt for n in found)
    return Network("measured", float(f"{bandwidth:.3g}"), float(f"{rtt:.3g}"))


def _both_ways(channel: Channel, answers_first: bool, prices: Mapping[str, float]) -> Network:
    channel.eager = True  # as in a pass
    for answering in (answers_first, not answers_first):
        if answering:
            answer(channel)
        else:
            mine = one_way(channel, prices)
            finish(channel)
    (told,) = channel.exchange("network", np.array([mine.bandwidth, mine.rtt]))
    if not all(math.isfinite(x) and x > 0 for x in told):
        raise PartyError("PPC6003", f"{channel.peer} says that the network has {told[0]:g} bit/s and {told[1]:g} s")
    return slowest([mine, Network("told", float(told[0]), float(told[1]))])


def one_way(channel: Channel, prices: Mapping[str, float]) -> Network:
    """The network on the way to the peer, which answers."""
    answered = median(_answered(channel, 0) for _ in range(ROUNDS))
    elements = FIRST
    while (took := min(_answered(channel, elements) for _ in range(TRANSFERS))) < LONG and elements < MOST:
        elements *= GROWTH
    return fitted(answered, took, 8 * elements, prices)


def _answered(channel: Channel, elements: int) -> float:
    """Seconds until the answer to an array: the peer begins when it is there, so this is a round trip, and no round."""
    return exchanges(channel, 1, elements).best


def fitted(answered: float, transfer: float, size: int, prices: Mapping[str, float]) -> Network:
    """From the seconds of a message and its answer, and of `size` bytes and theirs: the network that adds the rest."""
    rtt = answered - 2 * prices["message"]
    byte = (transfer - answered) / size - prices["byte"]
    return Network("measured", 8 / max(byte, 8 / FASTEST), max(rtt, SHORTEST))

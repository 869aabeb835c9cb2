"""The transport on loopback: two processes, mutual TLS, the channels of a run."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ppc.compiler.measure.stopwatch import Stopwatch, Timing
from ppc.runtime.keys import load, session_keys
from ppc.runtime.launch import reserve_ports
from ppc.runtime.net.address import Address, parse_address, show
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.connect import close_all, connect_all

#: Both ends name the same plan; there is none, and a party of a true plan refuses this one.
PLAN = bytes(32)
TIMEOUT = 30.0
#: Elements (8 bytes each) that both send at once, as in an opening; and of the array that goes ahead to time its bytes.
SMALL, LARGE = 84, 1 << 20


def measure(watch: Stopwatch) -> dict[str, float]:
    """Seconds of a "message" that both send at once, as an opening in MPC, and of a "byte" from one to the other."""
    with session_keys(["client", "server"]) as keys, reserve_ports(["server"]) as addresses:
        at = addresses["server"]
        command = [sys.executable, "-m", __name__, str(keys), show(at)]
        peer = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            channel = _connect("client", keys, at)
            message = watch.best_of("link.message", lambda: _exchanges(channel, 50 * watch.least, 0, watch))
            large = watch.best_of("link.byte", lambda: _exchanges(channel, watch.least, LARGE, watch))
            channel.send("more", np.zeros(2, np.int64))
            peer.wait(TIMEOUT)
        finally:
            peer.kill()
            peer.wait()
    return {"message": message, "byte": max(large - message, large / 2) / (8 * LARGE)}


def _exchanges(channel: Channel, count: int, elements: int, watch: Stopwatch) -> Timing:
    """So many, each after an array of `elements`. Waiting is part of what is measured: only the spread tells load."""
    channel.send("more", np.array([count, elements], np.int64))
    walls, array = [], np.zeros(elements, np.int64)
    for _ in range(count):
        start = watch.clock.wall()
        if elements:
            channel.send("data", array)
        channel.exchange("small", np.zeros(SMALL, np.int64))
        walls.append(watch.clock.wall() - start)
    return Timing.of([(wall, wall) for wall in walls])


def _connect(role: str, keys: Path, at: Address) -> Channel:
    parties = ["client", "server"]
    channels = connect_all(role, {"server": at}, parties, load(keys, role), PLAN, TIMEOUT)
    return channels["server" if role == "client" else "client"]


def main(arguments: Sequence[str]) -> int:
    """The peer: takes part in as many exchanges as are announced, until none are."""
    channel = _connect("server", Path(arguments[0]), parse_address(arguments[1]))
    while True:
        count, elements = map(int, channel.receive("more", ("int64", (2,)))[0])
        if count == 0:
            break
        for _ in range(count):
            if elements:
                channel.receive("data", ("int64", (min(elements, LARGE),)))
            channel.exchange("small", np.zeros(SMALL, np.int64))
    close_all({"client": channel})
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

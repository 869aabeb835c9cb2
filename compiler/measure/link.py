"""The transport on loopback: two processes, mutual TLS, the channels of a run."""

import sys
from collections.abc import Sequence

import numpy as np

from ppc.compiler.measure.processes import joined, server_process
from ppc.compiler.measure.stopwatch import Stopwatch, Timing
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.connect import close_all

#: Elements (8 bytes each) that both send at once, as in an opening; and of the array that goes ahead to time its bytes.
SMALL, LARGE = 84, 1 << 20


def measure(watch: Stopwatch) -> dict[str, float]:
    """Seconds of a "message" that both send at once, as an opening in MPC, and of a "byte" from one to the other."""
    with server_process(__name__, ("client", "server")) as join:
        channel = join("client")["server"]
        message = watch.best_of("link.message", lambda: _exchanges(channel, 50 * watch.least, 0, watch))
        large = watch.best_of("link.byte", lambda: _exchanges(channel, watch.least, LARGE, watch))
        channel.send("more", np.zeros(2, np.int64))
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


def main(arguments: Sequence[str]) -> int:
    """The peer: takes part in as many exchanges as are announced, until none are."""
    channels, _ = joined(arguments)
    channel = channels["client"]
    while True:
        count, elements = map(int, channel.receive("more", ("int64", (2,)))[0])
        if count == 0:
            break
        for _ in range(count):
            if elements:
                channel.receive("data", ("int64", (min(elements, LARGE),)))
            channel.exchange("small", np.zeros(SMALL, np.int64))
    close_all(channels)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

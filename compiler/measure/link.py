"""The transport on loopback: two processes, mutual TLS, the channels of a run."""

import sys
from collections.abc import Sequence

import numpy as np

from ppc.compiler.measure.processes import joined, server_process
from ppc.compiler.measure.stopwatch import Clock, Stopwatch, Timing
from ppc.runtime.errors import PartyError
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.connect import close_all

#: Elements (8 bytes each) that both send at once, as in an opening; and of the array that goes ahead to time its bytes.
SMALL, LARGE = 84, 1 << 20
#: Exchanges that a peer may ask for at once.
MOST = 10_000


def measure(watch: Stopwatch) -> dict[str, float]:
    """Seconds of a "message" that both send at once, as an opening in MPC, and of a "byte" from one to the other."""
    with server_process(__name__, ("client", "server")) as join:
        channel = join("client")["server"]
        message = watch.best_of("link.message", lambda: exchanges(channel, 50 * watch.least, 0, watch.clock))
        large = watch.best_of("link.byte", lambda: exchanges(channel, watch.least, LARGE, watch.clock))
        finish(channel)
    return {"message": message, "byte": max(large - message, large / 2) / (8 * LARGE)}


def exchanges(channel: Channel, count: int, elements: int, clock: Clock | None = None) -> Timing:
    """So many, each after an array of `elements`, with a peer that is in `answer`. Waiting is part of what is measured:
    only the spread tells load."""
    clock = clock or Clock()
    channel.send("more", np.array([count, elements], np.int64))
    walls, array = [], np.zeros(elements, np.int64)
    for _ in range(count):
        start = clock.wall()
        if elements:
            channel.send("data", array)
        channel.exchange("small", np.zeros(SMALL, np.int64))
        walls.append(clock.wall() - start)
    return Timing.of([(wall, wall) for wall in walls])


def finish(channel: Channel) -> None:
    """The peer that is in `answer` need not answer any more."""
    channel.send("more", np.zeros(2, np.int64))


def answer(channel: Channel) -> None:
    """Take part in as many exchanges as the peer announces, until it announces none."""
    while True:
        count, elements = map(int, channel.receive("more", ("int64", (2,)))[0])
        if not (0 <= count <= MOST and 0 <= elements <= LARGE):
            raise PartyError("PPC6003", f"{channel.peer} announces {count} exchanges after {elements} elements each")
        if count == 0:
            return
        for _ in range(count):
            if elements:
                channel.receive("data", ("int64", (elements,)))
            channel.exchange("small", np.zeros(SMALL, np.int64))


def main(arguments: Sequence[str]) -> int:
    """The peer of `measure`."""
    channels, _ = joined(arguments)
    answer(channels["client"])
    close_all(channels)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""What it takes to turn ciphertexts into shares and back: the parties' own functions, one after the other.

Both conversions send in one direction, so the sender can run to its end before the receiver begins. On the critical
path are what the sender does before its last message leaves and what the receiver does after that came; the rest
each party does while the other one works.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ppc.compiler.measure.he import SCALE, Bench
from ppc.compiler.measure.stopwatch import Clock, Run, Stopwatch, Timing
from ppc.runtime.convert.he_mpc import exit_mask, he_to_mpc, mpc_to_he
from ppc.runtime.he import wire
from ppc.runtime.he.prepare import Encoded
from ppc.runtime.he.schedule import Workers
from ppc.runtime.he.state import ClientEngine, ServerEngine, server_engine
from ppc.runtime.he.ways import Ways
from ppc.runtime.layout import Layout, layout_attrs
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value

#: Elements of the two values from whose times follows what a ciphertext and what an element takes.
FEW, MANY = 32, 256
#: Bits of each prime of a chain from which values leave: two of them are the modulus that an exit demands.
EXIT_BITS = 51


def to_shares(made: Bench, level: int, watch: Stopwatch) -> tuple[float, float]:
    """Seconds for a ciphertext that leaves at `level`, and for each element in it besides."""
    return _by_size(f"he.to_shares.{made.context.degree}", lambda n: _leave(made, level, n, watch.clock), watch)


def from_shares(made: Bench, level: int, watch: Stopwatch) -> tuple[float, float]:
    """Seconds for a ciphertext that enters at `level`, and for each element in it besides."""
    name = f"he.from_shares.{made.context.degree}.{level}"
    return _by_size(name, lambda n: _enter(made, level, n, watch.clock), watch)


def _by_size(name: str, once: Callable[[int], Run], watch: Stopwatch) -> tuple[float, float]:
    def attempt(n: int) -> Callable[[], Timing]:
        def run() -> Timing:
            return Timing.of([once(n) for _ in range(watch.least)])

        return run

    once(FEW)  # makes the tables of cosines
    few, many = (watch.best_of(f"{name}.{n}", attempt(n)) for n in (FEW, MANY))
    each = max((many - few) / (MANY - FEW), few / 1e5)  # an element takes something, whatever the noise says
    return max(few - FEW * each, few / 10), each


def _leave(made: Bench, level: int, elements: int, clock: Clock) -> Run:
    client, server, at_server = _parties(made, clock)
    context = made.context
    saved = made.client.encrypt(context.encode(made.row, level, SCALE))
    x = Value("he", (elements,), [wire.check_ciphertext(saved, context, level, SCALE)])
    step = _step("convert.he_to_mpc", made, level, elements)
    engine = server_engine(server)
    engine.exits.prepare(step.id, lambda: exit_mask(engine, step))  # offline in a run as well
    start, cpu = clock.wall(), clock.cpu()
    he_to_mpc(server, step, x)
    between = clock.wall()
    he_to_mpc(client, step, x)
    end, busy = clock.wall(), clock.cpu() - cpu
    path = (at_server.last - start) + (end - between)
    return path, busy * path / (end - start)


def _enter(made: Bench, level: int, elements: int, clock: Clock) -> Run:
    client, server, at_server = _parties(made, clock)
    share = Value("mpc", (elements,), np.arange(elements, dtype=np.int64))
    step = _step("convert.mpc_to_he", made, level, elements)
    start, cpu = clock.wall(), clock.cpu()
    mpc_to_he(client, step, share)
    between = clock.wall()
    mpc_to_he(server, step, share)
    end, busy = clock.wall(), clock.cpu() - cpu
    path = (between - start) + (end - at_server.last)
    return path, busy * path / (end - start)


class _Marked:
    """A channel's sending and receiving of bytes, and when the last message left or came."""

    def __init__(self, channel: Any, clock: Clock):
        self._channel, self._clock, self.last = channel, clock, 0.0

    def send_bytes(self, tag: str, blob: bytes) -> None:
        self._channel.send_bytes(tag, blob)
        self.last = self._clock.wall()

    def receive_bytes(self, tag: str, limit: int) -> bytes:
        blob: bytes = self._channel.receive_bytes(tag, limit)
        self.last = self._clock.wall()
        return blob


def _parties(made: Bench, clock: Clock) -> tuple[Session, Session, _Marked]:
    """Client, server, and the server's end of the channel between them."""
    client, server = Session("client", {}), Session("server", {})
    client.channels["server"], other = pair("client", "server")
    marked: Any = _Marked(other, clock)
    server.channels["client"] = marked
    client.engines["he"] = ClientEngine(made.context, made.client)
    server.engines["he"] = ServerEngine(made.context, made.server, Encoded(), Ways(made.context, Workers(1)))
    return client, server, marked


def _step(name: str, made: Bench, level: int, elements: int) -> Step:
    attrs = {"level": level, "scale": SCALE, **layout_attrs(Layout.dense(elements, made.context.slots))}
    return Step(1, name, "", "calibration", (elements,), "f32", attrs)

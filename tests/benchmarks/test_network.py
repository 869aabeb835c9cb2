"""The emulated network is never faster than it says, and changes nothing. Only lower bounds: machines are busy."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from benchmarks.network import emulated

from ppc.ir.target import Network

SLOW = Network("slow", bandwidth=8e6, rtt=0.1)  # a byte takes 1 µs
PATIENCE = 20.0


@contextmanager
def linked(network: Network) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection that passes the proxy."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        emulated(network) as net,
        socket.create_connection(net.link(listener.getsockname()), PATIENCE) as near,
        listener.accept()[0] as far,
    ):
        far.settimeout(PATIENCE)
        yield near, far


def received(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += end.recv(count - len(found))
    return found


def test_a_message_takes_half_a_round_trip_each_way() -> None:
    with linked(SLOW) as (near, far):
        start = time.perf_counter()
        near.sendall(b"a")
        assert received(far, 1) == b"a"
        there = time.perf_counter() - start
        far.sendall(b"b")
        assert received(near, 1) == b"b"
        assert there >= SLOW.rtt / 2
        assert time.perf_counter() - start >= SLOW.rtt


@pytest.mark.parametrize("upward", [True, False])
def test_no_more_passes_than_the_link_lets_through(upward: bool) -> None:
    data = secrets.token_bytes(300_000)
    with linked(SLOW) as ends:
        source, sink = ends if upward else ends[::-1]
        start = time.perf_counter()
        sending = threading.Thread(target=source.sendall, args=(data,), daemon=True)
        sending.start()
        assert received(sink, len(data)) == data
        assert time.perf_counter() - start >= 8 * len(data) / SLOW.bandwidth + SLOW.rtt / 2
        sending.join(PATIENCE)


def test_the_end_of_one_direction_leaves_the_other_open() -> None:
    with linked(Network("fast", bandwidth=1e9, rtt=0.0)) as (near, far):
        near.shutdown(socket.SHUT_WR)
        assert far.recv(1) == b""
        far.sendall(b"still")
        assert received(near, 5) == b"still"

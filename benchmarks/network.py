"""An emulated network: TCP proxies on loopback that delay what passes, and let no more through than a link would."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from ppc.ir.target import Network
from ppc.runtime.net.address import Address

CHUNK = 32 * 1024
#: When a chunk is due at the other end, and the chunk; None: the end.
_Item = tuple[float, bytes] | None


class Emulated:
    """`link(address)` is where to dial instead of `address`. Each connection has a link of its own, both ways full
    speed: `bandwidth` bits a second, half of `rtt` seconds each way."""

    def __init__(self, network: Network):
        self._network = network
        self._listeners: list[socket.socket] = []
        self._ends: list[socket.socket] = []

    def link(self, address: Address) -> Address:
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, address), daemon=True).start()
        host, port = listener.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        for one in (*self._listeners, *self._ends):
            one.close()

    def _accept(self, listener: socket.socket, address: Address) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # closed
            try:
                far = socket.create_connection(address)
            except OSError:  # nobody listens yet: the caller tries again
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends.append(one)
            for source, target in ((near, far), (far, near)):
                queue: SimpleQueue[_Item] = SimpleQueue()
                threading.Thread(target=self._read, args=(source, queue), daemon=True).start()
                threading.Thread(target=_write, args=(queue, target), daemon=True).start()

    def _read(self, source: socket.socket, queue: "SimpleQueue[_Item]") -> None:
        """Note for each chunk when it arrives at the other end: after all before it, at the speed of the link."""
        free = 0.0
        while True:
            try:
                data = source.recv(CHUNK)
            except OSError:
                data = b""
            if not data:
                queue.put(None)
                return
            free = max(free, time.perf_counter()) + 8 * len(data) / self._network.bandwidth
            queue.put((free + self._network.rtt / 2, data))
            ahead = free - time.perf_counter()
            if ahead > 0.05:  # the link is full: the sender has to wait, as its own buffers would make it
                time.sleep(ahead - 0.05)


def _write(queue: "SimpleQueue[_Item]", target: socket.socket) -> None:
    while (item := queue.get()) is not None:
        due, data = item
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        try:
            target.sendall(data)
        except OSError:
            return
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other side was faster


@contextmanager
def emulated(network: Network) -> Iterator[Emulated]:
    found = Emulated(network)
    try:
        yield found
    finally:
        found.close()

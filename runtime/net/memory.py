"""Channels inside one process, for tests of protocols: the same interface, no sockets."""

import queue
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.net.channel import Spec
from ppc.runtime.net.frame import RelayedError


class MemoryChannel:
    """One end of a pair made by `pair`. Records what it received (`transcript`) for leak tests."""

    def __init__(self, peer: str, inbox: "queue.SimpleQueue[Any]", outbox: "queue.SimpleQueue[Any]", timeout: float):
        self.peer, self._in, self._out, self.timeout = peer, inbox, outbox, timeout
        self.bytes_sent = self.bytes_received = self.rounds = 0
        self.waited = 0.0
        self.eager = False
        self.transcript: list[tuple[str, Any]] = []

    def send(self, tag: str, *arrays: NDArray[Any]) -> None:
        copies = [np.array(a, order="C") for a in arrays]
        self.bytes_sent += sum(a.nbytes for a in copies)
        self._out.put((tag, copies))

    give = send

    def _next(self, tag: str) -> Any:
        self.rounds += 1
        start = time.perf_counter()
        try:
            got, payload = self._in.get(timeout=self.timeout)
        except queue.Empty:
            raise PartyError(
                "PPC6002", f"{self.peer} sent nothing for {self.timeout:g} s (waiting for {tag})"
            ) from None
        finally:
            self.waited += time.perf_counter() - start
        if isinstance(payload, PartyError):
            raise RelayedError(self.peer, payload.code, payload.message)
        if got != tag:
            raise PartyError("PPC6003", f"{self.peer} sent {got!r} where {tag!r} was due")
        self.transcript.append((tag, payload))
        return payload

    def receive(self, tag: str, *specs: Spec) -> tuple[NDArray[Any], ...]:
        arrays = self._next(tag)
        for a, (dtype, shape) in zip(arrays, specs, strict=True):
            if a.dtype != np.dtype(dtype) or a.shape != tuple(shape):
                raise PartyError("PPC6003", f"{self.peer} sent {a.dtype}{a.shape} where {dtype}{shape} was due ({tag})")
            self.bytes_received += a.nbytes
        return tuple(arrays)

    def exchange(self, tag: str, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        self.send(tag, *arrays)
        return self.receive(tag, *((a.dtype, a.shape) for a in arrays))

    def send_bytes(self, tag: str, blob: bytes) -> None:
        self.bytes_sent += len(blob)
        self._out.put((tag, bytes(blob)))

    def receive_bytes(self, tag: str, limit: int) -> bytes:
        blob: bytes = self._next(tag)
        if len(blob) > limit:
            raise PartyError("PPC6003", f"{self.peer} sent {len(blob)} bytes where at most {limit} were due ({tag})")
        self.bytes_received += len(blob)
        return blob

    def check(self) -> None:
        pass

    def abort(self, error: PartyError) -> None:
        self._out.put(("", error))

    def close(self) -> None:
        pass


def pair(a: str, b: str, timeout: float = 30.0) -> tuple[MemoryChannel, MemoryChannel]:
    """Two connected ends: the first belongs to party `a`, the second to party `b`."""
    ab: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ba: queue.SimpleQueue[Any] = queue.SimpleQueue()
    return MemoryChannel(b, ba, ab, timeout), MemoryChannel(a, ab, ba, timeout)

"""The receiving half of a channel: exact numbers of bytes within a deadline, straight into their place."""

import os
import select
import ssl
import time
from errno import ETIMEDOUT

#: A message may take `timeout` plus its size over this rate (bytes a second): a peer that trickles is a slow peer.
SLOWEST = 64 * 1024


#: In a pass messages follow each other within microseconds, and to sleep and be woken up takes far longer than to look
#: again; so this long (seconds) an eager wait looks, and lets others run meanwhile.
LOOKING = 300e-6
#: Python's TLS reads take a C int.
LARGEST = 2**30


class Gone(Exception):
    """The peer closed the connection, or the connection broke."""


class Silent(Exception):
    """Nothing, or too little, came in time."""


class Receiver:
    """Reads from a TLS connection through a small buffer; large payloads go past the buffer."""

    def __init__(self, connection: ssl.SSLSocket, timeout: float):
        self._connection = connection
        self.timeout = timeout
        self._buffer = memoryview(bytearray(32 * 1024))
        self._start = self._end = 0
        self.eager = False
        self._ready = select.poll()
        self._ready.register(connection.fileno(), select.POLLIN)

    @property
    def timeout(self) -> float:
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._timeout = seconds
        self._connection.settimeout(seconds)

    def deadline(self, size: int = 0) -> float:
        return time.monotonic() + self._timeout + size / SLOWEST

    def take(self, n: int, deadline: float) -> bytes:
        """Exactly n bytes. Raises Gone, Silent."""
        if n > len(self._buffer):
            out = bytearray(n)
            self.fill(memoryview(out), deadline)
            return bytes(out)
        while self._end - self._start < n:
            if self._start:
                kept = self._end - self._start
                self._buffer[:kept] = bytes(self._buffer[self._start : self._end])
                self._start, self._end = 0, kept
            self._end += self._read(self._buffer[self._end :], deadline)
        taken = bytes(self._buffer[self._start : self._start + n])
        self._start += n
        return taken

    def fill(self, place: memoryview, deadline: float) -> None:
        """Fill `place` (bytes). Raises Gone, Silent."""
        at = min(len(place), self._end - self._start)
        place[:at] = self._buffer[self._start : self._start + at]
        self._start += at
        while at < len(place):
            at += self._read(place[at:], deadline)

    def close(self) -> None:
        self._connection.close()

    def _read(self, place: memoryview, deadline: float) -> int:
        try:
            if self.eager:
                self._look()
            n = self._connection.recv_into(place[:LARGEST])
        except TimeoutError as e:
            if e.errno == ETIMEDOUT:  # not our limit: TCP found the host dead
                raise Gone("its host no longer answers") from None
            raise Silent from None
        except ssl.SSLError as e:
            raise Gone(
                f"what came is damaged or forged: {(e.reason or 'TLS error').lower().replace('_', ' ')}"
            ) from None
        except (OSError, ValueError) as e:  # ValueError: closed by this side
            raise Gone(getattr(e, "strerror", None) or "closed") from None
        if n == 0:
            raise Gone("closed the connection")
        if time.monotonic() > deadline:
            raise Silent
        return n

    def _look(self) -> None:
        """Return when something came, or after `LOOKING`."""
        if self._connection.pending() or self._ready.poll(0):
            return
        end = time.perf_counter() + LOOKING
        while not self._ready.poll(0) and time.perf_counter() < end:
            os.sched_yield()

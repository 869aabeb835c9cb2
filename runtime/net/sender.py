"""The sending half of a channel: never blocks on a peer that is itself sending."""

import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

Bytes = bytes | memoryview

#: Frames up to this size are joined, so that they leave in one system call and, mostly, one TLS record.
SMALL = 256 * 1024
#: `post` waits where more than this is queued: a sender that runs ahead must not fill the memory.
BACKLOG = 256 << 20
#: What is written in one call. Progress shows, and time limits start again, after each; at least `SMALL`.
SLICE = 256 * 1024
#: A party that has nothing to send says that it lives this often (seconds), or four times in its time limit.
PULSE = 1.0


class SendFailed(Exception):
    """The connection broke, or the peer took nothing for too long (`slow`)."""

    def __init__(self, reason: str, slow: bool = False):
        super().__init__(reason)
        self.slow = slow


class Sender:
    """Writes frames to a non-blocking TLS connection.

    A small frame is written at once by the caller; what the kernel does not take, and large frames, are written by a
    thread. Only one of the two touches the connection: the caller only while the queue is empty, and the thread
    keeps a frame in the queue until it is written.

    While there is nothing to write the thread sends `alive` every now and then, so that a peer's time limit means
    silence and not a long computation. Not while `waiting` for that peer: where each of two waits for the other,
    both must notice.
    """

    def __init__(self, connection: ssl.SSLSocket, timeout: float, alive: bytes):
        self.timeout = timeout
        self.waiting = False
        self._alive = memoryview(alive)
        self._connection = connection
        connection.setblocking(False)
        self._changed = threading.Condition()
        self._queue: deque[list[memoryview]] = deque()  # one entry a frame
        self._queued = 0
        self._failed: SendFailed | None = None
        self._closing = False
        self.ended = False  # the peer has hung up
        self._writer = threading.Thread(target=self._write_queue, name="ppc-sender", daemon=True)
        self._writer.start()

    @property
    def idle(self) -> bool:
        """True where everything was handed to the kernel."""
        return not self._queue

    def post(self, parts: Sequence[Bytes], *, borrow: bool) -> None:
        """Send a frame. With `borrow` the parts stay the caller's, unchanged until `flush`; else they are copied
        where they cannot be written at once. Raises SendFailed."""
        total = sum(len(p) for p in parts)
        with self._changed:
            self._check()
            if not self._queue and total <= SMALL:
                frame = memoryview(b"".join(parts))
                rest = frame[self._write_some(frame) :]
                if len(rest):
                    self._enqueue([rest])
                return
            self._changed.wait_for(lambda: self._room(total) or self._failed is not None)
            self._check()
            self._enqueue([memoryview(p if borrow else bytes(p)) for p in parts])

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything is written; the parts that were borrowed are free again. Raises SendFailed.

        Without a time limit it still ends: the thread gives up on a peer that takes nothing for `self.timeout`.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: not self._queue or self._failed is not None, timeout)
            self._check()
            if not done:
                raise SendFailed(f"took nothing for {timeout:g} s", slow=True)

    def drop_unsent(self) -> None:
        """Forget the frames that were not begun."""
        with self._changed:
            while len(self._queue) > 1:
                self._queued -= sum(len(p) for p in self._queue.pop())

    def close(self) -> None:
        """End the thread and the connection; what is still queued is not sent."""
        with self._changed:
            self._closing = True
            self._failed = self._failed or SendFailed("closed")
            self._changed.notify_all()
        with suppress(OSError):  # the peer was faster: nothing is left to shut down
            self._connection.shutdown(socket.SHUT_RDWR)  # wakes the thread where it waits
        self._writer.join(self.timeout)
        self._connection.close()

    def _room(self, total: int) -> bool:
        return not self._queue or self._queued + total <= BACKLOG

    def _check(self) -> None:
        if self._failed is not None:
            raise SendFailed(str(self._failed), self._failed.slow)

    def _enqueue(self, frame: list[memoryview]) -> None:
        self._queue.append(frame)
        self._queued += sum(len(p) for p in frame)
        self._changed.notify_all()

    def _write_queue(self) -> None:
        while True:
            frame = self._next_frame()
            if frame is None:
                return
            try:
                for part in frame:
                    self._write_all(part)
            except SendFailed as e:
                with self._changed:
                    self._failed = e
                    self._queue.clear()
                    self._changed.notify_all()
                return
            with self._changed:
                self._queue.popleft()
                self._queued -= sum(len(p) for p in frame)
                self._changed.notify_all()

    def _next_frame(self) -> list[memoryview] | None:
        """Wait for a frame, with signs of life meanwhile; None at the end."""
        with self._changed:
            while not self._queue and not self._closing:
                if not self._changed.wait(min(PULSE, self.timeout / 4)) and self._due_to_beat():
                    self._beat()
            return None if self._closing or self._failed is not None else self._queue[0]

    def _due_to_beat(self) -> bool:
        return not (self._queue or self.waiting or self.ended)

    def _beat(self) -> None:
        """Where the kernel has no room the peer has not read the earlier ones: it does not need another. One that has
        ended needs none either; if a message was still due to it, sending that will tell."""
        ready = select.poll()
        try:
            ready.register(self._connection.fileno(), select.POLLOUT)
            if ready.poll(0):
                rest = self._alive[self._write_some(self._alive) :]
                if len(rest):
                    self._enqueue([rest])
        except SendFailed:
            self.ended = True

    def _write_all(self, part: memoryview) -> None:
        ready = select.poll()
        ready.register(self._connection.fileno(), select.POLLOUT)
        at, deadline = 0, time.monotonic() + self.timeout
        while at < len(part):
            n = self._write_some(part[at:])
            at += n
            if n:
                deadline = time.monotonic() + self.timeout
            elif not ready.poll(1000 * self.timeout) or time.monotonic() > deadline:
                raise SendFailed(f"took nothing for {self.timeout:g} s", slow=True)

    def _write_some(self, part: memoryview) -> int:
        """Write what the kernel takes now, in whole slices: OpenSSL wants an unfinished write again as it was."""
        at = 0
        try:
            while at < len(part):
                at += self._connection.send(part[at : at + SLICE])
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass  # the kernel's buffer is full: the rest is for later
        except (OSError, ValueError) as e:  # ValueError: closed under us by `close`
            # Python reports every broken pipe of a TLS connection as "EOF in violation of protocol"
            reason = "closed the connection" if isinstance(e, ssl.SSLEOFError | ValueError) else str(e.strerror)
            failed = SendFailed(reason)
            if threading.current_thread() is not self._writer:
                self._failed = failed
            raise failed from None
        return at

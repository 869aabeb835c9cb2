"""A channel between two parties over two TLS connections, one for each direction.

Two, because one OpenSSL connection cannot be read and written by two threads at once, and because an error report
then still reaches a peer whose own data can no longer reach us.
"""

import ssl
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.net import frame
from ppc.runtime.net.channel import Spec
from ppc.runtime.net.frame import Kind, RelayedError
from ppc.runtime.net.receiver import Gone, Receiver, Silent
from ppc.runtime.net.sender import Bytes, Sender, SendFailed

#: How long the end of a channel may wait for the peer to take an error report, or for the peer's own (seconds).
GRACE = 1.0
#: AES-GCM may protect about 2^24.5 records of 16 KB under one key (RFC 8446, 5.5); this is half of it, in bytes.
LIFETIME = 2**37
#: How long a peer that only gives signs of life is waited for (seconds): it may compute for hours, but not for ever.
LONGEST_STEP = 24 * 3600.0


class SocketChannel:
    """Implements `ppc.runtime.net.channel.Channel`. One thread may use it at a time.

    After an error the channel is broken: the peer was told, and every later call raises the same error again.
    """

    def __init__(
        self,
        role: str,
        peer: str,
        sending: ssl.SSLSocket,
        receiving: ssl.SSLSocket,
        plan: bytes,
        timeout: float,
    ):
        self.peer = peer
        self.bytes_sent = self.bytes_received = self.rounds = 0
        self.waited = 0.0
        self._role, self._plan = role, plan
        self._sent = self._received = 0  # sequence numbers of the next messages
        alive = frame.pack_header(Kind.ALIVE, plan, frame.NO_SEQUENCE, 0, 0)
        self._sender, self._receiver = Sender(sending, timeout, alive), Receiver(receiving, timeout)
        self._error: PartyError | None = None
        self._closed = False

    @property
    def timeout(self) -> float:
        """Seconds that one wait may take. May be changed between messages."""
        return self._receiver.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self._receiver.timeout = self._sender.timeout = seconds

    @property
    def eager(self) -> bool:
        """Whether a wait looks again for a while before it sleeps: worth it where answers come soon, as in a pass."""
        return self._receiver.eager

    @eager.setter
    def eager(self, on: bool) -> None:
        self._receiver.eager = on

    def send(self, tag: str, *arrays: NDArray[Any]) -> None:
        """Send arrays; returns before they are delivered. They may be changed afterwards."""
        self._send_arrays(tag, [_wire(a) for a in arrays], borrow=False)

    def give(self, tag: str, *arrays: NDArray[Any]) -> None:
        """The same for arrays that nobody will change any more: what cannot be written at once is not copied."""
        self._send_arrays(tag, [_wire(a) for a in arrays], borrow=True)

    def receive(self, tag: str, *specs: Spec) -> tuple[NDArray[Any], ...]:
        """The peer's next arrays, of exactly these dtypes and shapes."""
        return self._receive_arrays(tag, frame.describe(tag, specs), specs)

    def exchange(self, tag: str, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Send arrays and receive the peer's of the same types and shapes at the same time: one round."""
        wire = [_wire(a) for a in arrays]
        specs = [(a.dtype, a.shape) for a in wire]
        description = frame.describe(tag, specs)
        try:
            self._send(Kind.ARRAYS, tag, description, [_bytes(a) for a in wire], borrow=True)
            got = self._receive_arrays(tag, description, specs)
            if not self._sender.idle:
                self._flush(tag)
        except BaseException:
            # The caller may now write something else into these arrays; it must not leave this process.
            if not self._sender.idle:
                self._sender.close()
            raise
        return got

    def send_bytes(self, tag: str, blob: bytes) -> None:
        self._send(Kind.BYTES, tag, frame.describe_tag(tag), [blob], borrow=True)

    def receive_bytes(self, tag: str, limit: int) -> bytes:
        """The peer's next blob, of at most `limit` bytes."""
        self._check()
        with _Waiting(self, tag):
            deadline = self._expect(Kind.BYTES, frame.describe_tag(tag), limit)
            return self._receiver.take(self._due, deadline)

    def flush(self) -> None:
        """Wait until everything sent was handed to the kernel."""
        self._flush("the rest")

    def check(self) -> None:
        """Raise where a sign of life found that the peer has hung up: with its own report, if it left one."""
        self._check()
        if self._sender.ended:
            raise self._unsent(SendFailed("closed the connection"), "nothing")

    def abort(self, error: PartyError) -> None:
        """Tell the peer why this party stops, if it still listens, and close. Never raises."""
        if not self._closed:
            self._break(error)
            self.close()

    def close(self) -> None:
        """End the channel. Raises where something that was sent can no longer be delivered."""
        if self._closed:
            return
        try:
            if self._error is None:
                self._flush("the rest")
        finally:
            self._closed = True
            self._sender.close()
            self._receiver.close()

    def _send_arrays(self, tag: str, wire: Sequence[NDArray[Any]], *, borrow: bool) -> None:
        description = frame.describe(tag, [(a.dtype, a.shape) for a in wire])
        self._send(Kind.ARRAYS, tag, description, [_bytes(a) for a in wire], borrow=borrow)

    def _receive_arrays(self, tag: str, expected: bytes, specs: Sequence[Spec]) -> tuple[NDArray[Any], ...]:
        self._check()
        with _Waiting(self, tag):
            deadline = self._expect(Kind.ARRAYS, expected, frame.size(specs))
            out = tuple(np.empty(shape, dtype) for dtype, shape in specs)
            for a in out:
                self._receiver.fill(_bytes(a), deadline)
        return out

    def _send(self, kind: Kind, tag: str, description: bytes, payload: Sequence[Bytes], *, borrow: bool) -> None:
        self._check()
        length = sum(len(p) for p in payload)
        if self.bytes_sent + length > LIFETIME:
            raise self._break(_worn_out(self.peer))
        header = frame.pack_header(kind, self._plan, self._sent, len(description), length)
        try:
            self._sender.post([header + description, *payload], borrow=borrow)
        except SendFailed as e:
            raise self._unsent(e, tag) from None
        self._sent += 1
        self.bytes_sent += frame.HEADER.size + len(description) + length

    def _expect(self, kind: Kind, expected: bytes, limit: int) -> float:
        """Read the head of the next message and check all of it; the deadline for its payload, of `_due` bytes."""
        self.rounds += 1
        head, deadline = self._head()
        if head.kind == Kind.ERROR:
            raise self._report(head, deadline)
        described = self._receiver.take(head.described, deadline)
        exact = kind == Kind.ARRAYS
        if head.kind != kind or described != expected or head.length > limit or (exact and head.length != limit):
            raise frame.mismatch(self.peer, (head.kind, described, head.length), (kind, expected, limit))
        self._received += 1
        self._due = head.length
        self.bytes_received += frame.HEADER.size + head.described + head.length
        return self._receiver.deadline(head.length)

    def _head(self) -> tuple[frame.Header, float]:
        """The header of the next message, and when the message has to be there. The time limit is one of silence: it
        starts again with every sign of life."""
        end = time.monotonic() + LONGEST_STEP
        while True:
            deadline = self._receiver.deadline()
            raw = self._receiver.take(frame.HEADER.size, deadline)
            head = frame.parse_header(raw, self._plan, self._received, self.peer)
            if head.kind != Kind.ALIVE:
                return head, deadline
            if time.monotonic() > end:
                raise PartyError("PPC6002", f"{self.peer} lives, but has sent nothing for {LONGEST_STEP / 3600:g} h")

    def _report(self, head: frame.Header, deadline: float) -> RelayedError:
        if head.length > frame.MAX_REPORT or head.described:
            return RelayedError(self.peer, "PPC6003", "(its error report is too long to read)")
        return frame.parse_report(self.peer, self._receiver.take(head.length, deadline))

    def _flush(self, tag: str) -> None:
        self._check()
        try:
            self._sender.flush()
        except SendFailed as e:
            raise self._unsent(e, tag) from None

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._closed:
            raise PartyError("PPC6001", f"the connection to {self.peer} is closed")

    def _break(self, error: PartyError) -> PartyError:
        """Remember the error and tell the peer, unless the error is the peer's own or the peer is gone."""
        if self._error is None:
            self._error = error
            if not (isinstance(error, RelayedError) and error.origin == self.peer):
                self._tell(error)
        return self._error

    def _tell(self, error: PartyError) -> None:
        payload = frame.pack_report(self._role, error)
        header = frame.pack_header(Kind.ERROR, self._plan, frame.NO_SEQUENCE, 0, len(payload))
        try:
            self._sender.drop_unsent()
            self._sender.post([header, payload], borrow=False)
            self._sender.flush(GRACE)
        except SendFailed:
            pass  # the peer is gone or stuck: it cannot be told, and our own error is raised anyway

    def _unsent(self, failed: SendFailed, tag: str) -> PartyError:
        """Why sending failed: the peer's own report, if it left one, else that it is gone or takes nothing."""
        if failed.slow:
            return self._break(silent(self.peer, self._sender.timeout, f"taking {tag}"))
        return self._break(self._last_words() or gone(self.peer, str(failed), f"sending {tag}"))

    def _last_words(self) -> RelayedError | None:
        """Read on, past messages that nobody will need any more, to the error report of a peer that hung up."""
        self._receiver.timeout = GRACE
        end = time.monotonic() + GRACE
        try:
            while time.monotonic() < end:
                head = frame.parse_header_loosely(self._receiver.take(frame.HEADER.size, end))
                if head is None:
                    return None
                if head.kind == Kind.ERROR:
                    return self._report(head, end)
                left = head.described + head.length
                while left:
                    left -= len(self._receiver.take(min(left, 16 * 1024), end))
        except (Gone, Silent):
            pass  # it left no report
        return None


class _Waiting:
    """Counts the wait, turns what the receiver, or a check, says into the channel's error, and tells the peer."""

    __slots__ = ("channel", "start", "tag")

    def __init__(self, channel: SocketChannel, tag: str):
        self.channel, self.tag, self.start = channel, tag, 0.0

    def __enter__(self) -> None:
        self.start = time.perf_counter()
        self.channel._sender.waiting = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        c = self.channel
        c._sender.waiting = False
        c.waited += time.perf_counter() - self.start
        if isinstance(error, Gone):
            raise c._break(gone(c.peer, str(error), f"waiting for {self.tag}")) from None
        if isinstance(error, Silent):
            raise c._break(silent(c.peer, c.timeout, f"waiting for {self.tag}")) from None
        if isinstance(error, PartyError):
            c._break(error)


def gone(peer: str, reason: str, doing: str) -> PartyError:
    return PartyError(
        "PPC6001",
        f"{peer} is gone ({reason}, while {doing})",
        help=f"look at the log of {peer}, then start all parties again",
    )


def silent(peer: str, seconds: float, doing: str) -> PartyError:
    return PartyError(
        "PPC6002",
        f"{peer} does not answer: nothing for {seconds:g} s ({doing})",
        help=f"raise --timeout for a slow network or a long step, or look at the log of {peer}",
    )


def _worn_out(peer: str) -> PartyError:
    return PartyError(
        "PPC6001",
        f"the connection to {peer} has carried {LIFETIME >> 30} GB, the most that its keys are good for",
        help="split the data over several runs",
    )


def _wire(a: NDArray[Any]) -> NDArray[Any]:
    """As it is on the wire: contiguous and little-endian; no copy where it is both already."""
    return np.asarray(a, a.dtype.newbyteorder("<"), order="C")


def _bytes(a: NDArray[Any]) -> memoryview:
    return a.reshape(-1).view(np.uint8).data

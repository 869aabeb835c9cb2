"""What an engine needs of a connection to a peer."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError

#: What a receiver expects: dtype and shape. A frame that differs is refused before memory is allocated.
Spec = tuple[np.dtype[Any] | str, tuple[int, ...]]


class Channel(Protocol):
    """An ordered, authenticated, encrypted connection between two parties of one session.

    `tag` names the protocol message (step number and purpose); both sides must agree on it. Every wait has a
    timeout. Raises `PartyError` PPC6001 (peer gone), PPC6002 (timeout), PPC6003 (frame does not fit).
    """

    peer: str
    timeout: float  # seconds that one wait may take; may be changed between messages
    eager: bool  # whether a wait looks again for a while before it sleeps: where answers come soon, as in a pass
    bytes_sent: int
    bytes_received: int
    rounds: int  # number of times this side waited for the peer
    waited: float  # seconds spent so

    def send(self, tag: str, *arrays: NDArray[Any]) -> None: ...

    def give(self, tag: str, *arrays: NDArray[Any]) -> None:
        """The same for arrays that nobody will change any more: they need not be copied."""
        ...

    def receive(self, tag: str, *specs: Spec) -> tuple[NDArray[Any], ...]: ...

    def exchange(self, tag: str, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Send arrays and receive the peer's, of the same types and shapes, at the same time: one round."""
        ...

    def send_bytes(self, tag: str, blob: bytes) -> None: ...

    def receive_bytes(self, tag: str, limit: int) -> bytes: ...

    def check(self) -> None:
        """Raise where the peer is known to be gone, for a party that has nothing to send it or to hear from it."""
        ...

    def abort(self, error: PartyError) -> None:
        """Tell the peer why this party stops, so that it stops with the same error at once; and close. Never raises."""
        ...

    def close(self) -> None:
        """Close once everything sent is on its way."""
        ...

"""Sealed links: what travels between a data owner and the enclave, encrypted end to end above TLS.

The enclave's host may end TLS (a proxy, a host with the enclave's certificate); it does not have the key that the
owner released after attestation. AES-256-GCM, one key a direction (HKDF of the session key), 96-bit counter as
nonce, and the message's tag and the plan as associated data: a message that is repeated, dropped, reordered or
moved to another step does not open.
"""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import Array
from ppc.runtime.net.channel import Channel
from ppc.runtime.tee import tensors

KEY_BYTES = 32
_OVERHEAD = 16  # the GCM tag
_MOST_MESSAGES = 2**32
_MOST_BYTES = 2**31 - 1 - _OVERHEAD  # of one AESGCM call


class _Direction:
    """One direction of a link: a key that only it uses, and how many messages have gone by."""

    def __init__(self, session_key: bytes, name: str):
        info = b"ppc/tee/link/1 " + name.encode()
        self._cipher = AESGCM(HKDF(hashes.SHA256(), KEY_BYTES, None, info).derive(session_key))
        self._count = 0

    def nonce(self) -> bytes:
        if self._count >= _MOST_MESSAGES:
            raise PartyError("PPC6009", f"{_MOST_MESSAGES} messages were sealed under one key; start a new session")
        self._count += 1
        return self._count.to_bytes(12, "big")

    def seal(self, plain: bytes, context: bytes) -> bytes:
        return self._cipher.encrypt(self.nonce(), plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        return self._cipher.decrypt(self.nonce(), sealed, context)


class Link:
    """One party's end of a sealed link over a channel."""

    def __init__(self, channel: Channel, role: str, session_key: bytes, plan: bytes):
        """`role` is this party, `plan` a hash that both ends agree on (the measurement)."""
        self.channel = channel
        self._out = _Direction(session_key, f"{role}>{channel.peer}")
        self._in = _Direction(session_key, f"{channel.peer}>{role}")
        self._plan = plan

    def __repr__(self) -> str:
        return f"Link(to {self.channel.peer})"

    def _context(self, tag: str) -> bytes:
        return hashlib.sha256(self._plan + tag.encode()).digest()

    def send_bytes(self, tag: str, plain: bytes) -> None:
        if len(plain) > _MOST_BYTES:
            raise PartyError("PPC6003", f"{len(plain)} bytes in one sealed message ({tag}); at most {_MOST_BYTES}")
        self.channel.send_bytes(tag, self._out.seal(plain, self._context(tag)))

    def receive_bytes(self, tag: str, limit: int) -> bytes:
        sealed = self.channel.receive_bytes(tag, limit + _OVERHEAD)
        try:
            return self._in.open(sealed, self._context(tag))
        except InvalidTag:
            raise PartyError(
                "PPC6003",
                f"a sealed message from {self.channel.peer} does not open ({tag}): altered, repeated, or out of order",
            ) from None

    def send(self, tag: str, x: Array) -> None:
        try:
            plain = tensors.pack(x)
        except ValueError as error:
            raise PartyError("PPC6005", f"{error} ({tag})") from None
        self.send_bytes(tag, plain)

    def receive(self, tag: str, shape: tuple[int, ...]) -> Array:
        try:
            return tensors.unpack(self.receive_bytes(tag, tensors.limit(shape)), shape)
        except ValueError as error:
            raise PartyError("PPC6003", f"{self.channel.peer} sent {error} ({tag})") from None

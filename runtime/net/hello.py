"""The first words on a fresh TLS connection: do both sides run the same plan, and what is the connection for?

    connector -> listener: magic, version, direction, plan hash, pairing
    listener -> connector: magic, version, verdict, plan hash

`direction` says which side will write on this connection; the two connections of a pair carry the same random
`pairing`, so that a connection left over from an earlier attempt is never mixed with a new one. Who is speaking is
not said here: the certificates did that.
"""

import ssl
import struct
from dataclasses import dataclass
from enum import IntEnum

from ppc.runtime.errors import PartyError
from ppc.runtime.net.frame import VERSION, refused

_MAGIC = b"PPCH"
_HELLO = struct.Struct("<4sBB32s16s")
_REPLY = struct.Struct("<4sBB32s")


class Direction(IntEnum):
    TO_LISTENER = 0
    TO_CONNECTOR = 1


class Verdict(IntEnum):
    WELCOME = 0
    OTHER_PLAN = 1
    NOT_EXPECTED = 2


@dataclass(frozen=True, slots=True)
class Hello:
    direction: Direction
    pairing: bytes
    plan: bytes
    version: int


def say(connection: ssl.SSLSocket, direction: Direction, plan: bytes, pairing: bytes) -> None:
    connection.sendall(_HELLO.pack(_MAGIC, VERSION, direction, plan, pairing))


def hear(connection: ssl.SSLSocket) -> Hello | None:
    """What the connector says; None where it makes no sense."""
    magic, version, direction, plan, pairing = _HELLO.unpack(_exactly(connection, _HELLO.size))
    if magic != _MAGIC or direction not in (Direction.TO_LISTENER, Direction.TO_CONNECTOR):
        return None
    return Hello(Direction(direction), pairing, plan, version)


def reply(connection: ssl.SSLSocket, verdict: Verdict, plan: bytes) -> None:
    connection.sendall(_REPLY.pack(_MAGIC, VERSION, verdict, plan))


def hear_reply(connection: ssl.SSLSocket, peer: str, plan: bytes) -> None:
    """Raises PPC6003 where the listener runs another plan, or did not expect us."""
    magic, version, verdict, theirs = _REPLY.unpack(_exactly(connection, _REPLY.size))
    if magic != _MAGIC:
        raise refused(f"{peer} did not answer in the protocol of ppc")
    check_plan(peer, version, theirs, plan)
    if verdict != Verdict.WELCOME:
        raise refused(
            f"{peer} did not expect this party: its plan has no messages between the two, or a second one came"
        )


def check_plan(peer: str, version: int, theirs: bytes, ours: bytes) -> None:
    """Raises PPC6003 with both hashes where they differ."""
    if version != VERSION:
        raise refused(f"{peer} speaks version {version} of the protocol, this party version {VERSION}")
    if theirs != ours:
        raise refused(f"{peer} runs another plan: sha256 {theirs.hex()[:16]}..., here {ours.hex()[:16]}...")


def plan_bytes(plan_hash: str | bytes) -> bytes:
    """The 32 bytes of a plan hash, given as bytes, as hex, or as "sha256:<hex>"."""
    raw = plan_hash if isinstance(plan_hash, bytes) else _from_hex(plan_hash)
    if len(raw) != 32:
        raise PartyError("PPC6006", f"the plan's hash has {len(raw)} bytes where sha256 has 32")
    return raw


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("sha256:"))
    except ValueError:
        raise PartyError("PPC6006", f"{text!r} is not a sha256 in hexadecimal") from None


def _exactly(connection: ssl.SSLSocket, n: int) -> bytes:
    got = b""
    while len(got) < n:
        more = connection.recv(n - len(got))
        if not more:
            raise ConnectionResetError("closed during the first words")
        got += more
    return got

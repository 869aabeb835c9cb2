"""The form of a message on the wire.

    header (40 bytes, little-endian): magic, version, kind, description length, plan hash prefix, sequence,
        payload length
    description: tag, and for arrays their dtypes and shapes
    payload: raw little-endian bytes of the arrays, one after the other; or a blob; or an error report

Both sides know from the plan what is due, so a receiver builds the description it expects and compares bytes;
nothing of the peer's choosing is parsed on the way to a good message, and nothing is allocated before all of it fits.
Between messages a sign of life may come (`Kind.ALIVE`, a header alone): the peer is computing.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ppc.runtime.errors import CODES, PartyError
from ppc.runtime.net.channel import Spec

MAGIC = b"PPCF"
VERSION = 2
HEADER = struct.Struct("<4sBBH16sQQ")
PLAN_PREFIX = 16

#: Longest error report, in bytes.
MAX_REPORT = 4096
#: Error reports and signs of life carry this instead of a sequence number: they are no messages of the protocol.
NO_SEQUENCE = 2**64 - 1

_DTYPES = ("|b1", "|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8")
_CODE = {d: i for i, d in enumerate(_DTYPES)}


class Kind(IntEnum):
    ARRAYS = 1
    BYTES = 2
    ERROR = 3
    ALIVE = 4


_KINDS = frozenset(Kind)


class Header(NamedTuple):
    kind: Kind
    described: int  # bytes of the description
    sequence: int
    length: int  # bytes of the payload


class RelayedError(PartyError):
    """An error that a peer had and told us about. `origin` is the party that had it first."""

    def __init__(self, origin: str, code: str, message: str):
        super().__init__(code, f"{origin} stopped: {message}")
        self.origin, self.report = origin, message


def refused(message: str) -> PartyError:
    return PartyError(
        "PPC6003", message, help="give every party the same plan.py and plan.json; run `ppc verify plan.py`"
    )


def pack_header(kind: Kind, plan: bytes, sequence: int, described: int, length: int) -> bytes:
    return HEADER.pack(MAGIC, VERSION, kind, described, plan[:PLAN_PREFIX], sequence, length)


def parse_header(raw: bytes, plan: bytes, sequence: int, peer: str) -> Header:
    """Check what every frame must have. Raises PPC6003."""
    magic, version, kind, described, prefix, got, length = HEADER.unpack(raw)
    if magic != MAGIC:
        raise refused(f"{peer} sent something that is not a ppc frame")
    if version != VERSION:
        raise refused(f"{peer} speaks version {version} of the frame format, this party version {VERSION}")
    if prefix != plan[:PLAN_PREFIX]:
        raise refused(f"{peer} runs another plan: hash {prefix.hex()}..., here {plan[:PLAN_PREFIX].hex()}...")
    if kind not in _KINDS:
        raise refused(f"{peer} sent a frame of unknown kind {kind}")
    if got != (NO_SEQUENCE if kind in (Kind.ERROR, Kind.ALIVE) else sequence):
        raise refused(f"{peer} sent message number {got} where {sequence} was due")
    if kind == Kind.ALIVE and (described or length):
        raise refused(f"{peer} sent a sign of life with {described + length} bytes in it")
    return Header(Kind(kind), described, got, length)


def parse_header_loosely(raw: bytes) -> Header | None:
    """Kind and lengths of a frame whose place in the protocol does not matter any more; None where it is none."""
    magic, version, kind, described, _, sequence, length = HEADER.unpack(raw)
    known = magic == MAGIC and version == VERSION and kind in _KINDS
    return Header(Kind(kind), described, sequence, length) if known else None


def describe(tag: str, specs: Sequence[Spec]) -> bytes:
    """The description of a message of arrays. A type or a size that frames do not carry is a bug of the caller."""
    description = describe_tag(tag) + _table(tuple((np.dtype(dtype), tuple(shape)) for dtype, shape in specs))
    assert len(description) < 2**16, f"{len(specs)} arrays do not fit in one message; send several"
    return description


@lru_cache(maxsize=1024)
def _table(specs: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]) -> bytes:
    """Tags name a pass, so they are new in each; the arrays of a message are the same in every pass."""
    table = b"".join(struct.pack(f"<BB{len(shape)}Q", _CODE[d.str], len(shape), *shape) for d, shape in specs)
    return struct.pack("<H", len(specs)) + table


def describe_tag(tag: str) -> bytes:
    text = tag.encode()
    return struct.pack("<H", len(text)) + text


def size(specs: Sequence[Spec]) -> int:
    """Payload bytes of arrays."""
    return sum(np.dtype(dtype).itemsize * prod(shape) for dtype, shape in specs)


def mismatch(peer: str, sent: tuple[int, bytes, int], due: tuple[int, bytes, int]) -> PartyError:
    """The refusal of a message that is not the one that is due. Both are (kind, description, payload bytes)."""
    got, wanted = _words(*sent), _words(*due)
    if got == wanted:
        return refused(f"{peer} sent {sent[2]} bytes where {due[2]} were due ({wanted})")
    return refused(f"{peer} sent {got} where {wanted} was due")


def _words(kind: int, description: bytes, length: int) -> str:
    try:
        (n,) = struct.unpack_from("<H", description)
        tag = clean(description[2 : 2 + n], 80)
        if kind == Kind.BYTES:
            return f"a blob of {length:,} bytes ({tag})"
        (count,) = struct.unpack_from("<H", description, 2 + n)
        at, arrays = 4 + n, []
        for _ in range(min(count, 4)):
            code, rank = struct.unpack_from("<BB", description, at)
            shape = struct.unpack_from(f"<{rank}Q", description, at + 2)
            arrays.append(f"{np.dtype(_DTYPES[code])}[{'x'.join(map(str, shape[:8]))}]")
            at += 2 + 8 * rank
        more = f" and {count - 4} more" if count > 4 else ""
        return f"{', '.join(arrays) or 'no array'}{more} ({tag})"
    except (struct.error, IndexError):
        return "a damaged description"


def pack_report(origin: str, error: PartyError) -> bytes:
    """An error for the peer's eyes: origin, code, message; no help, no traceback."""
    if isinstance(error, RelayedError):
        origin, text = error.origin, error.report
    else:
        text = error.message
    return f"{origin}\n{error.code}\n{text}".encode()[:MAX_REPORT]


def parse_report(peer: str, payload: bytes) -> RelayedError:
    """The peer's error; what it may say is a code that we know and printable text."""
    origin, _, rest = payload.partition(b"\n")
    code, _, message = rest.partition(b"\n")
    known = {row.code for row in CODES}
    name = clean(code, 16)
    return RelayedError(clean(origin, 64) or peer, name if name in known else "PPC6003", clean(message, MAX_REPORT))


def clean(raw: bytes, limit: int) -> str:
    """Printable text of a peer's bytes."""
    text = raw[:limit].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in text)

"""Bytes of SEAL objects.

TenSEAL's binding saves to and loads from file paths only. The path here is a private memory file
(`memfd_create`, reached through /proc/self/fd): nothing touches a disk, no other user can open it, and it vanishes
with its descriptor. Where the system has none, a temporary file with mode 0600; a secret key passes through memory
files only.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from struct import Struct
from typing import Any

from ppc.runtime.errors import PartyError

#: What SEAL raises on bytes that are no valid object of the context.
SEAL_ERRORS = (ValueError, RuntimeError, IndexError, TypeError, MemoryError, OverflowError)

_COUNT = Struct("<I")
_LENGTH = Struct("<Q")


@contextmanager
def private_file(memory_only: bool = False) -> Iterator[tuple[int, str]]:
    """A descriptor and a path of a file that only this process reads. PartyError PPC6012 where it must not be on disk
    and the system has no memory files."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("ppc-he", os.MFD_CLOEXEC)
        path, in_memory = f"/proc/self/fd/{fd}", True
        if not os.access(path, os.R_OK | os.W_OK):  # a process that is not dumpable, or no /proc
            os.close(fd)
            in_memory = False
    else:
        in_memory = False
    if not in_memory and memory_only:
        raise PartyError(
            "PPC6012", "this system has no memory files (memfd, /proc), and HE keys of several levels need one"
        )
    if not in_memory:
        fd, path = tempfile.mkstemp(prefix="ppc-he-")
    try:
        yield fd, path
    finally:
        os.close(fd)
        if not in_memory:
            os.unlink(path)


def dump(thing: Any) -> bytes:
    """The saved form of a SEAL object (compressed; seeded where `thing` is a `Serializable`)."""
    with private_file() as (fd, path):
        thing.save(path)
        return _read(fd, os.fstat(fd).st_size)


def load(empty: Any, context: Any, blob: bytes, memory_only: bool = False) -> Any:
    """Fill an empty SEAL object; SEAL checks every field against the context. Raises one of SEAL_ERRORS."""
    with private_file(memory_only) as (fd, path):
        _write(fd, blob)
        empty.load(context, path)
    return empty


def join(blobs: Sequence[bytes]) -> bytes:
    """One message: count, then length and bytes of each."""
    return _COUNT.pack(len(blobs)) + b"".join(_LENGTH.pack(len(b)) + b for b in blobs)


def split(message: bytes, count: int, limit: int) -> list[bytes]:
    """Inverse of `join`. Raises PartyError PPC6003 unless there are exactly `count` blobs of at most `limit` bytes."""
    blobs, at = [], _COUNT.size
    if len(message) < at or _COUNT.unpack_from(message)[0] != count:
        raise PartyError("PPC6003", f"a message does not hold the {count} HE objects that were due")
    for _ in range(count):
        if len(message) < at + _LENGTH.size:
            raise PartyError("PPC6003", "a message of HE objects is cut short")
        (length,) = _LENGTH.unpack_from(message, at)
        at += _LENGTH.size
        if length > limit or at + length > len(message):
            raise PartyError("PPC6003", f"an HE object of {length} bytes came where at most {limit} were due")
        blobs.append(message[at : at + length])
        at += length
    if at != len(message):
        raise PartyError("PPC6003", f"{len(message) - at} bytes follow the HE objects of a message")
    return blobs


def message_limit(count: int, limit: int) -> int:
    """The most bytes that `join` makes of `count` blobs of at most `limit` bytes."""
    return _COUNT.size + count * (_LENGTH.size + limit)


def raw_bound(polynomials: int, primes: int, degree: int) -> int:
    """Upper bound of the saved size of that many polynomials: 8 bytes a residue, and headers."""
    residues = 8 * polynomials * primes * degree
    return residues + residues // 128 + 4096  # what zstd may add to data that it cannot compress


def _read(fd: int, size: int) -> bytes:
    parts, at = [], 0
    while at < size:
        parts.append(os.pread(fd, size - at, at))
        if not parts[-1]:
            raise PartyError("PPC6012", "a memory file was cut short")
        at += len(parts[-1])
    return b"".join(parts)


def _write(fd: int, blob: bytes) -> None:
    view, at = memoryview(blob), 0
    while at < len(view):
        at += os.pwrite(fd, view[at:], at)

"""Encoded weights on the server's disk, for the next start: reading them takes a fraction of encoding them.

Off unless the server's operator names a directory (PPC_CACHE). A file holds the residues of the distinct rows of one
step in NTT form, and an HMAC-SHA256 of them. Its name and the key of its HMAC derive from all that the residues depend
on (the rows themselves, degree, primes, level, scale, version of SEAL's binding), so that other weights or parameters
have another file, and who does not have the weights cannot make one that is taken. A file that was cut short or altered
is encoded again, and `report` says so. Files are as secret as the weights: mode 0600, in a directory that only their
owner may write to.
"""

import hashlib
import hmac
import os
import stat
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.he.context import Context
from ppc.runtime.he.native import Residues

VARIABLE = "PPC_CACHE"
#: Most bytes of all files together; the longest unused go first.
LIMIT = 8 << 30

_FORMAT = b"ppc encoded rows 1"
_SUFFIX = ".rows"
_TAG = hashlib.sha256().digest_size


@dataclass
class WeightCache:
    """Files of encoded rows in a directory. Never raises for what it finds there: it is encoded again."""

    directory: Path
    limit: int = LIMIT
    events: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def from_environment() -> "WeightCache | None":
        """None where PPC_CACHE is not set. Raises PartyError PPC6013 for a directory that cannot keep a secret."""
        text = os.environ.get(VARIABLE, "")
        return WeightCache.in_directory(Path(text)) if text else None

    @staticmethod
    def in_directory(directory: Path, limit: int = LIMIT) -> "WeightCache":
        """The directory is made where there is none."""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = directory.stat()
        except OSError as e:
            raise PartyError("PPC6013", f"{VARIABLE}: {directory} cannot be used: {e.strerror}") from None
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise PartyError(
                "PPC6013", f"{VARIABLE}: others may write to {directory}", help="chmod 700, or another one"
            )
        return WeightCache(directory, limit)

    def load(self, key: bytes, shape: tuple[int, ...]) -> Residues | None:
        """Residues that were stored under this key; None where there are none, or not these any more."""
        path, out = self._path(key), np.empty(shape, np.uint64)
        try:
            tag = _read(path, out)
        except FileNotFoundError:
            return None
        except OSError as e:
            self.events[f"unreadable ({e.strerror})"] += 1
            return None
        if tag is None or not hmac.compare_digest(tag, _tag(key, out)):
            self.events["damaged, encoded again"] += 1
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):  # only the order in which files go depends on it
            os.utime(path)
        self.events["read"] += 1
        return out

    def store(self, key: bytes, residues: Residues) -> None:
        """Under a temporary name first: a reader finds a whole file or none."""
        path, size = self._path(key), _TAG + residues.nbytes
        try:
            if not self._make_room(size):
                self.events["too large to keep"] += 1
                return
            fd, name = tempfile.mkstemp(dir=self.directory, suffix=".part")  # mode 0600
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(_tag(key, residues))
                    file.write(residues.data.cast("B"))
                    file.flush()
                    os.fsync(fd)
                os.replace(name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as e:
            self.events[f"not written ({e.strerror})"] += 1
            return
        self.events["written"] += 1

    def report(self) -> str:
        """What happened, for the report of the run."""
        return ", ".join(f"{count} {event}" for event, count in sorted(self.events.items())) or "not used"

    def _path(self, key: bytes) -> Path:
        return self.directory / (hmac.digest(key, b"name", "sha256").hex()[:40] + _SUFFIX)

    def _make_room(self, size: int) -> bool:
        """Remove the longest unused files until this many bytes fit; False where they never will."""
        if size > self.limit:
            return False
        held = sorted((f.stat().st_mtime_ns, f.stat().st_size, f) for f in self.directory.glob(f"*{_SUFFIX}"))
        total = sum(bytes_ for _, bytes_, _ in held)
        for _, bytes_, file in held:
            if total + size <= self.limit:
                break
            file.unlink(missing_ok=True)
            total -= bytes_
        return True


def key_of(context: Context, rows: NDArray[np.float64], level: int, scale: float) -> bytes:
    """Secret as the rows are: 32 bytes from them and from all else that their encoding depends on."""
    parameters = (version("tenseal"), context.degree, context.chain.primes[: level + 1], level, scale.hex(), rows.shape)
    digest = hashlib.sha256(_FORMAT + repr(parameters).encode())
    digest.update(np.ascontiguousarray(rows, "<f8").data.cast("B"))
    return digest.digest()


def _read(path: Path, out: Residues) -> bytes | None:
    """Fill the array and return the tag; None for a file of another size, owner, mode or kind."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not make it wait
    try:
        found = os.fstat(fd)
        own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if not own or found.st_size != _TAG + out.nbytes:
            return None
        with os.fdopen(fd, "rb", closefd=False) as file:
            tag = file.read(_TAG)
            return tag if file.readinto(out.data.cast("B")) == out.nbytes else None
    finally:
        os.close(fd)


def _tag(key: bytes, residues: Residues) -> bytes:
    return hmac.digest(key, residues.data.cast("B"), "sha256")

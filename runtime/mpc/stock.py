"""All the material that a party has on its disk for one plan: a folder with a folder for each lot."""

import fcntl
import hashlib
import hmac
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.lot import Offer, Outline
from ppc.runtime.mpc.stored import StoredLot
from ppc.runtime.places import OWNERS, Holders

#: How long a session waits for another one of this party that is just taking material (seconds).
PATIENCE = 5.0
_LOT = "[0-9a-f]" * 32


class Stock:
    """`folder` is this party's alone; `key` seals everything in it (`ppc.runtime.keys.storage_key`). `pair`: the
    holders of shares, one of which it is."""

    def __init__(self, folder: Path, role: str, plan_hash: str, key: bytes, pair: Holders = OWNERS):
        self.folder, self._key, self._rank = folder, key, pair.index(role)
        self._about = {
            "plan": plan_hash,
            "party": role,
            "pair": " and ".join(pair),
            "key": hmac.digest(key, b"ppc/storage/name", hashlib.sha256).hex()[:16],
        }

    def __repr__(self) -> str:
        return f"Stock({str(self.folder)!r})"

    def create(self, offer: Offer, outline: Outline) -> StoredLot:
        """A new lot, to be received. Raises PPC6012, PPC6009."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as e:
            raise PartyError("PPC6012", f"cannot write {self.folder}: {e.strerror}") from None
        return StoredLot.create(self.folder, self._key, self._about, self._rank, offer, outline)

    def lots(self) -> dict[str, StoredLot]:
        """What is left, the oldest lot first; lots that are used up are deleted. Raises PPC6014.

        Lots of others (another version of the plan, other keys) are left alone; PPC6015 where there are no own ones.
        """
        found: dict[str, StoredLot] = {}
        foreign: list[PartyError] = []
        for folder in sorted(self.folder.glob(_LOT)):
            try:
                lot = StoredLot.open(folder, self._key, self._about, self._rank)
            except PartyError as e:
                if e.code != "PPC6015":
                    raise
                foreign.append(e)
                continue
            if lot.used_up:
                lot.delete()
            else:
                found[lot.folder.name] = lot
        if foreign and not found:
            raise foreign[0]
        return found

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Meanwhile no other session of this party takes material. Raises PPC6015 where one is at it for long."""
        try:
            fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield  # no material yet, so there is none to take
            return
        try:
            self._wait_for(fd)
            yield
        finally:
            os.close(fd)

    def _wait_for(self, fd: int) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise PartyError("PPC6015", f"another session is taking material from {self.folder}") from None
                time.sleep(0.02)

"""One lot on a party's disk. Everything is sealed under a key of the party (`ppc.runtime.sealed`).

    outline    what a pass consists of
    state      the next pass that was not used, and the chain of keys at that pass (`Ratchet`)
    passes     what the dealer shipped, a record of fixed size for each pass, each under a key of its own
    weight.*   the model owner's weights under their masks, where no holder of shares knows them
    complete   there once all passes were received

The state goes forward, and is on the disk, before a pass is used. From then on the file opens no pass before: its keys
are gone. A copy of the old state that is brought back is noticed by the other party's (`ppc.runtime.mpc.take`).
"""

import json
import os
import shutil
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.files import sync_folder
from ppc.runtime.mpc.lot import Masked, Offer, Outline, Shipped
from ppc.runtime.mpc.ratchet import Ratchet
from ppc.runtime.sealed import TAG, About, associated, damaged, read_sealed, write_sealed

#: One call of AES-GCM takes less than 2^31 bytes; a step with more is cut.
_SEGMENT = 1 << 30


class StoredLot:
    """A lot (`ppc.runtime.mpc.lot.Lot`) in a folder: `open` one that is there, or `create` it from an offer."""

    def __init__(self, folder: Path, key: bytes, about: About, rank: int, outline: Outline, state: dict[str, Any]):
        self.folder, self.outline, self.runs, self.next = folder, outline, int(state["runs"]), int(state["next"])
        self.weights_key = bytes.fromhex(state["weights"])
        self._key, self._about = key, {**about, "lot": folder.name}
        self._keys = Ratchet(bytes.fromhex(state["chain"]), self.next)
        self._due = {s: due for s in outline.rows if (due := outline.due(s, rank))}
        self._sizes = {s: sum(np.dtype(d).itemsize * prod(shape) for d, shape in due) for s, due in self._due.items()}
        self.pass_bytes = sum(_sealed_size(n) for n in self._sizes.values())
        self._passes = os.open(folder / "passes", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._written = 0  # passes, while the lot is being received

    def __repr__(self) -> str:
        return f"StoredLot({self.folder.name}, next pass {self.next} of {self.runs})"

    def __del__(self) -> None:
        if hasattr(self, "_passes"):
            os.close(self._passes)

    @staticmethod
    def create(parent: Path, key: bytes, about: About, rank: int, offer: Offer, outline: Outline) -> "StoredLot":
        """A new lot, to be filled by `put`. Raises PPC6012, and PPC6009 where a lot of that name is there."""
        folder, about = parent / offer.lot, {**about, "lot": offer.lot}
        staged = parent / f".{offer.lot}.new"  # a session that looks for material sees a whole lot or none
        state = {"runs": offer.runs, "next": 0, "chain": offer.key.hex(), "weights": offer.weights_key.hex()}
        if folder.exists():
            raise PartyError("PPC6009", f"the dealer offers lot {offer.lot} again")
        try:
            staged.mkdir(mode=0o700)
            write_sealed(staged / "outline", key, {**about, "file": "outline"}, outline.to_bytes())
            write_sealed(staged / "state", key, {**about, "file": "state"}, json.dumps(state).encode())
            staged.rename(folder)
            sync_folder(parent)
        except OSError as e:
            raise PartyError("PPC6012", f"cannot write {folder}: {e.strerror}") from None
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return StoredLot(folder, key, about, rank, outline, state)

    @staticmethod
    def open(folder: Path, key: bytes, about: About, rank: int) -> "StoredLot":
        """A lot that was stored. Raises PPC6014 for a damaged one, PPC6015 for one that is another's."""
        about = {**about, "lot": folder.name}
        try:
            outline = Outline.from_bytes(read_sealed(folder / "outline", key, {**about, "file": "outline"}))
        except PartyError as e:
            raise (damaged(folder / "outline", e.message) if e.code == "PPC6003" else e) from None
        state = json.loads(read_sealed(folder / "state", key, {**about, "file": "state"}))
        return StoredLot(folder, key, about, rank, outline, state)

    def ready(self) -> int:
        """How many passes were received, used ones too. PPC6014 where the file was cut or grew after that."""
        size = os.fstat(self._passes).st_size
        if (self.folder / "complete").exists():
            read_sealed(self.folder / "complete", self._key, {**self._about, "file": "complete"})
            if size != self.runs * self.pass_bytes:
                raise damaged(
                    self.folder / "passes", f"it has {size} bytes where {self.runs * self.pass_bytes} were written"
                )
            return self.runs
        return min(self.runs, size // self.pass_bytes) if self.pass_bytes else self.runs

    @property
    def used_up(self) -> bool:
        return self.next >= self.runs

    def delete(self) -> None:
        """Under another name first: half of a lot would look damaged."""
        gone = self.folder.with_name(f".{self.folder.name}.used")
        with suppress(OSError):  # what cannot be deleted opens nothing any more
            self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def reserve(self, first: int, count: int) -> None:
        """Take passes first .. first+count-1 out for good: from here on no other session, and no restart of this one,
        gets them. On the disk before this returns; raises PPC6012."""
        self._keys.forward(first)
        after = Ratchet(self._keys.key, first)
        after.forward(first + count)
        self.next = first + count
        state = {"runs": self.runs, "next": self.next, "chain": after.key.hex(), "weights": self.weights_key.hex()}
        write_sealed(self.folder / "state", self._key, {**self._about, "file": "state"}, json.dumps(state).encode())

    def put_weights(self, masked: Masked) -> None:
        """Keep them beside the passes. Raises PPC6012."""
        for step, arrays in masked.items():
            for i, a in enumerate(arrays):
                path, about = self._weight(step, i)
                write_sealed(path, self._key, about, np.ascontiguousarray(a).tobytes())

    def masked(self) -> Masked:
        """Raises PPC6014."""
        return {
            step: [self._masked(step, i, form.shape) for i, form in enumerate(forms)]
            for step, forms in self.outline.forms.items()
        }

    def _masked(self, step: int, index: int, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        path, about = self._weight(step, index)
        plain = read_sealed(path, self._key, about)
        if len(plain) != 8 * prod(shape):
            raise damaged(path, f"it has {len(plain)} bytes where the lot has {8 * prod(shape)}")
        return np.frombuffer(plain, np.uint64).reshape(shape)

    def _weight(self, step: int, index: int) -> tuple[Path, About]:
        name = f"weight.{step}.{index}"
        return self.folder / name, {**self._about, "file": name}

    def put(self, number: int, shipped: Shipped) -> None:
        """Append a pass. PPC6012 where the disk is full: the passes before it are kept and can be used."""
        if number != self._written:
            raise PartyError("PPC6003", f"the dealer sent pass {number} where pass {self._written} was due")
        self._keys.forward(number)
        record, seal = bytearray(), AESGCM(self._keys.derive(b"disk"))
        for step in self._due:
            plain = memoryview(b"".join(np.ascontiguousarray(a).data.cast("B") for a in shipped[step]))
            for i, at in enumerate(range(0, max(1, len(plain)), _SEGMENT)):
                record += seal.encrypt(_nonce(step, i), plain[at : at + _SEGMENT], self._context(number))
        try:
            _write(self._passes, record, number * self.pass_bytes)
        except OSError as e:
            with suppress(OSError):
                os.ftruncate(self._passes, number * self.pass_bytes)
            raise PartyError(
                "PPC6012",
                f"cannot write {self.folder / 'passes'}: {e.strerror}; {number} of {self.runs} passes are stored",
                help=f"make room for {(self.runs - number) * self.pass_bytes:,} bytes more, or deal fewer passes",
            ) from None
        self._written += 1

    def finish(self) -> None:
        """All passes were received, and are on the disk when this returns. Raises PPC6012."""
        try:
            os.fsync(self._passes)
        except OSError as e:
            raise PartyError("PPC6012", f"cannot write {self.folder / 'passes'}: {e.strerror}") from None
        write_sealed(self.folder / "complete", self._key, {**self._about, "file": "complete"}, b"")

    def load(self, number: int) -> tuple[bytes, Shipped]:
        """The key of a pass and what was shipped for it. Raises PPC6014 where a byte of it is another."""
        self._keys.forward(number)
        found, at = {}, number * self.pass_bytes
        for step, due in self._due.items():
            plain, at = self._read(number, step, at)
            found[step] = _arrays(plain, due)
        return self._keys.derive(b"material"), found

    def _read(self, number: int, step: int, at: int) -> tuple[bytearray, int]:
        plain, seal = bytearray(), AESGCM(self._keys.derive(b"disk"))
        left = self._sizes[step]
        for i in range(_segments(left)):
            size = min(left, _SEGMENT) + TAG
            try:
                raw = os.pread(self._passes, size, at)
                plain += seal.decrypt(_nonce(step, i), raw, self._context(number))
            except (InvalidTag, OSError):
                raise damaged(
                    self.folder / "passes", f"pass {number} is damaged (its seal is broken at byte {at})"
                ) from None
            left, at = left - (size - TAG), at + size
        return plain, at

    def _context(self, number: int) -> bytes:
        return associated({**self._about, "file": "passes", "pass": str(number)})


def _nonce(step: int, segment: int) -> bytes:
    """Each key is of one pass of one lot, so that step and segment make a nonce unique."""
    return step.to_bytes(8, "big") + segment.to_bytes(4, "big")


def _segments(size: int) -> int:
    return max(1, -(-size // _SEGMENT))


def _sealed_size(size: int) -> int:
    return size + TAG * _segments(size)


def _write(fd: int, data: bytearray, at: int) -> None:
    view = memoryview(data)
    while view:
        n = os.pwrite(fd, view, at)
        view, at = view[n:], at + n


def _arrays(plain: bytearray, due: list[Any]) -> tuple[NDArray[Any], ...]:
    """Views of one buffer, as they were sent."""
    found, at = [], 0
    for dtype, shape in due:
        found.append(np.frombuffer(plain, dtype, prod(shape), at).reshape(shape))
        at += found[-1].nbytes
    return tuple(found)

"""Files that only their owner can read or make: AES-256-GCM (NIST SP 800-38D) under a key of the party.

    magic (4 bytes), length of `about` (4), about (JSON, in clear), nonce (12), ciphertext and tag

`about` says what the file is (plan, party, ...); it is authenticated, and compared field by field before anything is
opened, so that a file of another plan is told from a damaged one.
"""

import json
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ppc.runtime.errors import PartyError
from ppc.runtime.files import replaced

NONCE = 12
TAG = 16
_MAGIC = b"PPCS"
_HEAD = struct.Struct("<4sI")
#: Nothing that is sealed whole is larger; what is, is refused before it is read.
LARGEST = 1 << 28

About = Mapping[str, str]


def associated(about: About) -> bytes:
    """What is authenticated beside the content: the same bytes for the same fields."""
    return json.dumps(dict(about), sort_keys=True, separators=(",", ":")).encode()


def write_sealed(path: Path, key: bytes, about: About, content: bytes) -> None:
    """Replace the file, and be back when it is on the disk. Raises PPC6012."""
    header, nonce = associated(about), secrets.token_bytes(NONCE)
    try:
        with replaced(path) as file:
            file.write(_HEAD.pack(_MAGIC, len(header)) + header + nonce)
            file.write(AESGCM(key).encrypt(nonce, content, header))
    except OSError as e:
        raise PartyError("PPC6012", f"cannot write {path}: {e.strerror}") from None


def read_sealed(path: Path, key: bytes, about: About) -> bytes:
    """The content. PPC6015 where the file says that it is about something else, PPC6014 where it is damaged."""
    try:
        if path.stat().st_size > LARGEST:
            raise damaged(path, "it is too large")
        raw = path.read_bytes()
    except OSError as e:
        raise damaged(path, e.strerror or "it cannot be read") from None
    header, rest = _split(path, raw)
    _compare(path, header, about)
    try:
        return AESGCM(key).decrypt(rest[:NONCE], rest[NONCE:], header)
    except (InvalidTag, ValueError):
        raise damaged(path, "its seal is broken") from None


def _split(path: Path, raw: bytes) -> tuple[bytes, bytes]:
    if len(raw) < _HEAD.size:
        raise damaged(path, "it was cut short")
    magic, length = _HEAD.unpack_from(raw)
    at = _HEAD.size + length
    if magic != _MAGIC or len(raw) < at + NONCE + TAG:
        raise damaged(path, "it was cut short" if magic == _MAGIC else "it is no sealed file")
    return raw[_HEAD.size : at], raw[at:]


def _compare(path: Path, header: bytes, about: About) -> None:
    if header == associated(about):
        return
    try:
        found = json.loads(header)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise damaged(path, "its header cannot be read")
    for name, due in about.items():
        if found.get(name) != due:
            said = "".join(c if c.isprintable() else "?" for c in str(found.get(name)))[:80]
            raise PartyError(
                "PPC6015",
                f"{path} belongs to another {name}: {said}, here {due}",
                help="give this run the material that was dealt for its own plan, party and keys; or `ppc deal` anew",
            )
    raise damaged(path, "its header says more than it should")


def damaged(path: Path, why: str) -> PartyError:
    return PartyError(
        "PPC6014",
        f"{path} cannot be used: {why}",
        help=f"delete {path.parent} and let the dealer make new material (`ppc deal`); never bring back an old copy",
    )

"""Who is who: a deployment's own certificate authority, and one certificate per party.

`folder/<party>/` is all that a party needs (key.pem, cert.pem, ca.pem) and all that should leave the machine where
the keys were made; `folder/ca/` is needed only to make them and may be deleted afterwards. Certificates are X.509
v3 (RFC 5280) on P-256, with the party's name as the one DNS entry of the subject alternative name. There is no
revocation: certificates live at most `days`, and a deployment whose key leaked makes a new authority.
"""

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ppc.runtime.errors import PartyError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_CLOCK_SKEW = timedelta(minutes=5)  # machines of one deployment may disagree by this much


@dataclass(frozen=True, slots=True)
class PartyKeys:
    """Where a party's files are. The passphrase never shows."""

    party: str
    key: Path
    cert: Path
    ca: Path
    passphrase: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """The private certificate authority of one deployment."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    cert: x509.Certificate


def make_keys(folder: Path, parties: Iterable[str], days: int = 365, passphrase: bytes | None = None) -> None:
    """Write a new authority and the keys of `parties` under `folder`; `passphrase` encrypts every key file.

    Raises PPC6011 where a name cannot be a party's or the folder holds keys already, PPC6012 where writing fails.
    """
    parties, folder = list(parties), Path(folder)
    for party in parties:
        if not _NAME.fullmatch(party) or party == "ca":
            raise PartyError(
                "PPC6011",
                f"{party!r} cannot be the name of a party",
                help="use lower-case letters, digits, '-' and '_', at most 63, beginning with a letter; not 'ca'",
            )
    taken = [name for name in ("ca", *parties) if (folder / name).exists()]
    if taken:
        raise PartyError(
            "PPC6011",
            f"{folder} already has keys of {', '.join(taken)}; they are not overwritten",
            help="choose a new folder, or delete this one if no party uses it any more",
        )
    until = datetime.now(UTC) + timedelta(days=days)
    try:
        authority = new_authority(until)
        _write(folder / "ca", "key.pem", _private(authority.key, passphrase))
        _write(folder / "ca", "ca.pem", authority.cert.public_bytes(serialization.Encoding.PEM))
        for party in parties:
            key, cert = issue(authority, party, until)
            _write(folder / party, "key.pem", _private(key, passphrase))
            _write(folder / party, "cert.pem", cert.public_bytes(serialization.Encoding.PEM))
            _write(folder / party, "ca.pem", authority.cert.public_bytes(serialization.Encoding.PEM))
    except OSError as e:
        for name in ("ca", *parties):  # none of them was there before
            shutil.rmtree(folder / name, ignore_errors=True)
        raise PartyError("PPC6012", f"cannot write keys under {folder}: {e.strerror}") from None


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder of this run on this machine, in memory where the system allows it; deleted at the end."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="ppc-", dir=memory))  # mkdtemp: 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def session_keys(parties: Iterable[str]) -> Iterator[Path]:
    """A folder with keys for one run on this machine; deleted at the end."""
    with private_folder() as folder:
        make_keys(folder, parties, days=1)
        yield folder


def load(folder: Path, party: str, passphrase: bytes | None = None) -> PartyKeys:
    """The keys of `party`, checked. Raises PPC6011 naming the file and what is wrong with it."""
    home = Path(folder) / party
    keys = PartyKeys(party, home / "key.pem", home / "cert.pem", home / "ca.pem", passphrase)
    ca, cert = _certificate(keys.ca), _certificate(keys.cert)
    _check_certificate(keys, cert, ca)
    mode = stat.S_IMODE(keys.key.stat().st_mode) if keys.key.exists() else 0
    if mode & 0o077:
        raise PartyError("PPC6011", f"{keys.key} may be read by others (mode {mode:o})", help=f"chmod 600 '{keys.key}'")
    try:
        key = serialization.load_pem_private_key(_read(keys.key), passphrase)
    except TypeError:
        needs = "needs a passphrase" if passphrase is None else "has no passphrase, but one was given"
        raise PartyError("PPC6011", f"{keys.key} {needs}") from None
    except (ValueError, UnsupportedAlgorithm):
        why = "is damaged" if passphrase is None else "is damaged, or the passphrase is wrong"
        raise PartyError("PPC6011", f"{keys.key} {why}") from None
    if _public(key.public_key()) != _public(cert.public_key()):
        raise PartyError("PPC6011", f"{keys.key} does not belong to {keys.cert}")
    return keys


def storage_key(keys: PartyKeys) -> bytes:
    """The 256-bit key under which a party seals what it keeps on its own disk: HKDF of its private key.

    Nobody else can derive it, and it is as well protected as that key is. Raises PPC6011.
    """
    try:
        key = serialization.load_pem_private_key(_read(keys.key), keys.passphrase)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise PartyError("PPC6011", f"{keys.key} is damaged, or the passphrase is wrong") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PartyError("PPC6011", f"{keys.key} is no key on an elliptic curve", help="make new ones with `ppc keys`")
    secret = key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
    return HKDF(hashes.SHA256(), 32, None, b"ppc/storage/1 " + keys.party.encode()).derive(secret)


def new_authority(until: datetime, since: datetime | None = None) -> Authority:
    """A fresh authority whose name is unique, so that two deployments cannot be mixed up."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ppc deployment {serial:x}"[:32])])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # sign certificates and CRLs
    cert = (
        _builder(name, name, key.public_key(), since, until)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, cert)


def issue(
    authority: Authority, party: str, until: datetime, since: datetime | None = None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key and its certificate for `party`, good for both ends of TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # signatures only
    both_ends = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, party)])
    cert = (
        _builder(name, authority.cert.subject, key.public_key(), since, until)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both_ends, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(party)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return key, cert


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    since: datetime | None,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .not_valid_before(since or datetime.now(UTC) - _CLOCK_SKEW)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _check_certificate(keys: PartyKeys, cert: x509.Certificate, ca: x509.Certificate) -> None:
    now = datetime.now(UTC)
    for path, c in ((keys.ca, ca), (keys.cert, cert)):
        if now > c.not_valid_after_utc:
            raise PartyError("PPC6011", f"{path} expired on {c.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if now < c.not_valid_before_utc:
            raise PartyError(
                "PPC6011",
                f"{path} is valid only from {c.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
                help="is the clock of this machine right?",
            )
    try:
        cert.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        raise PartyError("PPC6011", f"{keys.cert} was not signed by the authority in {keys.ca}") from None
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = names.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        found = []
    if found != [keys.party]:
        raise PartyError("PPC6011", f"{keys.cert} is the certificate of {found or 'nobody'}, not of {keys.party!r}")


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError:
        raise PartyError("PPC6011", f"{path} is not a certificate in PEM form") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PartyError("PPC6011", f"{path} is missing", help="make keys with `ppc keys`") from None
    except OSError as e:
        raise PartyError("PPC6011", f"{path} cannot be read: {e.strerror}") from None


def _private(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None) -> bytes:
    protect: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protect)


def _public(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.DER, form)  # type: ignore[attr-defined,no-any-return]


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = 0o600 if name == "key.pem" else 0o644
    fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as f:
        f.write(content)

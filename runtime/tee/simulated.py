"""The simulated TEE: a software root of trust that signs EAT claims (RFC 9711) as hardware would.

The root is one P-384 key: the private half plays the hardware vendor and is held by the enclave's launcher, the
public half is what client and server trust. It proves nothing against whoever holds the private half.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ppc.runtime.errors import PartyError
from ppc.runtime.tee import cbor, cose
from ppc.runtime.tee.attestation import Claims, EvidenceError

NOTICE = "SIMULATION: no hardware protection"
PROFILE = "tag:ppc,2026:simulated-enclave/1"

# Claim keys: registered ones of RFC 9711 are integers, ours are text.
_NONCE, _DEBUG, _PROFILE = 10, 263, 265
_DEBUG_ENABLED, _DEBUG_DISABLED = 0, 3


def new_root() -> tuple[bytes, bytes]:
    """A fresh root of trust: (private key, public key), both PEM."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def evidence(
    root: bytes,
    nonce: bytes,
    binding: bytes,
    measurement: bytes,
    components: Mapping[str, str],
    lockdown: Mapping[str, str],
) -> bytes:
    """Signed evidence. `root` is the private key (PEM). Raises PartyError PPC6011 where that is not one."""
    claims = {
        _NONCE: nonce,
        _PROFILE: PROFILE,
        _DEBUG: _DEBUG_DISABLED,
        "binding": binding,
        "measurement": measurement,
        "components": dict(components),
        "lockdown": dict(lockdown),
        "mode": "simulated",
        "notice": NOTICE,
    }
    return cose.sign(cbor.encode(claims), _private(root))


def _private(root: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(root, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
        raise PartyError("PPC6011", "the simulated TEE's root is not an unencrypted P-384 private key in PEM form")
    return key


class SimulatedVerifier:
    """Checks evidence of `evidence` against the root's public key (PEM)."""

    def verify(self, evidence: bytes, root: bytes, at: dt.datetime) -> Claims:
        try:
            key = load_pem_public_key(root)
        except ValueError:
            raise EvidenceError("the root of trust given to this party is not a public key in PEM form") from None
        try:
            claims = cbor.decode(cose.verify(evidence, key))
        except ValueError as error:
            raise EvidenceError(str(error)) from None
        if not isinstance(claims, dict) or claims.get(_PROFILE) != PROFILE:
            raise EvidenceError(f"its profile is not {PROFILE}")
        if claims.get("mode") != "simulated" or claims.get("notice") != NOTICE:
            raise EvidenceError("it does not declare itself a simulation")
        return Claims(
            kind="simulated",
            measurement=_bytes(claims, "measurement", 48),
            binding=_bytes(claims, "binding", 64),
            debug=claims.get(_DEBUG) != _DEBUG_DISABLED,
            simulated=True,
            notice=NOTICE,
            components=_texts(claims, "components"),
            lockdown=_texts(claims, "lockdown"),
        )


def _bytes(claims: Mapping[Any, Any], name: str, size: int) -> bytes:
    value = claims.get(name)
    if not isinstance(value, bytes) or len(value) != size:
        raise EvidenceError(f"its claim {name!r} is not {size} bytes")
    return value


def _texts(claims: Mapping[Any, Any], name: str) -> dict[str, str]:
    value = claims.get(name)
    if not isinstance(value, dict) or not all(isinstance(t, str) for pair in value.items() for t in pair):
        raise EvidenceError(f"its claim {name!r} is not a table of texts")
    return value


VERIFIER = SimulatedVerifier()

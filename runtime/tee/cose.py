"""COSE_Sign1 with ES384 (RFC 9052, 4.2; RFC 9053, 2.1): how evidence is signed here and by AWS Nitro."""

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ppc.runtime.tee import cbor

ES384 = -35
_TAG = 18
_HALF = 48  # bytes of r, and of s
_ALGORITHM = 1  # header label


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A tagged COSE_Sign1 message over `payload`; `key` is on P-384."""
    protected = cbor.encode({_ALGORITHM: ES384})
    r, s = decode_dss_signature(key.sign(_signed(protected, payload), ec.ECDSA(hashes.SHA384())))
    signature = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    return cbor.encode(cbor.Tagged(_TAG, [protected, {}, payload, signature]))


def parse(message: bytes) -> tuple[bytes, bytes, bytes]:
    """(protected header, payload, signature) of a message, tagged or not, not yet verified. Raises ValueError."""
    item = cbor.decode(message)
    if isinstance(item, cbor.Tagged) and item.tag == _TAG:
        item = item.value
    if not isinstance(item, list) or len(item) != 4:
        raise ValueError("not a COSE_Sign1 message")
    protected, _, payload, signature = item
    if not all(isinstance(part, bytes) for part in (protected, payload, signature)):
        raise ValueError("not a COSE_Sign1 message")
    header: Any = cbor.decode(protected)
    if not isinstance(header, dict) or header.get(_ALGORITHM) != ES384 or len(signature) != 2 * _HALF:
        raise ValueError("not signed with ES384")
    return protected, payload, signature


def verify(message: bytes, key: Any) -> bytes:
    """The payload of a message that `key` signed. Raises ValueError for every other."""
    protected, payload, signature = parse(message)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError("the signer's key is not on P-384")
    der = encode_dss_signature(int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big"))
    try:
        key.verify(der, _signed(protected, payload), ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        raise ValueError("the signature does not verify") from None
    return payload


def _signed(protected: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, b"", payload])

"""Every way in which evidence can fail to convince, one at a time."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ppc.runtime.errors import PartyError
from ppc.runtime.tee import attestation, cbor, cose, simulated
from ppc.runtime.tee.attestation import Claims, binding

NONCE, KEY, MEASURED = b"n" * 32, b"k" * 32, b"m" * 48
PRIVATE, PUBLIC = simulated.new_root()
POLICY = {"kind": "simulated", "measurement": MEASURED.hex(), "allow_simulated": True}


def evidence(**changed: Any) -> bytes:
    arguments = {"root": PRIVATE, "nonce": NONCE, "binding": binding(NONCE, KEY), "measurement": MEASURED}
    return simulated.evidence(**(arguments | {"components": {"numpy": "2"}, "lockdown": {"x": "on"}} | changed))


def resigned(change: Callable[[dict[Any, Any]], Any]) -> bytes:
    """Evidence with other claims, signed by the genuine root: only the appraisal can notice."""
    claims = cbor.decode(cose.parse(evidence())[1])
    change(claims)
    return cose.sign(cbor.encode(claims), simulated._private(PRIVATE))


def verify(blob: bytes, policy: dict[str, Any] | None = None, **changed: Any) -> Claims:
    arguments: dict[str, Any] = {"root": PUBLIC, "nonce": NONCE, "enclave_key": KEY} | changed
    return attestation.verify(blob, policy or POLICY, **arguments)


def test_genuine_evidence_convinces_and_says_what_it_is() -> None:
    claims = verify(evidence())
    assert claims.simulated and claims.notice == "SIMULATION: no hardware protection"
    assert claims.lockdown == {"x": "on"} and claims.components == {"numpy": "2"}


REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "measurement": ("measures", lambda: verify(evidence(measurement=b"x" * 48))),
    "nonce": ("another session", lambda: verify(evidence(), nonce=b"N" * 32)),
    "key": ("another key", lambda: verify(evidence(), enclave_key=b"K" * 32)),
    "signature": ("signature", lambda: verify(evidence()[:-1] + bytes([evidence()[-1] ^ 1]))),
    "root": ("signature", lambda: verify(evidence(), root=simulated.new_root()[1])),
    "root is a private key": ("public key", lambda: verify(evidence(), root=PRIVATE)),
    "simulation not allowed": ("simulation", lambda: verify(evidence(), POLICY | {"allow_simulated": "true"})),
    "simulation as hardware": ("", lambda: verify(evidence(), POLICY | {"kind": "nitro"}, root=PUBLIC)),
    "debug": ("debug", lambda: verify(resigned(lambda c: c.update({263: 0})))),
    "debug unsaid": ("debug", lambda: verify(resigned(lambda c: c.pop(263)))),
    "profile": ("profile", lambda: verify(resigned(lambda c: c.update({265: "tag:other"})))),
    "mode unsaid": ("simulation", lambda: verify(resigned(lambda c: c.pop("mode")))),
    "notice gone": ("simulation", lambda: verify(resigned(lambda c: c.pop("notice")))),
    "binding type": ("binding", lambda: verify(resigned(lambda c: c.update({"binding": "text"})))),
    "lockdown type": ("lockdown", lambda: verify(resigned(lambda c: c.update({"lockdown": {"x": 1}})))),
    "not claims": ("profile", lambda: verify(cose.sign(cbor.encode([1]), simulated._private(PRIVATE)))),
    "not CBOR": ("CBOR", lambda: verify(b"\xff\x00")),
    "not COSE": ("COSE", lambda: verify(cbor.encode([1, 2]))),
    "min tcb": ("microcode", lambda: verify(evidence(), POLICY | {"min_tcb": {"microcode": 1}})),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    reason, attempt = REFUSED[case]
    with pytest.raises(PartyError, match=rf"(?s)PPC6008.*{reason}.*no key was released"):
        attempt()


@pytest.mark.parametrize("cut", range(0, 700, 37))
def test_truncated_evidence_is_refused(cut: int) -> None:
    whole = evidence()
    with pytest.raises(PartyError, match="PPC6008"):
        verify(whole[: min(cut, len(whole) - 1)])


@pytest.mark.parametrize("position", range(0, 600, 41))
def test_every_altered_byte_is_refused(position: int) -> None:
    whole = bytearray(evidence())
    whole[position % len(whole)] ^= 0x40
    with pytest.raises(PartyError, match="PPC6008"):
        verify(bytes(whole))


def test_other_algorithms_are_refused() -> None:
    _, payload, signature = cose.parse(evidence())
    weaker = cbor.encode(cbor.Tagged(18, [cbor.encode({1: -7}), {}, payload, signature]))
    with pytest.raises(PartyError, match=r"PPC6008.*ES384"):
        verify(weaker)
    for key in (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()):
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(PartyError, match=r"PPC6008.*P-384"):
            verify(evidence(), root=public)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(PartyError, match=r"PPC6011.*P-384"):
            evidence(root=private)


def test_binding_separates_nonce_and_key() -> None:
    assert binding(b"ab", b"c") != binding(b"a", b"bc")


def test_debug_hardware_is_refused_whatever_else_fits() -> None:
    claims = Claims("nitro", MEASURED, binding(NONCE, KEY), debug=True, simulated=False)
    with pytest.raises(PartyError, match=r"PPC6008.*debug"):
        attestation.appraise(claims, POLICY, NONCE, KEY, {})
    attestation.appraise(dataclasses.replace(claims, debug=False), POLICY | {"allow_simulated": False}, NONCE, KEY, {})

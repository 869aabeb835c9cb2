"""Starting the enclave's part of a session: attest, then release keys, then weights (RATS, RFC 9334; HPKE, RFC 9180).

    owner (client, server)                     enclave
    nonce                       ->             confines itself first (`lockdown`), so that the evidence can say it
                                <-             X25519 key, evidence over H(key, nonce), measurement, confinement
    verifies; refuses: stops here
    HPKE(session key)           ->
                                <-  sealed     "ready": the enclave holds the key
    server: weights     sealed  ->             only those that a tee step reads

Nothing but a nonce leaves an owner before it is convinced.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import kernel
from ppc.runtime.party import Session
from ppc.runtime.tee import attestation, cbor, lockdown, measure, simulated
from ppc.runtime.tee.attestation import NONCE_BYTES, Claims
from ppc.runtime.tee.seal import KEY_BYTES, Link

ENCLAVE = "enclave"
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_HPKE_INFO = b"ppc/tee/session-key/1"
_MOST_EVIDENCE = 1 << 16
_READY = b"ready"


@dataclass(slots=True)
class TeeEngine:
    """`session.engines["tee"]`: an owner has one link (to "enclave"), the enclave one an owner."""

    links: dict[str, Link] = field(default_factory=dict)
    claims: Claims | None = None  # at an owner: what the enclave proved
    lockdown: Mapping[str, str] = field(default_factory=dict)  # what confines the enclave: feature -> "on" or why not


def setup(session: Session, root: bytes, lock: Callable[[], Mapping[str, str]] = lockdown.apply) -> TeeEngine:
    """Attest the enclave and release keys and weights to it. Every party but the dealer calls this once.

    `root` (PEM) is what evidence is signed with: at the enclave the private key of the simulated root, at client
    and server its public key or the hardware vendor's root certificates. `lock` confines the enclave's process.
    Raises PartyError: PPC6008 evidence refused, PPC6007 no hardware, PPC6011 unusable root, PPC6001..3 transport.
    """
    with session.meter.phase("attestation"):
        if session.role == ENCLAVE:
            engine = _attest(session, root, lock)
        else:
            engine = TeeEngine()
            engine.claims, engine.links[ENCLAVE] = _convince(session, root)
            engine.lockdown = engine.claims.lockdown
        session.engines["tee"] = engine
    with session.meter.phase("weights to enclave"):
        _release_weights(session, engine)
    return engine


def owners(session: Session) -> list[str]:
    """The parties that the enclave serves, in an order that all agree on."""
    return sorted(session.channels.keys() & {"client", "server"})


def _convince(session: Session, root: bytes) -> tuple[Claims, Link]:
    """The owner's side: challenge, verify, release a fresh key."""
    if not root:
        raise PartyError(
            "PPC6011",
            f"{session.role} has no attestation root, so it could believe any enclave",
            help="make one for the deployment with `ppc keys`, or give the hardware vendor's root certificates",
        )
    channel, policy = session.channel(ENCLAVE), session.manifest["tee"]
    nonce = os.urandom(NONCE_BYTES)
    channel.send_bytes("tee.nonce", nonce)
    key, evidence = _parts(channel.receive_bytes("tee.evidence", _MOST_EVIDENCE))
    expected = measure.components(session.manifest)
    claims = attestation.verify(evidence, policy, root, nonce, key, expected)
    session_key = os.urandom(KEY_BYTES)
    info = _HPKE_INFO + attestation.binding(nonce, key)
    channel.send_bytes("tee.key", _SUITE.encrypt(session_key, X25519PublicKey.from_public_bytes(key), info))
    link = Link(channel, session.role, session_key, claims.measurement)
    if link.receive_bytes("tee.ready", len(_READY)) != _READY:
        raise PartyError("PPC6003", "the enclave did not confirm the session key")
    return claims, link


def _parts(blob: bytes) -> tuple[bytes, bytes]:
    """(enclave key, evidence) of the enclave's answer. Raises PartyError PPC6008."""
    try:
        answer: Any = cbor.decode(blob)
    except ValueError as error:
        raise PartyError("PPC6008", f"the enclave's answer is not evidence: {error}; no key was released") from None
    match answer:
        case [bytes() as key, bytes() as evidence] if len(key) == 32:
            return key, evidence
    raise PartyError("PPC6008", "the enclave's answer is not a key and evidence; no key was released")


def _attest(session: Session, root: bytes, lock: Callable[[], Mapping[str, str]]) -> TeeEngine:
    """The enclave's side: confine, prove, receive a key of every owner."""
    policy = session.manifest["tee"]
    if policy["kind"] != "simulated":
        raise PartyError(
            "PPC6007",
            f"this runtime verifies {policy['kind']} evidence but cannot make it: no such hardware is driven here",
            help="run the enclave on that hardware with its own launcher, or allow a simulated TEE in the policy",
        )
    secret = X25519PrivateKey.generate()
    key = secret.public_key().public_bytes_raw()
    parts = measure.components(session.manifest)  # reads files: before the lock
    for step in session.manifest["steps"]:
        if step["step"].startswith("tee."):
            kernel(step["step"].removeprefix("tee."))  # loads its module
    engine, bound = TeeEngine(lockdown=lock()), {}
    for owner in owners(session):
        nonce = session.channel(owner).receive_bytes("tee.nonce", NONCE_BYTES)
        bound[owner] = attestation.binding(nonce, key)
        evidence = simulated.evidence(root, nonce, bound[owner], measure.digest(parts), parts, engine.lockdown)
        session.channel(owner).send_bytes("tee.evidence", cbor.encode([key, evidence]))
    for owner, context in bound.items():
        channel = session.channel(owner)
        try:
            session_key = _SUITE.decrypt(channel.receive_bytes("tee.key", 256), secret, _HPKE_INFO + context)
        except InvalidTag:
            raise PartyError("PPC6003", f"the session key from {owner} does not open") from None
        engine.links[owner] = Link(channel, ENCLAVE, session_key, measure.digest(parts))
    for link in engine.links.values():  # only once every owner is convinced
        link.send_bytes("tee.ready", _READY)
    return engine


def weights_inside(manifest: Mapping[str, Any]) -> list[str]:
    """The secret weights that tee steps read: what the server releases, in an order that all agree on."""
    read = {o for step in manifest["steps"] if step["step"].startswith("tee.") for o in step["operands"]}
    return sorted(name for name in read & manifest["weights"].keys() if not manifest["weights"][name]["public"])


def _release_weights(session: Session, engine: TeeEngine) -> None:
    """From the server into the enclave, sealed. Public constants are everywhere already."""
    for name in weights_inside(session.manifest):
        tag = f"tee.weight.{name}"
        if session.role == "server":
            engine.links[ENCLAVE].send(tag, session.weights[name])
        elif session.role == ENCLAVE:
            session.weights[name] = engine.links["server"].receive(
                tag, tuple(session.manifest["weights"][name]["shape"])
            )

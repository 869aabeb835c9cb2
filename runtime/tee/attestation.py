"""Remote attestation (RFC 9334): from evidence to a decision.

Two parts. A *verifier* of one kind of hardware checks who signed the evidence and reads its claims; it knows no
plan. The *appraisal* is the same for every kind: the claims must show the measurement that the plan demands, a
key and nonce of this session, no debug mode, and hardware, unless the policy allows a simulation.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from ppc.runtime.errors import PartyError

NONCE_BYTES = 32
_CONTEXT = b"ppc/tee/binding/1"


class EvidenceError(Exception):
    """Evidence is malformed, or was not signed as it must be. The text is shown; it holds no secret."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What verified evidence says. `measurement` is what the hardware (or its simulation) measured, 48 bytes."""

    kind: str
    measurement: bytes
    binding: bytes  # 64 bytes that the enclave chose: must equal `binding(nonce, key)`
    debug: bool  # the host may read the enclave's memory
    simulated: bool  # no hardware protects it
    notice: str = ""
    components: Mapping[str, str] = field(default_factory=dict)  # what went into the measurement, where known
    lockdown: Mapping[str, str] = field(default_factory=dict)  # what confines the enclave's process
    tcb: Mapping[str, int] = field(default_factory=dict)  # security versions of the platform's firmware


class Verifier(Protocol):
    """Checks the signature of one kind of evidence."""

    def verify(self, evidence: bytes, root: bytes, at: dt.datetime) -> Claims:
        """Claims of evidence that chains to `root` (PEM) at time `at`. Raises EvidenceError."""
        ...


#: Kind of TEE -> "module:object", a `Verifier`. A new kind is a file and a row.
VERIFIERS: dict[str, str] = {
    "simulated": "ppc.runtime.tee.simulated:VERIFIER",
    "sev_snp": "ppc.runtime.tee.sev_snp:VERIFIER",
    "nitro": "ppc.runtime.tee.nitro:VERIFIER",
}


def binding(nonce: bytes, enclave_key: bytes) -> bytes:
    """What evidence must carry so that it speaks of this enclave key in this session: 64 bytes."""
    return hashlib.sha512(_CONTEXT + len(nonce).to_bytes(2, "big") + nonce + enclave_key).digest()


def verify(
    evidence: bytes,
    policy: Mapping[str, Any],
    root: bytes,
    nonce: bytes,
    enclave_key: bytes,
    expected: Mapping[str, str] | None = None,
    at: dt.datetime | None = None,
) -> Claims:
    """Verify and appraise. `policy` is `manifest["tee"]`; `expected` names the components for the error message.

    Raises PartyError PPC6008 for all evidence that does not convince.
    """
    kind = policy["kind"]
    if kind not in VERIFIERS:
        raise _refused(f"the plan asks for TEE kind {kind!r}; known are {', '.join(VERIFIERS)}")
    module, _, name = VERIFIERS[kind].partition(":")
    verifier: Verifier = getattr(import_module(module), name)
    try:
        claims = verifier.verify(evidence, root, at or dt.datetime.now(dt.UTC))
    except EvidenceError as error:
        raise _refused(f"the {kind} evidence is not valid: {error}") from None
    appraise(claims, policy, nonce, enclave_key, expected or {})
    return claims


def appraise(
    claims: Claims, policy: Mapping[str, Any], nonce: bytes, enclave_key: bytes, expected: Mapping[str, str]
) -> None:
    """Judge verified claims by the plan's policy. Raises PartyError PPC6008."""
    if claims.simulated and policy.get("allow_simulated") is not True:
        raise _refused(
            "the enclave is a simulation without hardware protection, and the policy does not allow that",
            help="say `allow simulated tee` in the policy, or run the enclave on the hardware it names",
        )
    if claims.debug:
        raise _refused("the enclave runs in debug mode: its host can read its memory")
    for part, least in policy.get("min_tcb", {}).items():
        if claims.tcb.get(part, -1) < least:
            raise _refused(
                f"the platform's {part} has security version {claims.tcb.get(part)}, the plan demands {least}"
            )
    if not hmac.compare_digest(claims.binding, binding(nonce, enclave_key)):
        raise _refused("the evidence speaks of another key or another session (a replay?)")
    if claims.measurement.hex() != policy["measurement"]:
        raise _refused(
            f"the enclave measures {claims.measurement.hex()[:16]}…, the plan demands {policy['measurement'][:16]}…"
            + _difference(claims.components, expected)
        )


def _difference(found: Mapping[str, str], expected: Mapping[str, str]) -> str:
    parts = [
        f"{name} is {found.get(name, 'absent')[:24]!r} there and {expected.get(name, 'absent')[:24]!r} here"
        for name in sorted({*found, *expected} if found and expected else ())
        if found.get(name) != expected.get(name)
    ]
    return f" ({'; '.join(parts)})" if parts else ""


def _refused(message: str, help: str | None = None) -> PartyError:
    return PartyError("PPC6008", f"{message}; no key was released", help=help)

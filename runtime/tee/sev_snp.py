"""AMD SEV-SNP attestation reports (AMD publication 56860, "SEV-SNP Firmware ABI", table 23), Milan and Genoa.

Evidence is CBOR {"report": 1184 bytes, "vcek": DER}. The root (PEM) is AMD's ASK and ARK of the product, as its key
server gives them. The chain is ARK -> ASK -> VCEK -> report; the VCEK is bound to the chip and to its firmware
versions (AMD 57230, VCEK certificate extensions). Revocation lists are not consulted.
"""

import datetime as dt
import struct

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ppc.runtime.tee import cbor
from ppc.runtime.tee.attestation import Claims, EvidenceError
from ppc.runtime.tee.certificates import check_chain, load, load_roots

_SIZE, _SIGNED = 1184, 0x2A0
_VERSION, _POLICY, _SIGNATURE_ALGORITHM, _SIGNING_KEY = 0x00, 0x08, 0x34, 0x48
_REPORT_DATA, _MEASUREMENT, _REPORTED_TCB, _FAMILY, _CHIP_ID = 0x50, 0x90, 0x180, 0x188, 0x1A0
_R, _S, _HALF = 0x2A0, 0x2E8, 72
_ECDSA_P384_SHA384 = 1
_POLICY_DEBUG, _POLICY_MIGRATION = 1 << 19, 1 << 18
_TURIN = 0x1A  # CPU family whose TCB has another layout
_OID = "1.3.6.1.4.1.3704.1."
#: Part of the TCB version -> (byte in the report, extension of the VCEK).
_TCB = {"bootloader": (0, "3.1"), "tee": (1, "3.2"), "snp": (6, "3.3"), "microcode": (7, "3.8")}


class SevSnpVerifier:
    """Offline verification of a report signed by a VCEK."""

    def verify(self, evidence: bytes, root: bytes, at: dt.datetime) -> Claims:
        report, vcek = _parse(evidence)
        issuers = load_roots(root)
        if len(issuers) != 2:
            raise EvidenceError(f"the root must hold AMD's ASK and ARK, and it holds {len(issuers)} certificates")
        check_chain(vcek, issuers[:1], issuers[1], at)
        _check_signature(report, vcek)
        _check_chip(report, vcek)
        (policy,) = struct.unpack_from("<Q", report, _POLICY)
        if policy & _POLICY_MIGRATION:
            raise EvidenceError("the guest's policy lets a migration agent export its memory")
        return Claims(
            kind="sev_snp",
            measurement=report[_MEASUREMENT : _MEASUREMENT + 48],
            binding=report[_REPORT_DATA : _REPORT_DATA + 64],
            debug=bool(policy & _POLICY_DEBUG),
            simulated=False,
            tcb={name: report[_REPORTED_TCB + at_byte] for name, (at_byte, _) in _TCB.items()},
        )


def _parse(evidence: bytes) -> tuple[bytes, x509.Certificate]:
    try:
        match cbor.decode(evidence):
            case {"report": bytes() as report, "vcek": bytes() as vcek} if len(report) == _SIZE:
                return report, load(vcek)
    except ValueError as error:
        raise EvidenceError(str(error)) from None
    raise EvidenceError(f"it is not a report of {_SIZE} bytes and a VCEK")


def _check_signature(report: bytes, vcek: x509.Certificate) -> None:
    version, algorithm = (struct.unpack_from("<I", report, at)[0] for at in (_VERSION, _SIGNATURE_ALGORITHM))
    if algorithm != _ECDSA_P384_SHA384:
        raise EvidenceError(f"signature algorithm {algorithm} is not ECDSA P-384")
    if struct.unpack_from("<I", report, _SIGNING_KEY)[0] >> 2 & 7:
        raise EvidenceError("it is not signed by a VCEK")
    if version not in (2, 3, 4, 5) or (version >= 3 and report[_FAMILY] >= _TURIN):
        raise EvidenceError(f"reports of version {version} from this processor family are not known here")
    key = vcek.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise EvidenceError("the VCEK is not a P-384 key")
    r, s = (int.from_bytes(report[at : at + _HALF], "little") for at in (_R, _S))
    try:
        key.verify(encode_dss_signature(r, s), report[:_SIGNED], ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        raise EvidenceError("the report's signature does not verify") from None


def _check_chip(report: bytes, vcek: x509.Certificate) -> None:
    """The VCEK must be the one of this chip at these firmware versions."""
    extensions = {
        e.oid.dotted_string: e.value.value for e in vcek.extensions if isinstance(e.value, x509.UnrecognizedExtension)
    }
    if extensions.get(_OID + "4") != report[_CHIP_ID : _CHIP_ID + 64]:
        raise EvidenceError("the report is from another chip than the VCEK")
    for name, (at, oid) in _TCB.items():
        found, certified = report[_REPORTED_TCB + at], _der_integer(extensions.get(_OID + oid, b""))
        if found != certified:
            raise EvidenceError(f"{name} version {found} is reported and {certified} certified")


def _der_integer(der: bytes) -> int | None:
    ok = len(der) >= 3 and der[0] == 2 and der[1] == len(der) - 2
    return int.from_bytes(der[2:], "big") if ok else None


VERIFIER = SevSnpVerifier()

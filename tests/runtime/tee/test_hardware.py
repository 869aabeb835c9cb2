"""Verifiers of real hardware, on real evidence: what is genuine passes, everything else is refused."""

import base64
import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ppc.runtime.errors import PartyError
from ppc.runtime.tee import attestation, cbor, cose, nitro, sev_snp
from ppc.runtime.tee.attestation import EvidenceError

CORPUS = os.environ.get("PPC_CORPUS")
pytestmark = [
    pytest.mark.skipif(CORPUS is None, reason="PPC_CORPUS names no folder with hardware evidence"),
    pytest.mark.filterwarnings("ignore:Parsed a serial number:cryptography.utils.CryptographyDeprecationWarning"),
]
IN_2023 = dt.datetime(2023, 6, 1, tzinfo=dt.UTC)


def read(name: str) -> bytes:
    return (Path(CORPUS or "") / "attestation" / name).read_bytes()


def snp(report: bytes, vcek: str = "snp/virtee_vcek_milan.der") -> bytes:
    return cbor.encode({"report": report, "vcek": read(vcek)})


def milan() -> bytes:
    return bytes.fromhex(read("snp/virtee_report_milan.hex").decode().strip())


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_genuine_snp_report() -> None:
    claims = sev_snp.VERIFIER.verify(snp(milan()), read("snp/ask_ark_milan.pem"), IN_2023)
    assert not claims.debug and not claims.simulated
    assert claims.measurement == milan()[0x90:0xC0] and claims.binding == milan()[0x50:0x90]


def test_snp_debug_guest_is_seen_and_refused() -> None:
    vcek = x509.load_der_x509_certificate(read("snp/vcek.testcer")).public_bytes(Encoding.DER)
    report = read("snp/attestation.bin")
    evidence = cbor.encode({"report": report, "vcek": vcek})
    policy = {"kind": "sev_snp", "measurement": report[0x90:0xC0].hex()}
    with pytest.raises(PartyError, match=r"PPC6008.*debug"):
        attestation.verify(evidence, policy, read("snp/ask_ark_milan.pem"), b"n" * 32, b"k" * 32, at=IN_2023)


def test_snp_report_of_another_session_is_refused() -> None:
    policy = {"kind": "sev_snp", "measurement": milan()[0x90:0xC0].hex()}
    with pytest.raises(PartyError, match=r"PPC6008.*another session"):
        attestation.verify(snp(milan()), policy, read("snp/ask_ark_milan.pem"), b"n" * 32, b"k" * 32, at=IN_2023)


def test_snp_old_firmware_is_refused() -> None:
    policy = {"kind": "sev_snp", "measurement": "", "min_tcb": {"microcode": 255}}
    with pytest.raises(PartyError, match=r"PPC6008.*microcode.*255"):
        attestation.verify(snp(milan()), policy, read("snp/ask_ark_milan.pem"), b"n" * 32, b"k" * 32, at=IN_2023)


SNP_REFUSED: dict[str, tuple[str, Callable[[], tuple[bytes, bytes, dt.datetime]]]] = {
    **{
        f"bit at {at:#x}": (".", lambda at=at: (snp(flip(milan(), at)), read("snp/ask_ark_milan.pem"), IN_2023))
        for at in (0x08, 0x50, 0x90, 0x180, 0x1A0, 0x2A0, 0x2E8)
    },
    "wrong root": ("issued", lambda: (snp(milan()), read("snp/ask_ark_genoa.pem"), IN_2023)),
    "leaf of another chip": (
        ".",
        lambda: (snp(milan(), "snp/virtee_vcek_turin.der"), read("snp/ask_ark_milan.pem"), IN_2023),
    ),
    "expired": ("valid from", lambda: (snp(milan()), read("snp/ask_ark_milan.pem"), IN_2023.replace(year=2055))),
    "short": ("1184", lambda: (snp(milan()[:-1]), read("snp/ask_ark_milan.pem"), IN_2023)),
    "garbage": ("CBOR", lambda: (b"\xff" * 99, read("snp/ask_ark_milan.pem"), IN_2023)),
    "empty root": ("PEM", lambda: (snp(milan()), b"", IN_2023)),
}


@pytest.mark.parametrize("case", SNP_REFUSED)
def test_snp_refused(case: str) -> None:
    reason, make = SNP_REFUSED[case]
    with pytest.raises(EvidenceError, match=reason):
        sev_snp.VERIFIER.verify(*make())


def document(name: str) -> bytes:
    return base64.b64decode(read(name)) if name.endswith("b64") else read(name)


def made_at(doc: bytes) -> dt.datetime:
    return dt.datetime.fromtimestamp(cbor.decode(cose.parse(doc)[1])["timestamp"] / 1000, dt.UTC)


@pytest.mark.parametrize(
    ("name", "debug"), [("nitro/doc_beta.bin", False), ("nitro/doc_debug.bin", True), ("nitro/doc_ga.b64", True)]
)
def test_genuine_nitro_documents(name: str, debug: bool) -> None:
    doc = document(name)
    claims = nitro.VERIFIER.verify(doc, read("nitro/aws_nitro_root.pem"), made_at(doc))
    assert claims.debug is debug and not claims.simulated and len(claims.measurement) == 48


def test_nitro_refused() -> None:
    doc, root = document("nitro/doc_beta.bin"), read("nitro/aws_nitro_root.pem")
    for at in (40, 400, len(doc) // 2, len(doc) - 1):
        with pytest.raises(EvidenceError):
            nitro.VERIFIER.verify(flip(doc, at), root, made_at(doc))
    with pytest.raises(EvidenceError, match="valid from"):
        nitro.VERIFIER.verify(doc, root, made_at(doc) + dt.timedelta(hours=4))
    other = x509.load_pem_x509_certificates(read("snp/ask_ark_milan.pem"))[1].public_bytes(Encoding.PEM)
    with pytest.raises(EvidenceError, match="root that this party trusts"):
        nitro.VERIFIER.verify(doc, other, made_at(doc))
    for end in (0, 1, 100, len(doc) - 1):
        with pytest.raises(EvidenceError):
            nitro.VERIFIER.verify(doc[:end], root, made_at(doc))

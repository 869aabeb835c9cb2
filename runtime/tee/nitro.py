"""AWS Nitro Enclaves attestation documents (COSE_Sign1 over CBOR; aws-nitro-enclaves-nsm-api, attestation_process.md).

The root (PEM) is AWS's published root certificate. The measurement is PCR0, over the enclave's image; the enclave
puts its binding into `user_data`. A document's certificate lives three hours. Revocation lists are not consulted.
"""

import datetime as dt
from typing import Any

from ppc.runtime.tee import cbor, cose
from ppc.runtime.tee.attestation import Claims, EvidenceError
from ppc.runtime.tee.certificates import check_chain, load, load_roots

_PCR_BYTES = 48


class NitroVerifier:
    """Offline verification of an attestation document."""

    def verify(self, evidence: bytes, root: bytes, at: dt.datetime) -> Claims:
        roots = load_roots(root)
        if len(roots) != 1:
            raise EvidenceError(f"the root must be AWS's one certificate, and it holds {len(roots)}")
        try:
            document = cbor.decode(cose.parse(evidence)[1])
        except ValueError as error:
            raise EvidenceError(str(error)) from None
        pcr0, leaf, bundle = _fields(document)
        certificate, issuers = load(leaf), [load(c) for c in bundle]
        if issuers[0] != roots[0]:
            raise EvidenceError("its chain does not end in the root that this party trusts")
        check_chain(certificate, issuers[:0:-1], roots[0], at)
        try:
            cose.verify(evidence, certificate.public_key())
        except ValueError as error:
            raise EvidenceError(str(error)) from None
        binding = document.get("user_data")
        return Claims(
            kind="nitro",
            measurement=pcr0,
            binding=binding if isinstance(binding, bytes) else b"",
            debug=not any(pcr0),  # the hypervisor zeroes the PCRs of a debug enclave
            simulated=False,
        )


def _fields(document: Any) -> tuple[bytes, bytes, list[bytes]]:
    """(PCR0, leaf, bundle from the root down) of a decoded document, whose signature is not yet verified."""
    match document:
        case {
            "digest": "SHA384",
            "pcrs": {0: bytes() as pcr0},
            "certificate": bytes() as leaf,
            "cabundle": [*bundle],
        } if bundle and len(pcr0) == _PCR_BYTES and all(isinstance(c, bytes) for c in bundle):
            return pcr0, leaf, bundle
    raise EvidenceError("it is not a Nitro attestation document")


VERIFIER = NitroVerifier()

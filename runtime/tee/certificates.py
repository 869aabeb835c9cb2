"""Certificate chains of hardware vendors: a leaf, its issuers, a root that is pinned by the verifier."""

import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ppc.runtime.tee.attestation import EvidenceError


def load(der: bytes) -> x509.Certificate:
    """A certificate of the evidence (hostile). Raises EvidenceError."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise EvidenceError("a certificate in it cannot be read") from None


def load_roots(pem: bytes) -> list[x509.Certificate]:
    """The vendor's certificates that this party trusts. Raises EvidenceError."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise EvidenceError("the root of trust given to this party holds no certificate in PEM form") from None


def check_chain(
    leaf: x509.Certificate, issuers: Sequence[x509.Certificate], root: x509.Certificate, at: dt.datetime
) -> None:
    """`issuers` go from the leaf's side to the root's; all must be valid at `at`. Raises EvidenceError."""
    chain = [leaf, *issuers, root]
    for depth, (certificate, issuer) in enumerate(zip(chain, [*chain[1:], root], strict=True)):
        name = certificate.subject.rfc4514_string()
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise EvidenceError(
                f"certificate {name!r} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to "
                f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M}, not at {at:%Y-%m-%d %H:%M} UTC"
            )
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise EvidenceError(f"certificate {name!r} was not issued by the next of its chain") from None
        if depth:
            _check_authority(certificate, name, below=depth - 1)


def _check_authority(certificate: x509.Certificate, name: str, below: int) -> None:
    """A certificate that issued another must be allowed to, with `below` authorities between it and the leaf."""
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        raise EvidenceError(f"certificate {name!r} is not one of an authority") from None
    if not basic.ca or not usage.key_cert_sign:
        raise EvidenceError(f"certificate {name!r} is not one of an authority")
    if basic.path_length is not None and basic.path_length < below:
        raise EvidenceError(f"certificate {name!r} may not have {below} authorities below it")

"""TLS 1.3 with certificates on both sides (RFC 8446), under the deployment's own authority and no other."""

import socket
import ssl

from ppc.runtime.errors import PartyError
from ppc.runtime.keys import PartyKeys

#: What OpenSSL's verification codes mean to the person who reads the error (X509_V_ERR_*).
_WHY = {
    9: "its certificate is not valid yet (is a clock wrong?)",
    10: "its certificate has expired",
    18: "its certificate is self-signed, not from this deployment's authority",
    19: "its certificate is from another deployment's authority",
    20: "its certificate is from another deployment's authority",
    21: "its certificate is from another deployment's authority",
    62: "its certificate names another party",
}

#: A dead host is noticed after idle + interval * count seconds even where no FIN or RST can reach us.
_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}


def listening_context(keys: PartyKeys) -> ssl.SSLContext:
    """Of the side that accepts connections."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, keys)
    context.num_tickets = 0  # sessions are never resumed
    return context


def connecting_context(keys: PartyKeys) -> ssl.SSLContext:
    """Of the side that connects; the peer's name is given as `server_hostname`."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, keys)
    context.check_hostname = True
    return context


def _context(protocol: int, keys: PartyKeys) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(keys.ca)
        # a callable: a str or None would let OpenSSL ask at the terminal where the key is encrypted
        context.load_cert_chain(keys.cert, keys.key, password=lambda: keys.passphrase or b"")
    except (ssl.SSLError, OSError) as e:
        raise PartyError("PPC6011", f"the keys of {keys.party!r} cannot be used: {e.strerror or e}") from None
    return context


def peer_name(connection: ssl.SSLSocket) -> str:
    """The party that the peer's certificate names. The handshake has verified the certificate itself."""
    certificate = connection.getpeercert() or {}
    names = certificate.get("subjectAltName", ())
    if len(names) != 1 or names[0][0] != "DNS":
        raise PartyError("PPC6011", "the peer's certificate does not name exactly one party")
    return str(names[0][1])


def explain(error: ssl.SSLError, peer: str) -> str:
    """One clause that says why a handshake with `peer` failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _WHY.get(error.verify_code, f"its certificate was refused: {error.verify_message}")
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "alert" in reason:
        return f"{peer} refused our certificate ({reason})"
    return f"TLS failed ({reason})"


def tune(sock: socket.socket) -> None:
    """No delay for small frames; notice dead hosts."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in _KEEPALIVE.items():
        if hasattr(socket, option):  # names differ between systems
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)

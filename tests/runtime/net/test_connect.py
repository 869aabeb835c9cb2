"""Who may connect, and what happens to everyone else."""

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ppc.runtime import keys
from ppc.runtime.errors import PartyError
from ppc.runtime.net.address import parse_address, parse_peer, show
from ppc.runtime.net.connect import close_all, connect_all, listens, peers_of

PARTIES = ["client", "server", "dealer", "enclave"]


def good(pair):
    """Both sides of a connection work; closes them."""
    s, c = pair
    assert isinstance(s, dict) and isinstance(c, dict), (s, c)
    s["client"].send("t", np.ones(1))
    assert c["server"].receive("t", ("f8", (1,)))[0][0] == 1
    close_all(s), close_all(c)


def forge(folder, party, since, until, authority=None, name=None):
    """Keys of a party that the deployment's own `make_keys` would not make."""
    authority = authority or keys.new_authority(datetime.now(UTC) + timedelta(days=1), datetime(2020, 1, 1, tzinfo=UTC))
    key, cert = keys.issue(authority, name or party, until, since)
    keys._write(folder / party, "key.pem", keys._private(key, None))
    keys._write(folder / party, "cert.pem", cert.public_bytes(serialization.Encoding.PEM))
    keys._write(folder / party, "ca.pem", authority.cert.public_bytes(serialization.Encoding.PEM))
    home = folder / party
    return keys.PartyKeys(party, home / "key.pem", home / "cert.pem", home / "ca.pem"), authority


def test_the_order_of_listening():
    assert [listens(a, b) for a, b in (("client", "server"), ("dealer", "client"), ("enclave", "dealer"))] == [
        "server",
        "dealer",
        "dealer",
    ]
    assert peers_of("enclave", PARTIES, None) == (["client"], ["server", "dealer"])
    assert peers_of("dealer", PARTIES, [("client", "server")]) == ([], [])
    assert all(listens("a", b) == "a" for b in ("b", "client")) and listens("a", "enclave") == "enclave"


def test_four_parties_connect_in_any_order_of_starting(folder, both):
    with socket.socket() as a, socket.socket() as b, socket.socket() as c:
        for s in (a, b, c):
            s.bind(("127.0.0.1", 0))
        addresses = dict(zip(("server", "dealer", "enclave"), (x.getsockname() for x in (a, b, c)), strict=True))

    def party(role, delay):
        time.sleep(delay)
        channels = connect_all(role, addresses, PARTIES, keys.load(folder, role), "ab" * 32, 10)
        for channel in channels.values():
            channel.send("hi", np.array([PARTIES.index(role)]))
        heard = {peer: int(channels[peer].receive("hi", ("i8", (1,)))[0][0]) for peer in channels}
        close_all(channels)
        return heard

    results = both(*(lambda r=r, d=d: party(r, d) for r, d in zip(PARTIES, (0, 0.3, 0.15, 0.05), strict=True)))
    for role, heard in zip(PARTIES, results, strict=True):
        assert heard == {p: PARTIES.index(p) for p in PARTIES if p != role}


def test_only_the_pairs_that_the_plan_needs(folder, port, both):
    def party(role):
        return connect_all(
            role,
            {"server": ("127.0.0.1", port)},
            PARTIES,
            keys.load(folder, role),
            "ab" * 32,
            5,
            pairs=[("client", "server")],
        )

    s, c, d = both(*(lambda r=r: party(r) for r in ("server", "client", "dealer")))
    assert set(s) == {"client"} and set(c) == {"server"} and d == {}
    good((s, c))


def test_another_plan_is_refused_on_both_sides(join, both):
    s, c = both(lambda: join("server"), lambda: join("client", plan_hash="cd" * 32))
    for error in (s, c):
        assert isinstance(error, PartyError) and error.code == "PPC6003" and "another plan" in str(error)
        assert "abababab" in str(error) and "cdcdcdcd" in str(error)


def test_strangers_do_not_stop_the_listener(folder, port, join, both):
    def strangers():
        time.sleep(0.2)
        silent = socket.create_connection(("127.0.0.1", port))  # says nothing, until the end
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(b"\x16\x03\x01\xff\xff" + b"\xff" * 500)
        anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anonymous.check_hostname, anonymous.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", port)) as s,
            pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"),
            anonymous.wrap_socket(s) as t,
        ):
            t.recv(1)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("127.0.0.1", port)) as s, pytest.raises(ssl.SSLError):
            old.wrap_socket(s)
        # a party of the deployment that is not expected here
        with pytest.raises(PartyError, match="did not expect"):
            join("dealer", parties=["dealer", "server"], keys=keys.load(folder, "dealer"))
        # half of the client's two connections, then it dies
        me = keys.load(folder, "client")
        from ppc.runtime.net import connect, hello, tls

        half = connect._connect(tls.connecting_context(me), "server", ("127.0.0.1", port), time.monotonic() + 5)
        connect._introduce(
            half, "server", ("127.0.0.1", port), hello.Direction.TO_LISTENER, bytes.fromhex("ab" * 32), bytes(16)
        )
        half.close()
        client = join("client")
        silent.close()
        return client

    good(both(lambda: join("server"), strangers))


def test_no_older_tls_not_even_with_good_keys(folder, port, join, both):
    from ppc.runtime.net import tls

    def old():
        context = tls.connecting_context(keys.load(folder, "client"))
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", port)) as s, pytest.raises(ssl.SSLError, match=r"(?i)version"):
            context.wrap_socket(s, server_hostname="server")
        return join("client")

    good(both(lambda: join("server"), old))


def test_wrong_authority(tmp_path, join, both):
    """Another deployment's client: told at once; the server goes on waiting and says whom it sent away."""
    keys.make_keys(tmp_path / "other", ["client"])
    s, c = both(
        lambda: join("server", timeout=1.0), lambda: join("client", keys=keys.load(tmp_path / "other", "client"))
    )
    assert c.code == "PPC6011" and "another deployment's authority" in str(c)
    assert s.code == "PPC6001" and "client did not connect" in str(s) and "sent away" in str(s)


def test_the_listener_judges_the_authority_of_a_client_too(tmp_path, folder, join, both):
    """A client that trusts our server but has a certificate from elsewhere."""
    since, until = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
    mixed, _ = forge(tmp_path, "client", since, until)
    mixed.ca.write_bytes((folder / "client" / "ca.pem").read_bytes())
    s, c = both(lambda: join("server", timeout=1.0), lambda: join("client", keys=mixed))
    assert c.code == "PPC6011" and "refused our certificate" in str(c)
    assert s.code == "PPC6001"


@pytest.mark.parametrize(("since", "until"), [(-20, -10), (10, 20)], ids=["expired", "not yet valid"])
@pytest.mark.parametrize("whose", ["server", "client"])
def test_certificates_out_of_their_time(tmp_path, join, both, whose, since, until):
    now = datetime.now(UTC)
    bad, authority = forge(tmp_path, whose, now + timedelta(days=since), now + timedelta(days=until))
    other = "client" if whose == "server" else "server"
    fine, _ = forge(tmp_path, other, now - timedelta(days=1), now + timedelta(days=1), authority)
    use = {whose: bad, other: fine}
    s, c = both(lambda: join("server", keys=use["server"], timeout=1.0), lambda: join("client", keys=use["client"]))
    assert c.code == "PPC6011" and s.code == "PPC6001"
    if whose == "server":
        assert ("expired" if since < 0 else "not valid yet") in str(c)
    else:
        assert ("expired" if since < 0 else "not valid yet") in str(s)


def odd_certificate(folder, authority, names, strict):
    """A client's certificate, signed by the right authority, that this project's `keys.issue` would never make."""
    key = ec.generate_private_key(ec.SECP256R1())
    until = datetime.now(UTC) + timedelta(days=1)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    builder = keys._builder(subject, authority.cert.subject, key.public_key(), None, until)
    builder = builder.serial_number(1).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
    )
    if strict:
        issuer = authority.cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)
        builder = builder.add_extension(aki, critical=False)
    cert = builder.sign(authority.key, hashes.SHA256())
    home = folder / "client"
    keys._write(home, "key.pem", keys._private(key, None))
    keys._write(home, "cert.pem", cert.public_bytes(serialization.Encoding.PEM))
    keys._write(home, "ca.pem", authority.cert.public_bytes(serialization.Encoding.PEM))
    return keys.PartyKeys("client", home / "key.pem", home / "cert.pem", home / "ca.pem")


@pytest.mark.parametrize(
    ("names", "strict", "code"),
    [(["client"], True, None), (["client"], False, "PPC6011"), (["client", "dealer"], True, "PPC6001")],
    ids=["right", "against RFC 5280", "two names"],
)
def test_certificates_that_the_authority_should_not_have_signed(tmp_path, join, both, names, strict, code):
    now = datetime.now(UTC)
    server, authority = forge(tmp_path, "server", now - timedelta(days=1), now + timedelta(days=1))
    odd = odd_certificate(tmp_path, authority, names, strict)
    s, c = both(lambda: join("server", keys=server, timeout=1.0), lambda: join("client", keys=odd, timeout=0.8))
    if code is None:
        good((s, c))
    else:
        assert s.code == "PPC6001" and "client did not connect" in str(s) and c.code == code


def test_a_party_cannot_pose_as_another(folder, port, both):
    """The dealer, with its own good certificate, listens where the client looks for the server."""

    def posing():
        return connect_all(
            "server",
            {"server": ("127.0.0.1", port)},
            ["client", "server"],
            keys.load(folder, "dealer"),
            "ab" * 32,
            1.0,
        )

    def client():
        return connect_all(
            "client", {"server": ("127.0.0.1", port)}, ["client", "server"], keys.load(folder, "client"), "ab" * 32, 5
        )

    s, c = both(posing, client)
    assert c.code == "PPC6011" and "names another party" in str(c)
    assert s.code == "PPC6001"


def test_taken_port(join, port):
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
        s.listen()
        with pytest.raises(PartyError) as e:
            join("server")
    assert e.value.code == "PPC6004" and f"127.0.0.1:{port}" in str(e.value) and "another port" in str(e.value)


def test_the_port_is_free_again_at_once(join):
    for _ in range(3):
        with pytest.raises(PartyError) as e:
            join("server", timeout=0.05)
        assert e.value.code == "PPC6001"


def test_nobody_listens(join, port):
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        join("client", timeout=0.6)
    assert e.value.code == "PPC6001" and f"127.0.0.1:{port}" in str(e.value) and "start server" in str(e.value)
    assert 0.3 < time.monotonic() - start < 3


def test_another_program_listens(join, port):
    with socket.socket() as s:
        s.bind(("127.0.0.1", port))
        s.listen()
        s.settimeout(5)
        import threading

        def answer():
            connection, _ = s.accept()
            connection.sendall(b"220 mail.example ESMTP\r\n" * 10)
            connection.recv(10)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(PartyError) as e:
            join("client", timeout=3)
    assert e.value.code == "PPC6011" and "right port" in str(e.value)


def test_missing_addresses(folder):
    with pytest.raises(PartyError) as e:
        connect_all("client", {}, ["client", "server"], keys.load(folder, "client"), "ab" * 32, 1)
    assert e.value.code == "PPC6001" and "--connect server=host:port" in str(e.value)
    with pytest.raises(PartyError) as e:
        connect_all("server", {}, ["client", "server"], keys.load(folder, "server"), "ab" * 32, 1)
    assert e.value.code == "PPC6004" and "--listen" in str(e.value)


def test_addresses():
    assert parse_address("10.0.0.7:7001") == ("10.0.0.7", 7001)
    assert parse_address("[::1]:80") == ("::1", 80) and show(("::1", 80)) == "[::1]:80"
    assert parse_peer("server=h:7001") == ("server", ("h", 7001))
    for bad in ("host", "host:", ":1", "host:70000", "host:x", "host:0"):
        with pytest.raises(PartyError):
            parse_address(bad)


@pytest.mark.parametrize("text", ["zz" * 32, "ab", "sha256:"])
def test_a_plan_hash_that_is_none(text, folder):
    with pytest.raises(PartyError) as e:
        connect_all("client", {}, ["client"], keys.load(folder, "client"), text, 1)
    assert e.value.code == "PPC6006"


def test_another_plan_is_told_while_a_third_party_is_missing(folder, both):
    """The dealer waits for a server that never comes; a client with another plan is news worth ending for."""
    with socket.socket() as a, socket.socket() as b:
        a.bind(("127.0.0.1", 0)), b.bind(("127.0.0.1", 0))
        addresses = {"server": a.getsockname(), "dealer": b.getsockname()}

    def party(role, plan, pairs):
        return connect_all(role, addresses, PARTIES, keys.load(folder, role), plan, 10, pairs=pairs)

    start = time.monotonic()
    d, c = both(
        lambda: party("dealer", "ab" * 32, [("dealer", "server"), ("dealer", "client")]),
        lambda: party("client", "cd" * 32, [("dealer", "client")]),
    )
    assert d.code == c.code == "PPC6003" and time.monotonic() - start < 5


def test_a_half_of_an_earlier_attempt_is_dropped(folder, port, join, both):
    """A client that died between its two connections, and was started again."""
    from ppc.runtime.net import connect, hello, tls
    from ppc.runtime.net.listen import Listener

    plan, address = bytes.fromhex("ab" * 32), ("127.0.0.1", port)
    with Listener(address, ["client"], keys.load(folder, "server"), plan) as listener:
        context = tls.connecting_context(keys.load(folder, "client"))
        for i in range(5):
            half = connect._connect(context, "server", address, time.monotonic() + 5)
            connect._introduce(half, "server", address, hello.Direction.TO_LISTENER, plan, bytes([i]) * 16)
            half.close()
        pair = connect._connect_pair(context, "server", address, plan, time.monotonic() + 5)
        for connection in (*pair, *listener.wait(5)["client"]):
            connection.close()
        assert not listener._halves

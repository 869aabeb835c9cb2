"""Messages that are bad: refused before anything is allocated, and both sides end with the same error."""

import struct
import time
import tracemalloc

import numpy as np
import pytest

from ppc.runtime import keys
from ppc.runtime.errors import PartyError
from ppc.runtime.net import connect, frame, tls
from ppc.runtime.net.frame import Kind, RelayedError
from ppc.runtime.net.listen import Listener

PLAN = bytes.fromhex("ab" * 32)


def code(error):
    return error.code if isinstance(error, PartyError) else error


def refusal(pair, send, receive):
    """What the receiver and then the sender get to hear."""
    s, c = pair
    send(c)
    with pytest.raises(PartyError) as here:
        receive(s)
    with pytest.raises(PartyError) as there:
        c.receive("next", ("f8", (1,)))
    assert code(here.value) == code(there.value) == "PPC6003"
    assert isinstance(there.value, RelayedError) and there.value.origin == "server"
    assert here.value.message in str(there.value)
    with pytest.raises(PartyError) as again:
        s.send("more", np.zeros(1))
    assert again.value is here.value
    return str(here.value)


def test_wrong_tag(pair):
    text = refusal(pair, lambda c: c.send("0.4", np.zeros(2)), lambda s: s.receive("0.5", ("f8", (2,))))
    assert "client sent float64[2] (0.4) where float64[2] (0.5) was due" in text


def test_wrong_shape(pair):
    text = refusal(pair, lambda c: c.send("t", np.zeros((3, 4))), lambda s: s.receive("t", ("f8", (4, 3))))
    assert "float64[3x4] (t) where float64[4x3] (t)" in text


def test_wrong_dtype(pair):
    refusal(pair, lambda c: c.send("t", np.zeros(4, "f4")), lambda s: s.receive("t", ("i4", (4,))))


def test_wrong_number_of_arrays(pair):
    refusal(pair, lambda c: c.send("t", *[np.zeros(1)] * 9), lambda s: s.receive("t", ("f8", (1,))))


def test_blob_where_an_array_is_due(pair):
    text = refusal(pair, lambda c: c.send_bytes("t", b"12345678"), lambda s: s.receive("t", ("f8", (1,))))
    assert "a blob of 8 bytes (t) where float64[1] (t)" in text


def test_array_where_a_blob_is_due(pair):
    refusal(pair, lambda c: c.send("t", np.zeros(1)), lambda s: s.receive_bytes("t", 100))


def test_blob_above_its_limit(pair):
    text = refusal(pair, lambda c: c.send_bytes("t", b"1" * 101), lambda s: s.receive_bytes("t", 100))
    assert "101 bytes" in text and "100 bytes" in text


def raw(tag, specs, *, sequence=0, length=None, plan=PLAN, kind=Kind.ARRAYS, payload=b""):
    description = frame.describe(tag, specs)
    n = frame.size(specs) if length is None else length
    return frame.pack_header(kind, plan, sequence, len(description), n) + description + payload


HOSTILE = {
    "other plan": raw("t", [("f8", (1,))], plan=bytes(32), payload=bytes(8)),
    "sequence from the future": raw("t", [("f8", (1,))], sequence=1, payload=bytes(8)),
    "length that is not that of the arrays": raw("t", [("f8", (1,))], length=2**40),
    "length below that of the arrays": raw("t", [("f8", (1,))], length=7, payload=bytes(7)),
    "huge shape": raw("t", [("f8", (2**40,))]),
    "rank 255": frame.pack_header(Kind.ARRAYS, PLAN, 0, 9, 8) + struct.pack("<H1sHBB", 1, b"t", 1, 11, 255) + bytes(2),
    "unknown dtype": frame.pack_header(Kind.ARRAYS, PLAN, 0, 7, 8) + struct.pack("<H1sHBB", 1, b"t", 1, 99, 0),
    "empty description": frame.pack_header(Kind.ARRAYS, PLAN, 0, 0, 8),
    "longest description": frame.pack_header(Kind.ARRAYS, PLAN, 0, 65535, 8) + b"\xff" * 65535,
    "not a frame": b"GET / HTTP/1.1\r\nHost: server\r\nAccept: */*\r\n\r\n",
    "unknown kind": struct.pack("<4sBBH16sQQ", b"PPCF", frame.VERSION, 77, 0, PLAN[:16], 0, 0),
    "a sign of life with something in it": frame.pack_header(Kind.ALIVE, PLAN, frame.NO_SEQUENCE, 0, 2**40),
    "a sign of life with a number": frame.pack_header(Kind.ALIVE, PLAN, 0, 0, 0),
    "another version": struct.pack("<4sBBH16sQQ", b"PPCF", 9, 1, 0, PLAN[:16], 0, 0),
}


@pytest.fixture
def liar(pair):
    """The server's channel, and the raw connection on which its client may say anything."""
    s, c = pair
    connection = c._sender._connection
    c._sender.waiting = True  # it says nothing by itself
    connection.settimeout(5)
    return s, c, connection


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_frames_are_refused_without_allocation(liar, what):
    s, c, connection = liar
    connection.sendall(HOSTILE[what])
    tracemalloc.start()
    try:
        with pytest.raises(PartyError) as here:
            s.receive("t", ("f8", (1,)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert code(here.value) == "PPC6003" and peak < 1 << 20
    with pytest.raises(RelayedError):
        c.receive("t", ("f8", (1,)))


def test_a_replayed_frame_is_refused(liar):
    s, _, connection = liar
    good = raw("t", [("f8", (1,))], payload=bytes(8))
    connection.sendall(good + good)
    s.receive("t", ("f8", (1,)))
    with pytest.raises(PartyError, match="message number 0 where 1 was due"):
        s.receive("t", ("f8", (1,)))


def test_a_truncated_frame_is_a_peer_that_is_gone(liar):
    s, c, connection = liar
    connection.sendall(raw("t", [("f8", (100,))], payload=bytes(50)))
    c._sender.close()
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        s.receive("t", ("f8", (100,)))
    assert code(e.value) == "PPC6001" and time.monotonic() - start < 1


def test_a_peer_that_trickles_is_slow(liar):
    s, _, connection = liar
    s.timeout = 0.3
    connection.sendall(raw("t", [("f8", (100,))], payload=bytes(50)))
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        for _ in range(100):
            connection.sendall(b"x")
            s.receive("t", ("f8", (100,)))
    assert code(e.value) == "PPC6002" and time.monotonic() - start < 2


def test_a_hostile_error_report_cannot_write_to_the_terminal(liar):
    s, _, connection = liar
    payload = b"cli\x1b[2Jent\nPPC9999\n\x1b]0;owned\x07 bad\nerror[PPC0000]: forged"
    connection.sendall(frame.pack_header(Kind.ERROR, PLAN, frame.NO_SEQUENCE, 0, len(payload)) + payload)
    with pytest.raises(PartyError) as e:
        s.receive("t", ("f8", (1,)))
    text = str(e.value)
    assert code(e.value) == "PPC6003" and "\x1b" not in text and "\x07" not in text and "\n" not in text


def test_an_endless_error_report_is_not_read(liar):
    s, _, connection = liar
    connection.sendall(frame.pack_header(Kind.ERROR, PLAN, frame.NO_SEQUENCE, 0, 2**50))
    with pytest.raises(PartyError, match="too long"):
        s.receive("t", ("f8", (1,)))


def test_an_error_reaches_a_peer_that_is_sending(pair, both):
    """The receiver refuses the first frame of many; the sender must hear why, not that a pipe broke."""
    s, c = pair
    big = np.zeros(4 << 20)

    def send():
        for _ in range(4):
            c.send("wrong", big)
        c.flush()

    def receive():
        try:
            s.receive("right", ("f8", (1,)))
        except PartyError as e:
            s.abort(e)
            raise

    there, here = both(send, receive)
    assert code(here) == code(there) == "PPC6003" and isinstance(there, RelayedError)


def test_abort_carries_the_error_of_a_third_party(pair):
    s, c = pair
    s.abort(RelayedError("enclave", "PPC6008", "the measurement differs"))
    with pytest.raises(RelayedError, match="enclave stopped: the measurement differs") as e:
        c.receive("t", ("f8", (1,)))
    assert code(e.value) == "PPC6008" and e.value.origin == "enclave"


def test_a_second_pair_of_connections_is_not_taken(folder, port):
    """A party that is connected already cannot be replaced under its peers' feet."""
    me = keys.load(folder, "client")
    with Listener(("127.0.0.1", port), ["client"], keys.load(folder, "server"), PLAN) as listener:
        context = tls.connecting_context(me)
        first = connect._connect_pair(context, "server", ("127.0.0.1", port), PLAN, time.monotonic() + 5)
        with pytest.raises(PartyError) as e:
            connect._connect_pair(context, "server", ("127.0.0.1", port), PLAN, time.monotonic() + 5)
        assert code(e.value) == "PPC6003"
        second = listener.wait(5)
        assert list(second) == ["client"]
    for connection in (*first, *second["client"]):
        connection.close()


def test_arrays_of_a_failed_exchange_do_not_leave_later(pair):
    """After the error the caller may write other data into its array; none of it may still be on its way."""
    s, c = pair
    mine = np.zeros(16 << 20)
    c.send_bytes("other", b"")
    with pytest.raises(PartyError):
        s.exchange("t", mine)
    mine[:] = 1.0
    got = bytearray()
    c._receiver.timeout = 2
    while chunk := c._receiver._connection.recv(1 << 16):
        got += chunk
    assert 0 < len(got) < mine.nbytes and np.float64(1.0).tobytes() not in got


def test_keys_of_a_connection_wear_out(pair, monkeypatch):
    monkeypatch.setattr("ppc.runtime.net.socket_channel.LIFETIME", 10_000)
    s, c = pair
    s.send("t", np.zeros(1000))
    with pytest.raises(PartyError, match="keys are good for"):
        s.send("t", np.zeros(1000))
    c.receive("t", ("f8", (1000,)))
    with pytest.raises(RelayedError):
        c.receive("t", ("f8", (1000,)))

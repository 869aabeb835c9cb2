"""A time limit means silence: a peer that computes for long gives signs of life, one that hangs does not."""

import time

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.net import frame, sender, socket_channel
from ppc.runtime.net.frame import Kind

PLAN = bytes.fromhex("ab" * 32)


def test_a_peer_that_computes_for_longer_than_the_limit_is_waited_for(pair, both):
    s, c = pair
    s.timeout = c.timeout = 2.0

    def compute():
        until, x = time.monotonic() + 4.5, np.ones(1000)
        while time.monotonic() < until:
            x = x * 1.0
        c.send("1.1", x)

    got, _ = both(lambda: s.receive("1.1", ("f8", (1000,))), compute)
    assert isinstance(got, tuple) and s.rounds == 1, got


def test_two_that_wait_for_each_other_both_notice(pair, both):
    s, c = pair
    s.timeout = c.timeout = 0.5
    start = time.monotonic()
    found = both(lambda: s.receive("1.1", ("f8", (1,))), lambda: c.receive("1.1", ("f8", (1,))))
    assert all(isinstance(e, PartyError) and e.code == "PPC6002" for e in found), found
    assert time.monotonic() - start < 10


def test_a_peer_that_only_lives_is_not_waited_for_for_ever(pair, monkeypatch):
    s, _ = pair
    monkeypatch.setattr(socket_channel, "LONGEST_STEP", 1.5)
    with pytest.raises(PartyError, match="lives, but") as e:
        s.receive("1.1", ("f8", (1,)))
    assert e.value.code == "PPC6002"


def test_signs_of_life_do_not_come_between_the_parts_of_a_message(pair, both, monkeypatch):
    s, c = pair
    monkeypatch.setattr(sender, "PULSE", 0.001)
    arrays = [np.full((1 << 16,), i, np.uint64) for i in range(40)]

    def send():
        for i, a in enumerate(arrays):
            c.send(f"1.{i}", a, a[:3])
            time.sleep(0.01)
        c.flush()

    def receive():
        for i, a in enumerate(arrays):
            big, small = s.receive(f"1.{i}", ("u8", a.shape), ("u8", (3,)))
            np.testing.assert_array_equal(big, a)
            np.testing.assert_array_equal(small, a[:3])
        return True

    assert both(receive, send) == [True, None]


def test_a_peer_that_reads_nothing_is_not_flooded(pair):
    """Signs of life stop where the kernel has no room for them; they do not break the connection."""
    s, c = pair
    end = c._sender
    with end._changed:  # its thread waits meanwhile
        written = 0
        while written < 1 << 14 and not end._queue:
            end._beat()
            written += 1
    assert end._failed is None
    c.send("1.1", np.ones(1))
    np.testing.assert_array_equal(s.receive("1.1", ("f8", (1,)))[0], np.ones(1))


@pytest.fixture
def ended(pair, monkeypatch):
    """A channel to a peer that has hung up, after a sign of life found nobody there."""
    monkeypatch.setattr(sender, "PULSE", 0.01)
    s, c = pair
    c.close()
    end = time.monotonic() + 10
    while not s._sender.ended and time.monotonic() < end:
        with s._sender._changed:  # wakes its thread, which waits by the pulse of before
            s._sender._changed.notify_all()
        time.sleep(0.05)
    assert s._sender.ended
    return s


def test_a_peer_that_has_ended_is_no_error(ended):
    """The dealer hangs up when it has dealt; the others go on for hours, and close without complaint."""
    ended.close()


def test_a_peer_that_has_ended_is_an_error_where_something_is_due_to_it(ended):
    with pytest.raises(PartyError) as e:
        ended.send("1.2", np.ones(1))
        ended.flush()
    assert e.value.code == "PPC6001"


def test_a_peer_that_has_ended_is_an_error_for_who_asks(ended):
    with pytest.raises(PartyError, match="client is gone") as e:
        ended.check()
    assert e.value.code == "PPC6001"


def test_a_peer_that_is_there_passes_the_check(pair):
    s, c = pair
    s.check()
    c.send("1.1", np.ones(1))
    s.receive("1.1", ("f8", (1,)))


def test_the_header_of_a_sign_of_life():
    raw = frame.pack_header(Kind.ALIVE, PLAN, frame.NO_SEQUENCE, 0, 0)
    assert frame.parse_header(raw, PLAN, 7, "client").kind == Kind.ALIVE

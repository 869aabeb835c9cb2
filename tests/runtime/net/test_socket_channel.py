"""Messages that are good: they arrive as they were sent, at once in both directions, in any size."""

import time

import numpy as np
import pytest

DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


def arrays():
    rng = np.random.default_rng(1)
    plain = [rng.integers(0, 2, (3, 2)).astype(d) for d in DTYPES]
    return [*plain, np.float64(1.5).reshape(()), np.zeros((0, 4), np.int64), rng.normal(size=(2, 3, 4)).T]


def test_arrays_of_every_type_arrive_as_they_were_sent(pair):
    s, c = pair
    sent = arrays()
    s.send("0.1", *sent)
    got = c.receive("0.1", *((a.dtype, a.shape) for a in sent))
    for a, b in zip(sent, got, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)


def test_big_endian_arrives_with_the_same_values(pair):
    s, c = pair
    s.send("t", np.arange(5, dtype=">i4"))
    (got,) = c.receive("t", ("<i4", (5,)))
    assert got.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [8, 5000, 65536, 64 << 20])
def test_exchange_does_not_deadlock_whatever_the_size(pair, both, size):
    s, c = pair
    a, b = np.arange(size // 8), -np.arange(size // 8)
    got_s, got_c = both(lambda: s.exchange("x", a), lambda: c.exchange("x", b))
    assert np.array_equal(got_s[0], b) and np.array_equal(got_c[0], a)


def test_both_send_much_before_either_receives(pair, both):
    big = np.arange(4 << 20)

    def party(end):
        for i in range(3):
            end.send(f"m{i}", big + i)
        return [end.receive(f"m{i}", ("i8", big.shape))[0] for i in range(3)]

    for got in both(*(lambda end=end: party(end) for end in pair)):
        assert all(np.array_equal(g, big + i) for i, g in enumerate(got))


def test_what_was_sent_may_be_changed_afterwards(pair):
    s, c = pair
    a = np.zeros(1 << 20)
    s.send("t", a)
    a[:] = 7
    assert not c.receive("t", ("f8", a.shape))[0].any()


def test_many_small_messages_before_the_first_is_received(pair):
    s, c = pair
    for i in range(20000):
        s.send("t", np.array([i]))
    assert all(c.receive("t", ("i8", (1,)))[0][0] == i for i in range(20000))


def test_blobs_and_the_counters(pair):
    s, c = pair
    s.send_bytes("blob", b"x" * 100_000)
    assert c.receive_bytes("blob", 100_000) == b"x" * 100_000
    s.send_bytes("empty", b"")
    assert c.receive_bytes("empty", 0) == b""
    assert s.bytes_sent == c.bytes_received > 100_000
    assert (s.rounds, c.rounds) == (0, 2)


@pytest.mark.parametrize("sender", [0, 1])
def test_what_was_sent_arrives_although_the_sender_closed(pair, both, sender):
    """A close with anything unread would be a reset, and lose what is still on its way."""
    s, c = pair[sender], pair[1 - sender]
    big = np.arange(1 << 18)

    def give():
        s.send("t", big)
        s.close()

    def take():
        time.sleep(0.3)  # by now the sender is gone, and its data is in the buffers of the system
        return c.receive("t", ("i8", big.shape))

    _, got = both(give, take)
    assert np.array_equal(got[0], big)


def test_a_small_exchange_is_fast(pair, both):
    a = np.zeros(8)

    def play(end):
        best = float("inf")
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(20):
                end.exchange("t", a)
            best = min(best, (time.perf_counter() - start) / 20)
        return best

    # two threads of one interpreter share its lock: two processes take a fifth of this bound
    assert max(both(*(lambda end=end: play(end) for end in pair))) < 1e-3


def test_an_unknown_type_is_refused_at_the_sender(pair):
    with pytest.raises(KeyError):
        pair[0].send("t", np.array(["text"]))


def test_a_slow_network_is_not_a_silent_peer(pair, both):
    """Sending takes several times the time limit, but never stands still for as long."""
    s, c = pair
    s.timeout = 0.4

    def send():
        start = time.monotonic()
        s.send("t", np.zeros(8 << 20))
        s.close()
        return time.monotonic() - start

    def take():
        total = 0
        while chunk := c._receiver._connection.recv(1 << 14):
            total += len(chunk)
            if total % (2 << 20) < len(chunk):
                time.sleep(0.05)
        return total

    seconds, total = both(send, take)
    assert total > 64 << 20 and seconds > 0.8

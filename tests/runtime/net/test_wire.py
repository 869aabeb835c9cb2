"""What somebody on the network sees, and can do."""

import socket
import threading

import numpy as np
import pytest

from ppc.runtime.errors import PartyError


class Proxy:
    """Sits between the client and the server, records all bytes, and flips a bit where it is told to."""

    def __init__(self, target):
        self.target, self.seen, self.flip = target, bytearray(), False
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.open = [self.socket]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.socket.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # the server does not listen yet; the client tries again
                near.close()
                continue
            self.open += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    def copy(self, source, target):
        try:
            while chunk := bytearray(source.recv(65536)):
                self.seen += chunk
                if self.flip:
                    chunk[len(chunk) // 2] ^= 1
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two hung up

    def close(self):
        for s in self.open:
            s.close()


@pytest.fixture
def tapped(join, both, port):
    proxy = Proxy(port)
    there = {"server": proxy.socket.getsockname()}
    s, c = both(lambda: join("server"), lambda: join("client", addresses=there))
    yield proxy, s["client"], c["server"]
    for channel in (s["client"], c["server"]):
        channel.abort(PartyError("PPC6001", "the test is over"))
    proxy.close()


def test_an_eavesdropper_sees_neither_values_nor_tags_nor_the_plan(tapped):
    proxy, s, c = tapped
    values = np.random.default_rng(0).integers(0, 2**62, 1000)
    c.send("0.17/mask", values)
    assert np.array_equal(s.receive("0.17/mask", ("i8", (1000,)))[0], values)
    assert len(proxy.seen) > values.nbytes
    for secret in (values[:2].tobytes(), b"0.17/mask", b"PPCF", b"PPCH", bytes.fromhex("ab" * 16), b"ppc deployment"):
        assert secret not in proxy.seen


def test_a_changed_bit_is_noticed(tapped):
    proxy, s, c = tapped
    proxy.flip = True
    c.send("t", np.zeros(1000))
    with pytest.raises(PartyError, match="damaged or forged") as e:
        s.receive("t", ("f8", (1000,)))
    assert e.value.code == "PPC6001"

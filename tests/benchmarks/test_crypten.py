"""CrypTen's processes meet where the benchmark wants them to, and compute what the network says."""

import socket
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from benchmarks.mpc.cases import Case
from benchmarks.mpc.models import function

from ppc.runtime.net.address import Address

pytestmark = pytest.mark.skipif(find_spec("crypten") is None, reason="CrypTen is not installed")


def blob(port: int) -> bytes:
    """As Gloo stores an address: other things, and a sockaddr_in of loopback."""
    return b"\x02" + bytes(23) + b"\x02\x00" + port.to_bytes(2, "big") + socket.inet_aton("127.0.0.1") + bytes(16)


def test_the_higher_rank_dials_a_proxy_and_the_lower_waits() -> None:
    from benchmarks.mpc.gloo_store import LinkedStore, meeting_place

    asked: list[Address] = []

    def link(address: Address) -> Address:
        asked.append(address)
        return "127.0.0.1", 4321

    with meeting_place(link) as port:
        zero, one = LinkedStore(port, 0), LinkedStore(port, 1)
        zero.set("group/0", blob(1000))
        one.set("group/1", blob(2000))
        assert one.get("group/1") == blob(2000)  # its own
        assert blob(1000).replace(b"\x03\xe8\x7f\x00\x00\x01", b"\x10\xe1\x00\x00\x00\x00") == one.get("group/0")
        assert blob(2000).replace(b"\x7f\x00\x00\x01", b"\xff\xff\xff\xff") == zero.get("group/1")
    assert asked == [("127.0.0.1", 1000)]


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["TFP", "TTP"])
def test_crypten_runs_through_the_slow_network(provider: str, tmp_path: Path) -> None:
    from benchmarks.mpc.runs import crypten

    x = np.linspace(-3, 3, 40, dtype=np.float32).reshape(1, 40)
    cost = crypten(Case("Relu", function("Relu", (1, 40)), x), "wan", provider, tmp_path)
    assert cost.max_err < 1e-3
    assert cost.rounds >= 9
    assert cost.online >= cost.bound

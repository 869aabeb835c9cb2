"""Keys, ports and connected parties for the tests of the transport. Everything is real TLS over loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ppc.runtime import keys
from ppc.runtime.errors import PartyError
from ppc.runtime.net.connect import connect_all
from ppc.runtime.net.socket_channel import SocketChannel

PLAN = "sha256:" + "ab" * 32
PARTIES = ["client", "server", "dealer", "enclave"]


def run_both(*functions: Callable[[], Any]) -> list[Any]:
    """Run functions at the same time; what each returned or raised."""
    results: list[Any] = [None] * len(functions)

    def run(i: int) -> None:
        try:
            results[i] = functions[i]()
        except Exception as e:
            results[i] = e

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
        assert not t.is_alive(), "a party hangs"
    return results


@pytest.fixture
def both() -> Callable[..., list[Any]]:
    return run_both


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys")
    keys.make_keys(path / "k", PARTIES)
    return path / "k"


@pytest.fixture
def port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def join(folder: Path, port: int) -> Callable[..., Any]:
    """`join(role)`: connect client and server, as that party. Options override those of `connect_all`."""

    def as_party(role: str, **options: Any) -> dict[str, SocketChannel]:
        given: dict[str, Any] = {
            "addresses": {"server": ("127.0.0.1", port)},
            "parties": ["client", "server"],
            "keys": options.pop("keys", None) or keys.load(folder, role),
            "plan_hash": PLAN,
            "timeout": 5.0,
            **options,
        }
        return connect_all(role, **given)

    return as_party


@pytest.fixture
def pair(join: Callable[..., Any]) -> Iterator[tuple[SocketChannel, SocketChannel]]:
    """(the server's end, the client's end)"""
    s, c = run_both(lambda: join("server"), lambda: join("client"))
    assert isinstance(s, dict) and isinstance(c, dict), (s, c)
    yield s["client"], c["server"]
    for channel in (s["client"], c["server"]):
        channel.abort(PartyError("PPC6001", "the test is over"))

"""Gloo through an emulated network.

Gloo's processes learn each other's addresses from a store, and of two the one with the greater address connects. So a
store that tells other addresses decides who connects, and where to: the higher rank, to a proxy. Addresses compare by
their IP first; 0.0.0.0 stands below every other and reaches this machine, 255.255.255.255 above and is never dialled.
"""

import re
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch.distributed as dist

from ppc.runtime.net.address import Address

_SOCKADDR = re.compile(rb"\x02\x00(..)\x7f\x00\x00\x01\x00{8}", re.S)  # sockaddr_in of 127.0.0.1
_EVER = timedelta(hours=6)


class LinkedStore(dist.Store):
    """What the process of one rank reads and writes: the parent's store, with proxies in the addresses of others."""

    def __init__(self, port: int, rank: int):
        super().__init__()
        self._store, self._rank = dist.TCPStore("127.0.0.1", port, is_master=False, timeout=_EVER), rank

    def get(self, key: str) -> bytes:
        value: bytes = self._store.get(key)
        owner = key.rpartition("/")[2]
        if not owner.isdecimal() or int(owner) == self._rank:
            return value
        return _SOCKADDR.sub(lambda found: self._shown(found[1], int(owner)), value)

    def _shown(self, port: bytes, owner: int) -> bytes:
        if self._rank < owner:
            return b"\x02\x00" + port + b"\xff\xff\xff\xff" + bytes(8)
        return b"\x02\x00" + struct.pack("!H", self._proxy(struct.unpack("!H", port)[0])) + bytes(12)

    def _proxy(self, port: int) -> int:
        number = self._store.add("asked", 1)
        self._store.set(f"ask/{number}", str(port))
        return int(self._store.get(f"answer/{number}"))

    def set(self, key: str, value: bytes) -> None:
        self._store.set(key, value)

    def add(self, key: str, amount: int) -> int:
        return int(self._store.add(key, amount))

    def check(self, keys: list[str]) -> bool:
        return bool(self._store.check(keys))

    def wait(self, keys: list[str], timeout: timedelta = _EVER) -> None:
        self._store.wait(keys, timeout)

    def delete_key(self, key: str) -> bool:
        return bool(self._store.delete_key(key))

    def num_keys(self) -> int:
        return int(self._store.num_keys())

    def set_timeout(self, timeout: timedelta) -> None:
        self._store.set_timeout(timeout)

    def has_extended_api(self) -> bool:
        return False


@contextmanager
def meeting_place(link: Callable[[Address], Address]) -> Iterator[int]:
    """The port of a store on which `LinkedStore`s of this machine meet; `link` makes their proxies."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=_EVER)
    end = dist.TCPStore("127.0.0.1", store.port, is_master=False)  # the other one is busy waiting
    answering = threading.Thread(target=_answer, args=(store, link), daemon=True)
    answering.start()
    try:
        yield store.port
    finally:
        end.set(f"ask/{end.add('asked', 1)}", "")
        answering.join()


def _answer(store: dist.TCPStore, link: Callable[[Address], Address]) -> None:
    number = 1
    while port := store.get(f"ask/{number}"):
        store.set(f"answer/{number}", str(link(("127.0.0.1", int(port)))[1]))
        number += 1

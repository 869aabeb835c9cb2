"""Parties to measure between: client and server in two processes over mutual TLS on loopback, a core each."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ppc.compiler.measure.cores import as_client
from ppc.runtime.keys import load, session_keys
from ppc.runtime.launch import reserve_ports
from ppc.runtime.net.address import parse_address, show
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.connect import connect_all

#: All ends name the same plan; there is none, and a party of a true plan refuses this one.
PLAN = bytes(32)
TIMEOUT = 30.0

#: A role's channels to the others, by their names; returns when all of them stand.
Join = Callable[[str], dict[str, Channel]]


@contextmanager
def server_process(module: str, parties: Sequence[str], *arguments: str) -> Iterator[Join]:
    """While it lasts `module` runs as the server, in a process of its own that finds its channels with `joined`. At the
    end it is waited for, or ended where the measurement failed."""
    with session_keys(parties) as keys, reserve_ports(parties) as addresses:
        known = [f"{party}={show(at)}" for party, at in addresses.items()]
        command = [sys.executable, "-m", module, str(keys), ",".join(known), *arguments]
        peer = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            with as_client(peer.pid):
                yield lambda role: _join(role, keys, known)
                peer.wait(TIMEOUT)
        finally:
            peer.kill()
            peer.wait()


def joined(arguments: Sequence[str]) -> tuple[dict[str, Channel], list[str]]:
    """The server's channels, and what else it was started with: `arguments` of its command line."""
    keys, known, *others = arguments
    return _join("server", Path(keys), known.split(",")), others


def _join(role: str, keys: Path, known: Sequence[str]) -> dict[str, Channel]:
    addresses = {party: parse_address(at) for party, _, at in (entry.partition("=") for entry in known)}
    channels = connect_all(role, addresses, list(addresses), load(keys, role), PLAN, TIMEOUT)
    for channel in channels.values():
        channel.eager = True  # as in a pass
    return channels

"""Where a party listens: `host:port`, `[ipv6]:port`."""

from ppc.runtime.errors import PartyError

Address = tuple[str, int]


def parse_address(text: str) -> Address:
    """`host:port` as (host, port). Raises PPC6001 for anything else."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise PartyError("PPC6001", f"{text!r} is not an address", help="write host:port, for example 10.0.0.7:7001")
    return host.removeprefix("[").removesuffix("]"), int(port)


def parse_peer(text: str) -> tuple[str, Address]:
    """`name=host:port` as (name, address), the form of --connect."""
    name, equals, address = text.partition("=")
    if not equals or not name:
        raise PartyError("PPC6001", f"{text!r} is not a peer", help="write name=host:port, for example server=h:7001")
    return name, parse_address(address)


def show(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""From addresses to channels: every pair of parties that the plan needs gets one."""

import secrets
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress

from ppc.runtime.errors import PartyError
from ppc.runtime.keys import PartyKeys
from ppc.runtime.net import hello, tls
from ppc.runtime.net.address import Address, show
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.hello import Direction
from ppc.runtime.net.listen import HANDSHAKE, Listener, Pair
from ppc.runtime.net.socket_channel import SocketChannel

#: Of a pair, the party that stands first listens. Clients only connect: they sit behind firewalls.
_ORDER = {"server": 0, "dealer": 1, "enclave": 2, "client": 4}


def listens(a: str, b: str) -> str:
    """Which of two parties listens for the other."""
    return min(a, b, key=lambda party: (_ORDER.get(party, 3), party))


def peers_of(role: str, parties: Iterable[str], pairs: Collection[Iterable[str]] | None) -> tuple[list[str], list[str]]:
    """(whom `role` listens for, whom it connects to), among all parties or among `pairs` only."""
    wanted = None if pairs is None else {frozenset(pair) for pair in pairs}
    peers = [p for p in parties if p != role and (wanted is None or frozenset((role, p)) in wanted)]
    return [p for p in peers if listens(role, p) == role], [p for p in peers if listens(role, p) == p]


def connect_all(
    role: str,
    addresses: Mapping[str, Address],
    parties: Iterable[str],
    keys: PartyKeys,
    plan_hash: str | bytes,
    timeout: float,
    *,
    pairs: Collection[Iterable[str]] | None = None,
    listen: Address | None = None,
    step_timeout: float | None = None,
) -> dict[str, Channel]:
    """Channels of `role` to every party that it talks to; returns when all of them stand.

    `addresses[p]` is where p can be reached; of itself a party listens on `listen`, or else on `addresses[role]`.
    `pairs` are the pairs of parties that exchange messages (None: all). `timeout` bounds the wait for all of them,
    `step_timeout` (default: the same) each later wait of a channel. Raises PPC6001, PPC6003, PPC6004, PPC6011.
    """
    plan, deadline = hello.plan_bytes(plan_hash), time.monotonic() + timeout
    awaited, called = peers_of(role, parties, pairs)
    with ExitStack() as stack:
        listener = None
        if awaited:
            listener = stack.enter_context(
                Listener(_own_address(role, addresses, listen, awaited), awaited, keys, plan)
            )
        ends: dict[str, Pair] = {}
        try:
            for peer in called:
                check = listener.check if listener is not None else _nothing
                ends[peer] = _call(role, peer, addresses, keys, plan, deadline, check)
            if listener is not None:
                ends |= listener.wait(max(0.0, deadline - time.monotonic()))
        except BaseException:
            for connection in (c for pair in ends.values() for c in pair):
                connection.close()
            raise
    wait = timeout if step_timeout is None else step_timeout
    return {p: SocketChannel(role, p, sending, receiving, plan, wait) for p, (sending, receiving) in ends.items()}


def abort_all(channels: Mapping[str, Channel], error: PartyError) -> None:
    """Tell every peer why this party stops, and close. Never raises."""
    for channel in channels.values():
        channel.abort(error)


def close_all(channels: Mapping[str, Channel]) -> None:
    """Close after everything was delivered; raises the first error after all are closed."""
    with ExitStack() as stack:
        for channel in channels.values():
            stack.callback(channel.close)


def _nothing() -> None:
    pass


def _own_address(role: str, addresses: Mapping[str, Address], listen: Address | None, awaited: list[str]) -> Address:
    address = listen or addresses.get(role)
    if address is None:
        raise PartyError(
            "PPC6004",
            f"{role} has to listen for {' and '.join(awaited)}, and was given no address",
            help="add --listen host:port",
        )
    return address


def _call(
    role: str,
    peer: str,
    addresses: Mapping[str, Address],
    keys: PartyKeys,
    plan: bytes,
    deadline: float,
    check: Callable[[], None],
) -> Pair:
    """Both connections to a peer that listens."""
    address = addresses.get(peer)
    if address is None:
        raise PartyError(
            "PPC6001",
            f"{role} has to connect to {peer}, and was not told where",
            help=f"add --connect {peer}=host:port",
        )
    context, start = tls.connecting_context(keys), time.monotonic()
    pause, last = 0.02, "no answer"
    while True:
        try:
            return _connect_pair(context, peer, address, plan, deadline)
        except (TimeoutError, ConnectionError, socket.gaierror) as e:
            last = (e.strerror if isinstance(e, OSError) else None) or str(e) or "no answer"
        except OSError as e:  # no route, network down: may come up
            last = e.strerror or str(e)
        check()
        if time.monotonic() + pause > deadline:
            raise PartyError(
                "PPC6001",
                f"{peer} cannot be reached at {show(address)} ({last}; tried for {time.monotonic() - start:.3g} s)",
                help=f"start {peer}, look whether the address is right and whether a firewall is between",
            )
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)


def _connect_pair(context: ssl.SSLContext, peer: str, address: Address, plan: bytes, deadline: float) -> Pair:
    pairing = secrets.token_bytes(16)
    with ExitStack() as undo:
        out = undo.enter_context(_connect(context, peer, address, deadline))
        _introduce(out, peer, address, Direction.TO_LISTENER, plan, pairing)
        back = undo.enter_context(_connect(context, peer, address, deadline))
        _introduce(back, peer, address, Direction.TO_CONNECTOR, plan, pairing)
        undo.pop_all()
        return out, back


def _connect(context: ssl.SSLContext, peer: str, address: Address, deadline: float) -> ssl.SSLSocket:
    raw = socket.create_connection(address, timeout=max(0.05, min(HANDSHAKE, deadline - time.monotonic())))
    try:
        tls.tune(raw)
        connection = context.wrap_socket(raw, server_hostname=peer)
    except ssl.SSLEOFError:
        raw.close()
        raise ConnectionResetError("closed during the TLS handshake") from None
    except ssl.SSLError as e:
        raw.close()
        raise _untrusted(e, peer, address) from None
    except BaseException:
        raw.close()
        raise
    if tls.peer_name(connection) != peer:  # no wildcard, no second name
        connection.close()
        raise PartyError("PPC6011", f"{show(address)} has a certificate of another party than {peer!r}")
    return connection


def _introduce(
    connection: ssl.SSLSocket, peer: str, address: Address, direction: Direction, plan: bytes, pairing: bytes
) -> None:
    """TLS 1.3 lets a connector finish before the listener has judged its certificate: a refusal shows up here."""
    try:
        with suppress(OSError):  # where the listener hung up, its reason is still to be read
            hello.say(connection, direction, plan, pairing)
        hello.hear_reply(connection, peer, plan)
    except ssl.SSLEOFError:
        raise ConnectionResetError("closed during the first words") from None
    except ssl.SSLError as e:
        raise _untrusted(e, peer, address) from None


def _untrusted(error: ssl.SSLError, peer: str, address: Address) -> PartyError:
    return PartyError(
        "PPC6011",
        f"no trusted connection to {peer!r} at {show(address)}: {tls.explain(error, peer)}",
        help="is it the right port, and do both parties have keys from the same `ppc keys`?",
    )

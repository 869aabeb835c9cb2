"""The side that waits: accepts the connections of its peers, and survives everyone else's."""

import socket
import ssl
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL

from ppc.runtime.errors import PartyError
from ppc.runtime.keys import PartyKeys
from ppc.runtime.net import hello, tls
from ppc.runtime.net.address import Address, show
from ppc.runtime.net.hello import Direction, Verdict

#: A stranger who connects and says nothing holds a thread this long (seconds), and at most so many do.
HANDSHAKE = 5.0
AT_ONCE = 32
#: How long the last words to one that is sent away may take to be read (seconds).
PARTING = 0.5

#: The two TLS connections of a pair: (this side writes, this side reads).
Pair = tuple[ssl.SSLSocket, ssl.SSLSocket]

_HELP = {
    EADDRINUSE: "choose another port with --listen, or end the program that holds it",
    EACCES: "choose a port above 1023",
    EADDRNOTAVAIL: "this machine does not have that address; 0.0.0.0 means all of its own",
}


class Listener:
    """Accepts both connections of each of `peers`; use as a context manager. Raises PPC6004, PPC6003, PPC6001."""

    def __init__(self, address: Address, peers: Collection[str], keys: PartyKeys, plan: bytes):
        self._address, self._peers, self._plan = address, set(peers), plan
        self._context = tls.listening_context(keys)
        self._changed = threading.Condition()
        self._halves: dict[tuple[str, bytes], dict[Direction, ssl.SSLSocket]] = {}
        self._pairs: dict[str, Pair] = {}
        self._refused: list[str] = []  # why others were sent away: told where a peer never comes
        self._error: PartyError | None = None
        self._open = threading.Semaphore(AT_ONCE)
        self._closed = False
        self._socket = _listen(address)
        threading.Thread(target=self._accept, name="ppc-listener", daemon=True).start()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop listening and drop what was accepted but not handed out."""
        with self._changed:
            self._closed = True
            left = [c for halves in self._halves.values() for c in halves.values()]
            left += [c for pair in self._pairs.values() for c in pair]
        with suppress(OSError):  # some systems do not let one shut down a listening socket
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, and frees the port at once
        self._socket.close()
        for connection in left:
            connection.close()

    def check(self) -> None:
        """Raise what went wrong so far, for a party that is still connecting elsewhere."""
        if self._error is not None:
            raise self._error

    def wait(self, timeout: float) -> dict[str, Pair]:
        """Both connections of every peer."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._pairs.keys() == self._peers, timeout)
            self.check()
            missing = sorted(self._peers - self._pairs.keys())
            if missing:
                who = " and ".join(missing)
                sent_away = f"; sent away: {'; '.join(self._refused[-3:])}" if self._refused else ""
                raise PartyError(
                    "PPC6001",
                    f"{who} did not connect to {show(self._address)} within {timeout:.3g} s{sent_away}",
                    help=f"start {who} with the address of this party, and look whether a firewall is between",
                )
            pairs, self._pairs = self._pairs, {}
            return pairs

    def _accept(self) -> None:
        while True:
            try:
                raw, address = self._socket.accept()
            except TimeoutError:
                if self._closed:
                    return
                continue
            except OSError as e:
                if self._closed:
                    return
                self._refuse(f"accept: {e.strerror}")  # no file descriptors left, or the caller was gone already
                time.sleep(0.05)
                continue
            if self._open.acquire(blocking=False):
                threading.Thread(target=self._greet, args=(raw, address), name="ppc-greeter", daemon=True).start()
            else:
                raw.close()

    def _greet(self, raw: socket.socket, address: tuple[str, int]) -> None:
        connection = None
        try:
            raw.settimeout(HANDSHAKE)
            tls.tune(raw)
            connection = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
            connection.do_handshake()
            if not self._admit(connection):
                _see_off(connection)
        except (OSError, ValueError, PartyError) as e:
            why = tls.explain(e, "it") if isinstance(e, ssl.SSLError) else str(e)
            self._refuse(f"{show((address[0], address[1]))} ({why})")
            _see_off(connection or raw)
        finally:
            self._open.release()

    def _admit(self, connection: ssl.SSLSocket) -> bool:
        peer, words = tls.peer_name(connection), hello.hear(connection)
        if words is None:
            self._refuse(f"{peer} (it does not speak the protocol of ppc)")
            return False
        with self._changed:
            if peer not in self._peers or peer in self._pairs or self._closed:
                verdict = Verdict.NOT_EXPECTED
                self._refuse(f"{peer} (not expected here, or connected already)")
            else:
                verdict = Verdict.WELCOME if words.plan == self._plan else Verdict.OTHER_PLAN
        hello.reply(connection, verdict, self._plan)
        if verdict == Verdict.NOT_EXPECTED:
            return False
        try:
            hello.check_plan(peer, words.version, words.plan, self._plan)
        except PartyError as e:
            with self._changed:
                self._error = e
                self._changed.notify_all()
            return False
        with self._changed:
            if self._closed:
                return False
            for stale in [key for key in self._halves if key[0] == peer and key[1] != words.pairing]:
                for half in self._halves.pop(stale).values():
                    half.close()
            halves = self._halves.setdefault((peer, words.pairing), {})
            halves[words.direction] = connection
            if len(halves) == 2:
                del self._halves[peer, words.pairing]
                self._pairs[peer] = (halves[Direction.TO_CONNECTOR], halves[Direction.TO_LISTENER])
                self._changed.notify_all()
        return True

    def _refuse(self, why: str) -> None:
        self._refused = [*self._refused[-9:], why]


def _see_off(connection: socket.socket) -> None:
    """Close so that the other side can read why: closing with its words unread would reset the connection."""
    with suppress(OSError, ValueError), connection:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(PARTING)
        for _ in range(4):
            if not connection.recv(16 * 1024):
                return


def _listen(address: Address) -> socket.socket:
    host, port = address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as e:
        raise PartyError("PPC6004", f"cannot listen on {show(address)}: {e.strerror}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(16)
        sock.settimeout(0.5)  # where shutting down does not wake the thread that accepts
    except OSError as e:
        sock.close()
        raise PartyError(
            "PPC6004", f"cannot listen on {show(address)}: {e.strerror}", help=_HELP.get(e.errno or 0)
        ) from None
    return sock

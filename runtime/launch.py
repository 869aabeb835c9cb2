"""All parties of a plan on this machine, each its own process, supervised: they end together, with one error."""

import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ppc.runtime.child import PATIENCE, Child
from ppc.runtime.errors import CODES, PartyError
from ppc.runtime.net.address import Address

OnEvent = Callable[[str, Mapping[str, Any]], None]

#: After the first party failed, the others may still say what they know (seconds).
GRACE = 2.0
#: Lines of a party's log that its error shows.
TAIL = 12

#: Signals that a fault in native code ends a process with.
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS}

_TITLES = {row.code: row.title for row in CODES}


class LaunchError(PartyError):
    """The first cause of a failed run. `logs` has what every party printed."""

    def __init__(self, party: str, code: str, message: str, help: str | None, logs: Mapping[str, str]):
        super().__init__(code, message, help=help)
        self.party, self.logs = party, logs


@dataclass
class Outcome:
    """What became of a party."""

    party: str
    results: dict[str, Any] = field(default_factory=dict)  # what it gave to `Status.result`
    log: str = ""
    seconds: float = 0.0


@dataclass
class _Watched:
    child: Child
    outcome: Outcome
    phase: str = "start"
    step: str = ""
    error: Mapping[str, Any] | None = None  # its own report
    failed: float | None = None  # when it was first seen to have failed
    done: bool = False

    def where(self) -> str:
        return f"in phase {self.phase!r}" + (f", {self.step}" if self.step else "")


@contextmanager
def reserve_ports(parties: Iterable[str]) -> Iterator[dict[str, Address]]:
    """A free loopback port for each party. While the context lasts nobody else is given them.

    The ports are bound but not listened on, so that a party that sets SO_REUSEADDR can take its own.
    """
    with ExitStack() as stack:
        addresses = {}
        for party in parties:
            s = stack.enter_context(socket.socket())
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", 0))
            addresses[party] = (str(s.getsockname()[0]), int(s.getsockname()[1]))
        yield addresses


def launch(
    command_for: Callable[[str], list[str]],
    parties: Iterable[str],
    timeout: float | None = None,
    on_event: OnEvent | None = None,
    *,
    grace: float = GRACE,
    core_of: Callable[[str], int | None] | None = None,
) -> dict[str, Outcome]:
    """Run all parties to their end. Raises `LaunchError` with the first cause; no process outlives the call.

    A party has failed where it reports an error (`Status.error`) or ends with another exit code than 0. `timeout`
    bounds the whole run (seconds). `on_event` sees every event of every party. `core_of`: the core that a party runs
    on, None for any, for measurements of parties that will have machines of their own (Linux).
    """
    watched: list[_Watched] = []
    try:
        for party in parties:
            watched.append(_Watched(Child(party, command_for(party)), Outcome(party)))
            core = core_of(party) if core_of is not None else None
            if core is not None:
                watched[-1].child.pin(core)
        _supervise(watched, timeout, grace, on_event or _ignore)
    finally:
        _end(watched)
    failed = [w for w in watched if w.failed is not None]
    if failed:
        raise _blame(min(failed, key=_rank), watched)
    return {w.outcome.party: w.outcome for w in watched}


def _ignore(party: str, event: Mapping[str, Any]) -> None:
    pass


def _supervise(watched: list[_Watched], timeout: float | None, grace: float, on_event: OnEvent) -> None:
    start, first_failure = time.monotonic(), None
    with selectors.DefaultSelector() as ready:
        for w in watched:
            for fd in w.child.fds:
                ready.register(fd, selectors.EVENT_READ, w)
        while not all(w.done for w in watched):
            ready.select(0.05)
            for w in watched:
                if not w.done:
                    _look(w, on_event)
                    for fd in [k.fd for k in ready.get_map().values() if k.data is w and k.fd not in w.child.fds]:
                        ready.unregister(fd)
            now = time.monotonic()
            if first_failure is None and any(w.failed is not None for w in watched):
                first_failure = now
            if first_failure is not None and now - first_failure > grace:
                return
            if timeout is not None and now - start > timeout and first_failure is None:
                raise _too_long([w for w in watched if not w.done], timeout)


def _look(w: _Watched, on_event: OnEvent) -> None:
    """Take what a party has said, and whether it has ended: in this order, or its last words would be lost."""
    exited = w.child.exited()
    for event in w.child.read():
        _note(w, event)
        on_event(w.outcome.party, event)
    if not exited:
        return
    w.child.end()
    w.done, w.outcome.log = True, w.child.log
    w.outcome.seconds = time.monotonic() - w.child.started
    if w.child.returncode != 0 and w.failed is None:
        w.failed = time.monotonic()


def _note(w: _Watched, event: Mapping[str, Any]) -> None:
    match event["event"]:
        case "phase":
            w.phase, w.step = event["phase"], ""
        case "step":
            w.step = f"step {event['index'] + 1} of {event['count']} ({event['name']})"
        case "result":
            w.outcome.results |= event["values"]
        case "error":
            w.error = event
            w.failed = w.failed or time.monotonic()


def _end(watched: list[_Watched]) -> None:
    """End whoever still runs: first asked, then killed."""
    running = [w for w in watched if not w.done]
    for w in running:
        w.child.ask_to_end()
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience and not all(w.child.exited() for w in running):
        time.sleep(0.02)
    for w in running:
        w.child.end()
        w.outcome.log = w.child.log


def _rank(w: _Watched) -> tuple[int, float]:
    """The cause comes first: a party that crashed or found a fault, before those that only noticed it missing."""
    assert w.failed is not None
    if w.error is None:
        return 0, w.failed
    hearsay = 3 if w.error.get("origin") else {"PPC6001": 2, "PPC6002": 1}.get(str(w.error.get("code")), 0)
    return hearsay, w.failed


def _blame(w: _Watched, watched: list[_Watched]) -> LaunchError:
    party = w.outcome.party
    logs = {v.outcome.party: v.outcome.log for v in watched}
    if w.error is not None and w.error.get("code") in _TITLES:
        return LaunchError(party, str(w.error["code"]), f"{party}: {w.error['message']}", w.error.get("help"), logs)
    code = w.child.returncode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    if w.error is not None:
        how = f"failed with {w.error.get('message')}"
    help = "it may have run out of memory: see the system's log" if code == -signal.SIGKILL else None
    tail = "".join(f"\n   | {line}" for line in w.outcome.log.splitlines()[-TAIL:])
    kind = "PPC6017" if -code in _CRASHES else "PPC6001"
    return LaunchError(party, kind, f"{party} {how} {w.where()}{tail or ' (it printed nothing)'}", help, logs)


def _too_long(running: list[_Watched], timeout: float) -> LaunchError:
    where = "; ".join(f"{w.outcome.party} {w.where()}" for w in running)
    logs = {w.outcome.party: w.child.log for w in running}
    first = running[0].outcome.party if running else ""
    return LaunchError(first, "PPC6002", f"the run took more than {timeout:g} s: {where}", "raise --timeout", logs)

"""Two parties agree on which passes of their stored material a session uses, and take them out of their stocks.

Each says how far it has come in each lot. The passes begin where the one that has come further stands: after a crash of
one party, or where one has brought back an old copy of its files, nothing is used that the other one has used. What
both have forgotten together nobody notices (SECURITY.md).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.stock import Stock
from ppc.runtime.mpc.stored import StoredLot
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.message import receive_object, send_object

WhenEmpty = Literal["fail", "wait"]
#: Between two looks for new material (seconds).
PAUSE = 1.0
_LIMIT = 1 << 20

#: Of each lot, by name: the next pass, and how many passes were received.
Counters = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Taken:
    """Passes `first` and after it are this session's."""

    lot: StoredLot
    first: int
    note: str  # for the report of the run


def take(
    peer: Channel, stock: Stock, runs: int, when_empty: WhenEmpty = "fail", on_wait: Callable[[], None] | None = None
) -> Taken:
    """All passes of a session, from one lot, since a lot has one mask of the weights. The counters are on the disk of
    this party when it returns.

    PPC6009 where no lot has enough, unless both parties are to wait for the dealer: then they look again and again.
    """
    while True:
        with stock.lock():
            lots = stock.lots()
            ours = {name: (lot.next, lot.ready()) for name, lot in lots.items()}
            send_object(peer, "mpc.stock", {"lots": ours, "wait": when_empty == "wait"})
            theirs, they_wait = _judge(receive_object(peer, "mpc.stock", _LIMIT), peer.peer)
            found = choose(ours, theirs, runs)
            if found is not None:
                name, first = found
                lots[name].reserve(first, runs)
                return Taken(lots[name], first, _note(peer.peer, ours[name], theirs[name], first + runs))
        if when_empty != "wait" or not they_wait:
            raise _too_little(ours, theirs, runs)
        if on_wait is not None:
            on_wait()
        time.sleep(PAUSE)


def choose(ours: Counters, theirs: Counters, runs: int) -> tuple[str, int] | None:
    """The oldest lot of both that has enough, and the first pass that neither has used."""
    for name in sorted(ours.keys() & theirs.keys()):
        first = max(ours[name][0], theirs[name][0])
        if min(ours[name][1], theirs[name][1]) - first >= runs:
            return name, first
    return None


def _judge(found: Mapping[str, Any], peer: str) -> tuple[Counters, bool]:
    lots, wait = found.get("lots"), found.get("wait")
    good = isinstance(lots, dict) and isinstance(wait, bool)
    for pair in lots.values() if isinstance(lots, dict) else ():
        numbers = isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and 0 <= n < 2**40 for n in pair)
        good = good and numbers
    if not good or not isinstance(lots, dict):
        raise PartyError("PPC6003", f"{peer} describes its material in a way this version does not know")
    return {str(name): (pair[0], pair[1]) for name, pair in lots.items()}, bool(wait)


def _note(peer: str, ours: tuple[int, int], theirs: tuple[int, int], after: int) -> str:
    left = min(ours[1], theirs[1]) - after
    note = f"{left} passes are left in the lot"
    if ours[0] != theirs[0]:
        behind = "this party" if ours[0] < theirs[0] else peer
        note += (
            f"; {behind} was {abs(ours[0] - theirs[0])} passes behind, and they were skipped: a session broke off, or "
            "an old copy of the files was brought back"
        )
    return note


def _too_little(ours: Counters, theirs: Counters, runs: int) -> PartyError:
    left = [max(0, min(ours[n][1], theirs[n][1]) - max(ours[n][0], theirs[n][0])) for n in ours.keys() & theirs.keys()]
    have = f"{max(left)} passes are left" if left else "the two parties have no material in common"
    more = f", {sum(left)} in {len(left)} lots" if len(left) > 1 else ""
    return PartyError(
        "PPC6009",
        f"this session needs material for {runs} passes, and {have}{more}",
        help="`ppc deal PLAN --runs N` makes more; --when-empty wait waits for it",
    )

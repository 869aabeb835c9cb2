"""Material ahead of any run: a session of the dealer and the holders of shares in which nobody has an input.

The dealer runs the plan once a pass and ships; the holders store what they get, sealed. No message of a run is needed,
so the plan can be dealt for at night, and the dealer's machine be off when it runs. A model owner that holds no share
gives its weights now, under the masks of the lot, and need not be there when the plan runs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ppc.runtime.errors import PartyError
from ppc.runtime.party import Session
from ppc.runtime.phases import load_mpc, needs_dealer
from ppc.runtime.places import holders, is_outsourced
from ppc.runtime.plan import Plan, Program
from ppc.runtime.status import Status

if TYPE_CHECKING:
    from ppc.runtime.mpc.stock import Stock


def parties(manifest: Mapping[str, Any]) -> list[str]:
    """Who takes part, in the order in which they start."""
    return list(dict.fromkeys(("server", "dealer", *reversed(holders(manifest)))))


def pairs(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who talks to whom."""
    found = [(holder, "dealer") for holder in holders(manifest)]
    if is_outsourced(manifest):
        found += [("server", "dealer"), *(("server", holder) for holder in holders(manifest))]
    return found


def wanted(plan: Plan, role: str, runs: int | None) -> int:
    """How many passes this party was asked to deal: the dealer only. Raises PPC6009."""
    if not needs_dealer(plan.manifest):
        raise PartyError("PPC6009", f"{plan.path.name} has no step that needs correlated randomness: nothing to deal")
    if role != "dealer":
        return 0
    from ppc.runtime.mpc.deal import MOST_RUNS

    if runs is None or not 0 < runs <= MOST_RUNS:
        raise PartyError("PPC6009", f"the dealer needs --runs N, 1 to {MOST_RUNS}, and was given {runs}")
    return runs


def take_part(session: Session, program: Program, runs: int, stock: "Stock | None", status: Status) -> list[Any]:
    """One party's part in making a lot. It is complete where this returns; an error leaves the passes that came."""
    from ppc.runtime.mpc import deal as mpc
    from ppc.runtime.mpc import share_weights
    from ppc.runtime.mpc.state import MpcState

    session.on_step, session.engines["mpc"] = status.step, MpcState()
    with session.meter.phase("setup"):
        status.phase("setup")
        load_mpc(session)
    status.phase("offline")
    with session.meter.phase("offline"):
        if session.role == "dealer":
            mpc.deal(session, program, runs, status.run)
            for channel in session.channels.values():
                channel.send_bytes("mpc.dealt", b"")
            for channel in session.channels.values():
                channel.receive_bytes("mpc.stored", 0)
            return []
        if stock is None:
            share_weights.give(session)
            session.channel("dealer").receive_bytes("mpc.dealt", 0)
            session.meter.notes["material"] = "weights given under their masks"
        else:
            _, lot = mpc.receive_lot(session, stock.create)
            session.channel("dealer").receive_bytes("mpc.dealt", 0)
            lot.finish()
            session.meter.notes["material"] = f"{lot.runs} passes stored, {lot.runs * lot.pass_bytes:,} bytes"
        session.channel("dealer").send_bytes("mpc.stored", b"")
    return []

"""Material ahead of any run: a session of dealer, client and server in which nobody has an input.

The dealer runs the plan once a pass and ships; client and server store what they get, sealed. No message of a run is
needed, so the plan can be dealt for at night, and the dealer's machine be off when it runs.
"""

from typing import TYPE_CHECKING, Any

from ppc.runtime.errors import PartyError
from ppc.runtime.party import Session
from ppc.runtime.phases import needs_dealer
from ppc.runtime.plan import Plan, Program
from ppc.runtime.status import Status

if TYPE_CHECKING:
    from ppc.runtime.mpc.stock import Stock

PARTIES = ("server", "dealer", "client")
PAIRS = [("client", "dealer"), ("server", "dealer")]


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
    from ppc.runtime.mpc.state import MpcState

    status.phase("offline")
    session.on_step, session.engines["mpc"] = status.step, MpcState()
    with session.meter.phase("offline"):
        if session.role == "dealer":
            mpc.deal(session, program, runs, status.run)
            for channel in session.channels.values():
                channel.send_bytes("mpc.dealt", b"")
            for channel in session.channels.values():
                channel.receive_bytes("mpc.stored", 0)
            return []
        assert stock is not None
        _, lot = mpc.receive_lot(session, stock.create)
        session.channel("dealer").receive_bytes("mpc.dealt", 0)
        lot.finish()
        session.channel("dealer").send_bytes("mpc.stored", b"")
        session.meter.notes["material"] = f"{lot.runs} passes stored, {lot.runs * lot.pass_bytes:,} bytes"
    return []

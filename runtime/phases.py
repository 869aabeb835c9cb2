"""What one party does from its first connection to its last result, in every mode of starting it.

setup: greet, exchange keys, attest. offline: the dealer's material. online: the passes over the data.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.meter import peak_memory
from ppc.runtime.net.message import receive_object, send_object
from ppc.runtime.party import Session
from ppc.runtime.places import OUTSOURCED, OWNERS, holders, is_outsourced, other_holder, parties_of
from ppc.runtime.plan import Plan, Program
from ppc.runtime.schema import step_spec
from ppc.runtime.status import Status

if TYPE_CHECKING:  # MPC is loaded only where a plan uses it
    from ppc.runtime.mpc.stock import Stock
    from ppc.runtime.mpc.take import WhenEmpty

#: Passes that a client may ask for in one session: a bound on what a hostile one can make the others prepare.
MAX_RUNS = 100_000


def needs_dealer(manifest: Mapping[str, Any]) -> bool:
    """Only protocols that multiply or compare shares need the dealer; conversions through shares do not."""
    return bool(mpc_steps(manifest))


def mpc_steps(manifest: Mapping[str, Any]) -> set[str]:
    """Operators and steps that take shares, by name."""
    return {s["step"].removeprefix("mpc.") for s in manifest["steps"] if s["step"].startswith("mpc.")}


def roles(manifest: Mapping[str, Any], *, stocked: bool = False) -> list[str]:
    """The parties that a plan needs, in the order in which they start; `stocked`: the dealer was there before."""
    found = ["server"] if not stocked or _has_steps(manifest, "server") else []
    if "tee" in manifest["uses"]:
        found.append("enclave")
    if needs_dealer(manifest) and not stocked:
        found.append("dealer")
    return [*found, *(OUTSOURCED if is_outsourced(manifest) else ()), "client"]


def _has_steps(manifest: Mapping[str, Any], party: str) -> bool:
    """It is needed in a pass, and not only before."""
    taken = (parties_of(manifest, step_spec(s["step"]).places) for s in manifest["steps"] if s["step"] != "mpc.checked")
    return any(party in parties for parties in taken)


def pairs(manifest: Mapping[str, Any], *, stocked: bool = False) -> list[tuple[str, str]]:
    """Who talks to whom. The dealer and the enclave never meet; nor does a client whose shares others hold meet the
    dealer, or a server that it has no step with."""
    present = roles(manifest, stocked=stocked)
    zero, one = holders(manifest)
    wanted = [("client", "server"), ("client", zero), ("client", one), ("server", zero), ("server", one), (zero, one)]
    wanted += [(zero, "dealer"), (one, "dealer"), ("server", "dealer"), ("client", "enclave"), ("server", "enclave")]
    if is_outsourced(manifest) and not any(map(_joins_owners, manifest["steps"])):
        wanted.remove(("client", "server"))
    found = dict.fromkeys(tuple(sorted(pair)) for pair in wanted if set(pair) <= set(present) and len(set(pair)) == 2)
    return [(a, b) for a, b in found]


def _joins_owners(step: Mapping[str, Any]) -> bool:
    """Client and server have something to say to each other in a step. (`mpc.checked` tells either, never both.)"""
    return step["step"] != "mpc.checked" and step_spec(step["step"]).places >= set(OWNERS)


def run_party(
    session: Session,
    program: Program,
    batches: list[dict[str, NDArray[Any]]],
    *,
    root: bytes = b"",
    status: Status,
    stock: "Stock | None" = None,
    when_empty: "WhenEmpty" = "fail",
) -> list[dict[str, Any]]:
    """Run every phase as `session.role`; returns what this party learned in each pass (the client: the outputs).

    `batches` is the client's data, one dict a pass, and empty elsewhere. `root` is the attestation root (PEM). With a
    `stock` the correlated randomness comes from this party's disk, and no dealer takes part.
    """
    meter, session.on_step = session.meter, status.step
    with meter.phase("setup"):
        status.phase("setup")
        runs = _greet(session, len(batches))
        _set_up_engines(session, root)
        session.load()
    with meter.phase("offline"):
        status.phase("offline")
        _prepare_masks(session, runs)
        if stock is not None:
            _take_stock(session, stock, runs, when_empty, status)
        elif "dealer" in (session.role, *session.channels):
            _receive_material(session, program, runs, status)
    if session.role == "dealer":
        return []
    results = []
    for channel in session.channels.values():
        channel.eager = True
    status.phase("online")
    for run in range(runs):
        with meter.phase("offline"):
            status.run(run, runs)
            _prepare(session, run)
        with meter.phase("online"):
            session.start_run(run, batches[run] if batches else {})
            program(session)
            results.append(session.outputs)
    return results


def _greet(session: Session, runs: int) -> int:
    """The client tells everybody how many passes there will be; those that it does not talk to hear it from the holder
    of share 0."""
    first = holders(session.manifest)[0]
    if session.role == "client":
        for channel in session.channels.values():
            send_object(channel, "hello", {"runs": runs})
        return runs
    told_by = session.channels.get("client") or session.channel(first)
    asked = receive_object(told_by, "hello", 1024).get("runs")
    if not isinstance(asked, int) or not 0 < asked <= MAX_RUNS:
        raise PartyError("PPC6003", f"the {told_by.peer} asks for {asked!r} passes; 1 to {MAX_RUNS} are allowed")
    if session.role == first:
        for peer in untold(session.manifest) & session.channels.keys():
            send_object(session.channel(peer), "hello", {"runs": asked})
    return asked


def untold(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Parties that the client does not talk to."""
    known = {party for pair in pairs(manifest) if "client" in pair for party in pair}
    return frozenset(roles(manifest)) - known


def _set_up_engines(session: Session, root: bytes) -> None:
    """Each engine is loaded only where the plan uses it and this party takes part in it."""
    uses = session.manifest["uses"]
    if "he" in uses and session.role in OWNERS:
        from ppc.runtime.he import engine as he

        he.setup(session)
    if "tee" in uses and session.role in (*OWNERS, "enclave"):
        from ppc.runtime.tee import engine as tee

        tee.setup(session, root)
    if "mpc" in uses and session.role != "enclave":
        from ppc.runtime.mpc import state as mpc

        mpc.setup(session)
        load_mpc(session)


def load_mpc(session: Session) -> None:
    """Where this party deals or holds shares: import what its protocols compute with, so that no pass has to."""
    if not needs_dealer(session.manifest) or session.role not in (*holders(session.manifest), "dealer"):
        return
    from ppc.runtime.mpc import protocols, ring
    from ppc.runtime.mpc.gates import sign

    ring.preload()
    protocols.load(mpc_steps(session.manifest))
    sign.preload()


def _prepare_masks(session: Session, runs: int) -> None:
    """The server's masks of HE results: they depend on nobody's input."""
    if "he" in session.manifest["uses"] and session.role == "server":
        from ppc.runtime.convert.he_mpc import prepare_masks

        prepare_masks(session, runs)


def _receive_material(session: Session, program: Program, runs: int, status: Status) -> None:
    """From the dealer, which is there; or, at the dealer, for the others."""
    from ppc.runtime.mpc import deal as mpc
    from ppc.runtime.mpc import share_weights

    if session.role == "dealer":
        mpc.deal(session, program, runs, status.run)
    elif session.role in holders(session.manifest):
        mpc.receive_material(session, runs)
    elif session.role == "server":
        share_weights.give(session)


def _take_stock(session: Session, stock: "Stock", runs: int, when_empty: "WhenEmpty", status: Status) -> None:
    from ppc.runtime.mpc.deal import use_lot
    from ppc.runtime.mpc.take import take

    peer = session.channel(other_holder(session.manifest, session.role))
    taken = take(peer, stock, runs, when_empty, lambda: status.phase("waiting for material"))
    session.meter.notes["material"] = taken.note
    use_lot(session, taken.lot, taken.first, runs)


def _prepare(session: Session, run: int) -> None:
    """Expand the material of a pass before it begins: it depends on nobody's input. The client begins when both holders
    of shares are ready, or its online time would have their preparation in it."""
    if "mpc" not in session.engines or not needs_dealer(session.manifest):
        return
    from ppc.runtime.mpc.state import state_of

    zero, one = holders(session.manifest)
    supply = state_of(session).supply
    if supply is not None:
        supply.prepare(run)
    if session.role == one:
        session.channel(zero).send_bytes("mpc.ready", b"")
    elif session.role == zero:
        session.channel(one).receive_bytes("mpc.ready", 0)
        if zero != "client":
            session.channel("client").send_bytes("mpc.ready", b"")
    elif session.role == "client":
        session.channel(zero).receive_bytes("mpc.ready", 0)


def new_session(
    plan: Plan, role: str, channels: Mapping[str, Any], weights: str | None = None, *, dealing: bool = False
) -> Session:
    """A session with what `role` may hold: only the server opens the weights file, and dealing only where it gives its
    weights then (`ppc.runtime.dealing`)."""
    session = Session(role, plan.manifest, dict(channels))
    session.weights = dict(plan.public_constants())
    if role == "server" and (not dealing or is_outsourced(plan.manifest)):
        session.weights.update(plan.server_weights(weights))
    return session


def summary(session: Session) -> dict[str, Any]:
    """What this party measured, for the report of the run. Numbers, and how its engines run."""
    channels = session.channels.values()
    return {
        "phases": session.meter.phases,
        "online": session.meter.spans.get("online", []),
        "notes": session.meter.notes,
        "steps": session.meter.rows(),
        "passes": session.meter.passes(),
        "peak_memory": peak_memory(),
        "bytes_sent": int(np.sum([c.bytes_sent for c in channels], dtype=np.int64)),
        "rounds": int(np.sum([r["rounds"] for r in session.meter.rows()], dtype=np.int64)),
    }

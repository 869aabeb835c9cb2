"""What one party does from its first connection to its last result, in every mode of starting it.

setup: greet, exchange keys, attest. offline: the dealer's material. online: the passes over the data.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.meter import peak_memory
from ppc.runtime.party import Session
from ppc.runtime.plan import Plan, Program
from ppc.runtime.status import Status

#: Who takes part in a plan, by what it uses.
ROLES = {"": ("client", "server"), "mpc": ("dealer",), "tee": ("enclave",)}

#: Passes that a client may ask for in one session: a bound on what a hostile one can make the others prepare.
MAX_RUNS = 100_000


def roles(manifest: Mapping[str, Any]) -> list[str]:
    """The parties that a plan needs, in the order in which they start. Only protocols that multiply or compare shares
    need the dealer; conversions through shares do not."""
    found = ["server", "client"]
    if any(s["step"].startswith("mpc.") for s in manifest["steps"]):
        found.insert(1, "dealer")
    if "tee" in manifest["uses"]:
        found.insert(1, "enclave")
    return found


def pairs(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who talks to whom. The dealer and the enclave never meet."""
    present = roles(manifest)
    wanted = [
        ("client", "server"),
        ("client", "dealer"),
        ("server", "dealer"),
        ("client", "enclave"),
        ("server", "enclave"),
    ]
    return [(a, b) for a, b in wanted if a in present and b in present]


def run_party(
    session: Session,
    program: Program,
    batches: list[dict[str, NDArray[Any]]],
    *,
    root: bytes = b"",
    status: Status,
) -> list[dict[str, Any]]:
    """Run every phase as `session.role`; returns what this party learned in each pass (the client: the outputs).

    `batches` is the client's data, one dict a pass, and empty elsewhere. `root` is the attestation root (PEM).
    """
    meter, session.on_step = session.meter, status.step
    with meter.phase("setup"):
        status.phase("setup")
        runs = _greet(session, len(batches))
        _set_up_engines(session, root)
    with meter.phase("offline"):
        status.phase("offline")
        _offline(session, program, runs)
    if session.role == "dealer":
        return []
    results = []
    status.phase("online")
    with meter.phase("online"):
        for run in range(runs):
            status.run(run, runs)
            session.start_run(run, batches[run] if batches else {})
            program(session)
            results.append(session.outputs)
    return results


def _greet(session: Session, runs: int) -> int:
    """The client tells everybody how many passes there will be."""
    if session.role == "client":
        hello = json.dumps({"runs": runs}).encode()
        for channel in session.channels.values():
            channel.send_bytes("hello", hello)
        return runs
    found = json.loads(session.channel("client").receive_bytes("hello", 1024))
    asked = found.get("runs") if isinstance(found, dict) else None
    if not isinstance(asked, int) or not 0 < asked <= MAX_RUNS:
        raise PartyError("PPC6003", f"the client asks for {asked!r} passes; 1 to {MAX_RUNS} are allowed")
    return asked


def _set_up_engines(session: Session, root: bytes) -> None:
    """Each engine is loaded only where the plan uses it and this party takes part in it."""
    uses = session.manifest["uses"]
    if "he" in uses and session.role in ("client", "server"):
        from ppc.runtime.he import engine as he

        he.setup(session)
    if "tee" in uses and session.role != "dealer":
        from ppc.runtime.tee import engine as tee

        tee.setup(session, root)
    if "mpc" in uses and session.role != "enclave":
        from ppc.runtime.mpc import state as mpc

        mpc.setup(session)


def _offline(session: Session, program: Program, runs: int) -> None:
    if "dealer" not in roles(session.manifest) or session.role == "enclave":
        return
    from ppc.runtime.mpc import state as mpc

    if session.role == "dealer":
        mpc.deal(session, program, runs)
    else:
        mpc.receive_material(session, runs)


def new_session(plan: Plan, role: str, channels: Mapping[str, Any], weights: str | None = None) -> Session:
    """A session with what `role` may hold: only the server opens the weights file."""
    session = Session(role, plan.manifest, dict(channels))
    session.weights = dict(plan.public_constants())
    if role == "server":
        session.weights.update(plan.server_weights(weights))
    return session


def summary(session: Session) -> dict[str, Any]:
    """What this party measured, for the report of the run. Numbers, and how its engines run."""
    channels = session.channels.values()
    return {
        "phases": session.meter.phases,
        "notes": session.meter.notes,
        "steps": session.meter.rows(),
        "passes": session.meter.passes(),
        "peak_memory": peak_memory(),
        "bytes_sent": int(np.sum([c.bytes_sent for c in channels], dtype=np.int64)),
        "rounds": int(np.sum([r["rounds"] for r in session.meter.rows()], dtype=np.int64)),
    }

"""The MPC engine's state at one role, and the three phases of a session: setup, material, steps.

setup(session)                          every role: keys are agreed
deal(session, program, runs)            the dealer: runs the program once a pass, ships as it goes
receive_material(session, runs)         client and server: take everything before the first pass
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import KEY_BYTES, new_key
from ppc.runtime.mpc.dealer import Dealer, step_streams, weight_mask
from ppc.runtime.mpc.lockstep import Task
from ppc.runtime.mpc.material import KINDS, Chunk, Row, Store, expand
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.party import Session

RANKS = {"client": 0, "server": 1}
_LAYOUT_LIMIT = 1 << 26


@dataclass(repr=False)
class MpcState:
    """Keys, material and masked weights; `repr` is the default object's, which shows nothing."""

    own_input_key: bytes = b""  # masks this party's inputs; the peer expands it into its share
    peer_input_key: bytes = b""
    dealer_key: bytes = b""  # client, server: what the dealer gave this party
    keys: tuple[bytes, bytes] = (b"", b"")  # the dealer: both
    material: Store = field(default_factory=Store)
    masked: dict[int, dict[int, Ring]] = field(default_factory=dict)  # client: step -> index -> W - B
    plain: dict[int, dict[int, Ring]] = field(default_factory=dict)  # server: step -> index -> W
    layouts: dict[int, list[Row]] = field(default_factory=dict)  # client, server: what a step's chunks hold
    dealt: set[tuple[int, int]] = field(default_factory=set)  # the dealer: what was shipped
    described: set[int] = field(default_factory=set)  # the dealer: steps whose layout was shipped
    followed: frozenset[int] = frozenset()  # steps of the plan after which another MPC step comes
    due: list[Task] = field(default_factory=list)  # client, server: steps that wait for the last MPC step in a row


def state_of(session: Session) -> MpcState:
    state = session.engines.get("mpc")
    if not isinstance(state, MpcState):
        raise PartyError(
            "PPC6006", f"party {session.role!r} takes an MPC step, but MPC was not set up for this session"
        )
    return state


def setup(session: Session) -> None:
    """Agree on keys: 256 bits each, from the operating system, over the authenticated channels."""
    steps = session.manifest.get("steps", [])
    followed = (a["id"] for a, b in pairwise(steps) if b["step"].startswith("mpc."))
    state = session.engines["mpc"] = MpcState(followed=frozenset(followed))
    if session.role == "dealer":
        state.keys = (new_key(), new_key())
        for role, rank in RANKS.items():
            session.channel(role).send_bytes("mpc.key.dealer", state.keys[rank])
    elif session.role in RANKS:
        peer = session.channel("server" if session.role == "client" else "client")
        state.own_input_key = new_key()
        peer.send_bytes("mpc.key.input", state.own_input_key)
        state.peer_input_key = peer.receive_bytes("mpc.key.input", KEY_BYTES)
        if "dealer" in session.channels:
            state.dealer_key = session.channel("dealer").receive_bytes("mpc.key.dealer", KEY_BYTES)
        if len(state.peer_input_key) != KEY_BYTES or (state.dealer_key and len(state.dealer_key) != KEY_BYTES):
            raise PartyError("PPC6003", "a peer sent a key of the wrong length")


def deal(session: Session, program: Callable[[Session], Any], runs: int, first: int = 0) -> None:
    """At the dealer: run the program for passes first .. first+runs-1; each MPC step makes and ships its material."""
    for run in range(first, first + runs):
        session.start_run(run, {})
        program(session)


def ship(session: Session, run: int, step: int, dealer: Dealer) -> None:
    """Send one step's material: its layout with the first pass, corrections to the server with every pass."""
    state = state_of(session)
    if (run, step) in state.dealt:
        raise PartyError("PPC6009", f"material for step {step} of pass {run} was dealt before in this session")
    state.dealt.add((run, step))
    if step not in state.described:
        state.described.add(step)
        rows = [row.to_json() for row in dealer.rows]
        layout = json.dumps({"rows": rows, "weights": [form.to_json() for form in dealer.weights]}).encode()
        for role in RANKS:
            session.channel(role).send_bytes(f"mpc.layout.{step}", layout)
    if dealer.shipped:
        session.channel("server").send(f"mpc.material.{run}.{step}", *dealer.shipped)


def receive_material(session: Session, runs: int, first: int = 0) -> None:
    """At client and server: all material of passes first .. first+runs-1, then the masked weights."""
    state, rank, channel = state_of(session), RANKS[session.role], session.channel("dealer")
    steps = [j["id"] for j in session.manifest["steps"] if j["step"].startswith("mpc.")]
    layouts: dict[int, list[Row]] = state.layouts
    forms: dict[int, list[WeightForm]] = {}
    for run in range(first, first + runs):
        for step in steps:
            if step not in layouts:
                layouts[step], forms[step] = _layout(channel.receive_bytes(f"mpc.layout.{step}", _LAYOUT_LIMIT))
            rows = layouts[step]
            due = [row.shipped for row in rows if KINDS[row.kind][rank] == "ship"]
            shipped = channel.receive(f"mpc.material.{run}.{step}", *due) if due else ()
            keys = (state.dealer_key, state.dealer_key)
            arrays = expand(rows, rank, step_streams(keys, run, step)[rank], shipped)
            state.material.put(run, step, Chunk(rows, arrays, f"step {step} in pass {run}"))
    for step, step_forms in forms.items():
        for index, form in enumerate(step_forms):
            _mask_weight(session, state, step, index, form)


def _layout(blob: bytes) -> tuple[list[Row], list[WeightForm]]:
    try:
        j = json.loads(blob)
        return [Row.from_json(row) for row in j["rows"]], [WeightForm.from_json(form) for form in j["weights"]]
    except (ValueError, KeyError, TypeError):
        raise PartyError("PPC6003", "the dealer's description of its material cannot be read") from None


def _mask_weight(session: Session, state: MpcState, step: int, index: int, form: WeightForm) -> None:
    """The server sends W − B, once a session; both keep what `Party.weight` gives."""
    tag = f"mpc.weight.{step}.{index}"
    if session.role == "server":
        ring = form.ring(session.weights)
        state.plain.setdefault(step, {})[index] = ring
        session.channel("client").send(tag, ring - weight_mask(state.dealer_key, step, index, form))
    else:
        (masked,) = session.channel("server").receive(tag, ("uint64", form.shape))
        state.masked.setdefault(step, {})[index] = masked

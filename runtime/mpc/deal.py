"""From the dealer to the computing parties: one lot of material.

deal(session, program, runs)     the dealer: runs the program once a pass, ships as it goes
receive_lot(session, keep)       holders of shares: take everything that the dealer ships
use_lot(session, lot, ...)       holders of shares: the passes of a lot that this session may use
receive_material(session, runs)  holders of shares: a lot in memory, for this session alone

Party 0 gets a key and expands its half; party 1 gets a key and the corrections that make its half fit; both get what
both know. The material of
a pass is the same in shape for every pass of a plan, so it is described once, with pass 0.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc import ahead, share_weights
from ppc.runtime.mpc.csprng import new_key
from ppc.runtime.mpc.dealer import Dealer, PassKeys, weight_mask
from ppc.runtime.mpc.lot import (
    LAYOUT_LIMIT,
    Lot,
    Masked,
    MemoryLot,
    Offer,
    Outline,
    Shipped,
    describe,
    layout_tag,
    parse,
)
from ppc.runtime.mpc.material import Row
from ppc.runtime.mpc.ratchet import Ratchet
from ppc.runtime.mpc.state import receive_key, state_of
from ppc.runtime.mpc.supply import Supply
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.net.message import receive_object, send_object
from ppc.runtime.party import Session
from ppc.runtime.places import holders, is_outsourced, rank_of

#: Passes that a dealer may announce in one lot: a bound on what a hostile one can make the others wait for.
MOST_RUNS = 1_000_000
_NAME_BYTES = 16

L = TypeVar("L", bound=Lot)


def deal(
    session: Session, program: Callable[[Session], Any], runs: int, on_run: Callable[[int, int], None] | None = None
) -> None:
    """At the dealer: announce a lot, then run the program once a pass; each MPC step makes and ships its material.

    `on_run` is told of every pass and of how many.
    """
    state, lot = state_of(session), new_name()
    zero, one = Ratchet(new_key()), Ratchet(new_key())
    for role, chain in zip(holders(session.manifest), (zero, one), strict=True):
        channel = session.channel(role)
        send_object(channel, "mpc.lot", {"lot": lot, "runs": runs})
        channel.send_bytes("mpc.key.chain", chain.key)
    weights = share_weights.deal_keys(session)
    for run in range(runs):
        if on_run is not None:
            on_run(run, runs)
        zero.forward(run)
        one.forward(run)
        state.dealt.clear()
        _check_peers(session)
        state.keys = PassKeys(zero.derive(b"material"), one.derive(b"material"), weights)
        session.start_run(run, {})
        program(session)


def _check_peers(session: Session) -> None:
    """Dealing may take hours, in which not every peer is talked to: a holder of shares that is gone is noticed all the
    same. A dealer that has sent everything may go, and a model owner that has given its weights; what is still due from
    them tells whether they had."""
    for peer in session.channels.keys() & holders(session.manifest):
        session.channel(peer).check()


def new_name() -> str:
    """Names of lots sort by age, so that the oldest is used first."""
    return f"{time.time_ns():016x}" + secrets.token_hex(_NAME_BYTES // 2)


def ship(session: Session, run: int, step: int, dealer: Dealer) -> None:
    """Send one step's material: its description with the first pass, what is not expanded with every pass."""
    state, pair = state_of(session), holders(session.manifest)
    if step in state.dealt:
        raise PartyError("PPC6009", f"material for step {step} of pass {run} was dealt before in this session")
    state.dealt.add(step)
    if run == 0:
        for role in pair:
            send_object(session.channel(role), layout_tag(step), describe(dealer.rows, dealer.weights))
        if is_outsourced(session.manifest):
            send_object(session.channel("server"), layout_tag(step), describe([], dealer.weights))
    for role, arrays in zip(pair, (dealer.told, dealer.shipped), strict=True):
        if arrays:
            session.channel(role).give(f"mpc.material.{run}.{step}", *arrays)


def receive_lot(session: Session, keep: Callable[[Offer, Outline], L]) -> tuple[Offer, L]:
    """At a holder of shares: all that the dealer ships for one lot; `keep` makes the place for it."""
    offer = _offer(session)
    steps = [j["id"] for j in session.manifest["steps"] if j["step"].startswith("mpc.")]
    outline, shipped, masked = _first_pass(session, steps)
    lot = keep(offer, outline)
    lot.put_weights(masked)
    lot.put(0, shipped)
    for run in range(1, offer.runs):
        _check_peers(session)
        lot.put(run, {step: _arrays(session, outline, run, step) for step in steps})
    return offer, lot


def _offer(session: Session) -> Offer:
    found = receive_object(session.channel("dealer"), "mpc.lot", 1024)
    lot, runs = found.get("lot"), found.get("runs")
    hexadecimal = isinstance(lot, str) and len(lot) == 2 * _NAME_BYTES and set(lot) <= set("0123456789abcdef")
    if not hexadecimal or not isinstance(runs, int) or not 0 < runs <= MOST_RUNS:
        raise PartyError("PPC6003", f"the dealer offers {runs!r} passes; 1 to {MOST_RUNS} are allowed")
    chain = receive_key(session, "dealer", "mpc.key.chain")
    return Offer(str(lot), runs, chain, share_weights.own_key(session))


def _first_pass(session: Session, steps: list[int]) -> tuple[Outline, Shipped, Masked]:
    """What a pass consists of, the material of the first one, and the weights of a model owner that holds no share:
    step by step, as it learns from the dealer which they are."""
    rows: dict[int, list[Row]] = {}
    forms: dict[int, list[WeightForm]] = {}
    outline, shipped, masked = Outline(rows, forms), {}, {}
    for step in steps:
        rows[step], forms[step] = parse(receive_object(session.channel("dealer"), layout_tag(step), LAYOUT_LIMIT))
        if is_outsourced(session.manifest):
            masked[step] = share_weights.receive(session, step, forms[step])
        shipped[step] = _arrays(session, outline, 0, step)
    return outline, shipped, masked


def _arrays(session: Session, outline: Outline, run: int, step: int) -> tuple[Any, ...]:
    due = outline.due(step, _rank(session))
    return session.channel("dealer").receive(f"mpc.material.{run}.{step}", *due) if due else ()


def use_lot(session: Session, lot: Lot, first: int, count: int) -> None:
    """At a holder of shares: let this session use passes first .. first+count-1; weights are masked for this lot."""
    state = state_of(session)
    state.supply = Supply(_rank(session), lot, first, count)
    if is_outsourced(session.manifest):
        return share_weights.use(state, lot)
    for step, forms in lot.outline.forms.items():
        for index, form in enumerate(forms):
            _mask_weight(session, lot.weights_key, step, index, form)
    if session.role == "client":
        state.supply.ahead = ahead.parts(session)


def receive_material(session: Session, runs: int) -> None:
    """At a holder of shares, the dealer being online: the material of a session of so many passes."""
    offer, lot = receive_lot(session, MemoryLot)
    if offer.runs != runs:
        raise PartyError("PPC6003", f"the dealer made {offer.runs} passes where this session has {runs}")
    use_lot(session, lot, 0, runs)


def _rank(session: Session) -> int:
    rank = rank_of(session.manifest, session.role)
    assert rank is not None  # only holders of shares are given material
    return rank


def _mask_weight(session: Session, key: bytes, step: int, index: int, form: WeightForm) -> None:
    """The server sends W − B, once a session; both keep what `Party.weight` gives."""
    state, tag = state_of(session), f"mpc.weight.{step}.{index}"
    if session.role == "server":
        ring = form.ring(session.weights)
        state.own.setdefault(step, {})[index] = ring
        session.channel("client").send(tag, ring - weight_mask(key, step, index, form))
    else:
        (masked,) = session.channel("server").receive(tag, ("uint64", form.shape))
        state.masked.setdefault(step, {})[index] = masked

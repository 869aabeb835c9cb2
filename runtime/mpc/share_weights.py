"""Weights for two holders of shares of which neither knows them (docs/decisions/0011).

The dealer masks a weight by B = B0 + B1. Each holder expands its half from its own key; the model owner has both keys,
and sends D = W − B to both, once a lot. D is uniform to either holder, as long as they do not collude; the dealer never
sees D, and the model owner sees nothing that depends on an input.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.csprng import new_key
from ppc.runtime.mpc.dealer import weight_mask
from ppc.runtime.mpc.lot import LAYOUT_LIMIT, Lot, layout_tag, parse
from ppc.runtime.mpc.state import MpcState, receive_key
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.net.message import receive_object
from ppc.runtime.party import Session
from ppc.runtime.places import holders, is_outsourced

_KEY = "mpc.key.weights"


def deal_keys(session: Session) -> tuple[bytes, ...]:
    """At the dealer: new keys of the masks, given to who expands them; one alone where the server holds a share."""
    if not is_outsourced(session.manifest):
        keys: tuple[bytes, ...] = (new_key(),)
    else:
        keys = new_key(), new_key()
        for holder, key in zip(holders(session.manifest), keys, strict=True):
            session.channel(holder).send_bytes(_KEY, key)
    for key in keys:
        session.channel("server").send_bytes(_KEY, key)
    return keys


def own_key(session: Session) -> bytes:
    """At a holder of shares: its key of masks; empty for the client, which masks no weight."""
    if session.role == "server" or is_outsourced(session.manifest):
        return receive_key(session, "dealer", _KEY)
    return b""


def give(session: Session) -> None:
    """At the model owner, which holds no share: send every weight of a lot under its mask to both holders."""
    keys = [receive_key(session, "dealer", _KEY) for _ in holders(session.manifest)]
    for step in (j["id"] for j in session.manifest["steps"] if j["step"].startswith("mpc.")):
        _, forms = parse(receive_object(session.channel("dealer"), layout_tag(step), LAYOUT_LIMIT))
        for index, form in enumerate(forms):
            zero, one = (weight_mask(key, step, index, form) for key in keys)
            masked = np.asarray(form.ring(session.weights) - zero - one)
            for holder in holders(session.manifest):
                session.channel(holder).send(_tag(step, index), masked)


def receive(session: Session, step: int, forms: Sequence[WeightForm]) -> list[NDArray[np.uint64]]:
    """At a holder of shares: the masked weights of a step."""
    owner = session.channel("server")
    return [owner.receive(_tag(step, i), ("uint64", form.shape))[0] for i, form in enumerate(forms)]


def use(state: MpcState, lot: Lot) -> None:
    """At a holder of shares: D and this party's half of B, for every weight of a lot."""
    masked = lot.masked()
    for step, forms in lot.outline.forms.items():
        state.masked[step] = dict(enumerate(masked.get(step, ())))
        state.own[step] = {i: weight_mask(lot.weights_key, step, i, form) for i, form in enumerate(forms)}


def _tag(step: int, index: int) -> str:
    return f"mpc.weight.{step}.{index}"

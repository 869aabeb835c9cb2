"""Into shares and out of them.

Into: one holder's share is a mask, which it expands from a 256-bit key that the owner chose for it at set-up
(`ppc.runtime.mpc.state.setup`), under this step's and pass's own label. The other share is value − mask: an owner that
holds a share keeps it, and nothing is sent; one that holds none sends it to the other holder. Out of: each holder
sends its share to the party that learns the value, and to nobody else.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import Csprng
from ppc.runtime.mpc.material import INPUT_STREAM
from ppc.runtime.mpc.ring import LARGEST, Ring, decode, encode
from ppc.runtime.mpc.state import mask_holder, state_of
from ppc.runtime.party import Session, Step
from ppc.runtime.places import holders, other_holder, rank_of
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Value

#: Element types of a plan as they travel in clear.
_CLEAR = {"f": np.dtype(np.float64), "i": np.dtype(np.int64), "u": np.dtype(np.uint64), "b": np.dtype(np.bool_)}


def client_to_mpc(session: Session, step: Step, value: Value) -> Value:
    """The client shares its value. PPC6005 for what is not finite, PPC6010 for what fixed point cannot hold."""
    return _share(session, step, value, "client")


def server_to_mpc(session: Session, step: Step, value: Value) -> Value:
    """The server shares its value."""
    return _share(session, step, value, "server")


def mpc_to_client(session: Session, step: Step, value: Value) -> Value:
    """The client learns the value. PPC6010 where it is not below `bound` (attribute; 2^30 unless the plan says
    less)."""
    return _reveal(session, step, value, "client")


def mpc_to_server(session: Session, step: Step, value: Value) -> Value:
    """The server learns the value."""
    return _reveal(session, step, value, "server")


def client_to_server(session: Session, step: Step, value: Value) -> Value:
    """The client shows the server a value in clear."""
    dtype = _CLEAR["b" if step.dtype == "bool" else step.dtype[0]]
    if session.role == "client":
        data = np.asarray(value.data)
        _fits(data.shape, step)
        session.channel("server").send(step.tag, data.astype(dtype))
        return Value("server", step.shape)
    (data,) = session.channel("client").receive(step.tag, (dtype, step.shape))
    return Value("server", step.shape, data)


def share_masks(key: bytes, step: Step) -> Ring:
    """A holder's share of a value that somebody else owns: uniform, and never the same for two steps or passes."""
    return Csprng(key, (INPUT_STREAM, step.run, step.id)).words(step.shape)


def _fits(shape: tuple[int, ...], step: Step) -> None:
    if shape != step.shape:
        raise PartyError("PPC6003", f"step {step.id} ({step.name}) was given {shape} where the plan says {step.shape}")


def _share(session: Session, step: Step, value: Value, owner: str) -> Value:
    state = state_of(session)
    if session.role == mask_holder(session, owner):
        return Value("mpc", step.shape, share_masks(state.input_keys[owner], step).view(np.int64))
    if session.role != owner:
        (difference,) = session.channel(owner).receive(step.tag, ("int64", step.shape))
        return Value("mpc", step.shape, difference)
    data: NDArray[Any] = np.asarray(value.data)
    _fits(data.shape, step)
    data = data.astype(np.float64, copy=False)
    largest = float(np.max(np.abs(data), initial=0.0))  # NaN where one is
    if not np.isfinite(largest):
        raise PartyError("PPC6005", f"the value that step {step.id} shares holds NaN or infinity")
    if largest >= LARGEST:
        raise PartyError(
            "PPC6010",
            f"step {step.id} shares a value of size {largest:g}; fixed point with {FRACTION_BITS} fractional bits "
            f"holds values below {LARGEST:g}",
        )
    ring = np.asarray(encode(data) - share_masks(state.own_input_key, step))  # of a scalar, numpy makes no array
    share = ring.view(np.int64)
    if rank_of(session.manifest, owner) is not None:
        return Value("mpc", step.shape, share)
    other = other_holder(session.manifest, mask_holder(session, owner))
    session.channel(other).send(step.tag, share)
    return Value("mpc", step.shape)


def _reveal(session: Session, step: Step, value: Value, to: str) -> Value:
    pair = holders(session.manifest)
    if session.role in pair:
        _fits(value.data.shape, step)
    if session.role != to:
        session.channel(to).send(step.tag, np.ascontiguousarray(value.data, np.int64))
        return Value(to, step.shape)
    total = np.zeros(step.shape, np.uint64)
    for holder in pair:
        share = value.data if holder == to else session.channel(holder).receive(step.tag, ("int64", step.shape))[0]
        total = total + share.view(np.uint64)
    clear = decode(total)
    bound = min(float(step.attrs.get("bound", LARGEST)), LARGEST)
    largest = float(np.max(np.abs(clear), initial=0.0))
    if largest > bound:
        raise PartyError(
            "PPC6010",
            f"step {step.id} (node {step.node!r}) reveals a value of size {largest:g}, and the plan allows {bound:g}: "
            "a value wrapped, or left the range it was calibrated for",
        )
    return Value(to, step.shape, _typed(clear, step.dtype))


def _typed(clear: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Numbers of the plan's element type: whole numbers come out of fixed point by rounding."""
    if dtype == "bool":
        return clear > 0.5
    return clear if dtype.startswith("f") else np.round(clear).astype(np.int64)

"""Client to HE and HE to client."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.convert.he_mpc import entry_layout, masked_to_client
from ppc.runtime.errors import PartyError
from ppc.runtime.he import batch_border, blob, embedding, limbs, privacy, wide
from ppc.runtime.he.attrs import level_of, packed_layout, scale_of
from ppc.runtime.he.batch_attrs import batch_layout, is_batch
from ppc.runtime.he.context import Context
from ppc.runtime.he.state import ClientEngine, client_engine, server_engine
from ppc.runtime.he.wire import receive_ciphertexts, send_ciphertexts
from ppc.runtime.party import Session, Step
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Value

#: Ciphertexts in a message of a batch-packed value: a few megabytes.
BATCH_GROUP = 32


def client_to_he(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale, layout, packing. The client packs, encrypts symmetrically and sends the ciphertexts.

    One message; with `packing` "batch" one for each BATCH_GROUP ciphertexts, so that the server reads some while the
    client makes others, and neither holds all of them twice. The ciphertexts are seeded (c1 is the seed it was drawn
    from): half the bytes. The server learns the shape.
    """
    level, scale = level_of(step), scale_of(step)
    if session.role == "client":
        client = client_engine(session)
        layout = entry_layout(step, client.context)
        slots = layout.pack(x.data)
        if not np.isfinite(slots).all():
            raise PartyError("PPC6005", f"step {step.id}: the value to encrypt holds NaN or infinity")
        for tag, some in _messages(step, layout.ciphertexts):
            send_ciphertexts(session.channel("server"), tag, _encrypted(client, step, slots[some], level, scale))
        return Value("he", step.shape, None, layout)
    context, channel = server_engine(session).context, session.channel("client")
    layout = entry_layout(step, context)
    messages = (
        receive_ciphertexts(channel, tag, context, some.stop - some.start, level, scale, seeded=True)
        for tag, some in _messages(step, layout.ciphertexts)
    )
    arriving = (ciphertext for message in messages for ciphertext in message)
    if is_batch(step):
        held = batch_border.from_ciphertexts(context, arriving, batch_layout(step, context.slots), level, scale)
        return Value("he", step.shape, held, layout)
    return Value("he", step.shape, list(arriving), layout)


def _messages(step: Step, count: int) -> list[tuple[str, slice]]:
    """Tags of the messages that carry `count` ciphertexts, and which each carries."""
    if not is_batch(step):
        return [(f"{step.tag}.he", slice(0, count))]
    return [
        (f"{step.tag}.he.{i}", slice(at, min(at + BATCH_GROUP, count)))
        for i, at in enumerate(range(0, count, BATCH_GROUP))
    ]


def _encrypted(client: ClientEngine, step: Step, slots: NDArray[np.float64], level: int, scale: float) -> list[bytes]:
    """Each row as a seeded ciphertext."""
    try:
        plaintexts = [client.context.encode(row, level, scale) for row in slots]
    except blob.SEAL_ERRORS:
        raise PartyError(
            "PPC6010", f"step {step.id}: a value is too large for the HE parameters of this plan"
        ) from None
    return [client.keys.encrypt(p) for p in plaintexts]


def he_to_client(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale, layout, privacy, and with "flooding" flood_bits; bound where the range is checked.

    The client learns the value. With `privacy` "masking" it decrypts a share of it and gets the other one; with
    "flooding" it decrypts what the server has hidden its weights in (`ppc.runtime.he.privacy`); with "public weights"
    there is nothing to hide. A result beyond `bound` is PPC6010 at the client.
    """
    level, scale = level_of(step), scale_of(step)
    kind = step.attrs.get("privacy")
    if kind not in ("masking", "flooding", "public weights"):
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) does not say how it keeps the weights private")
    if kind == "masking":
        total = masked_to_client(session, step, x)
        if total is None:
            return Value("client", step.shape)
        result = total / 2.0**FRACTION_BITS
        check_bound(step, result)
        return Value("client", step.shape, result)
    tag = f"{step.tag}.he"
    if session.role == "server":
        server = server_engine(session)
        out = batch_border.ciphertexts(server, x)
        if kind == "flooding":
            layout = packed_layout(step, server.context.slots)
            out = privacy.flood(server.context, server.keys, out, layout, level_of(step, "flood_bits"))
        send_ciphertexts(session.channel("client"), tag, [blob.dump(c) for c in out])
        return Value("client", step.shape)
    client = client_engine(session)
    context = client.context
    layout = packed_layout(step, context.slots)
    data = receive_ciphertexts(session.channel("server"), tag, context, layout.ciphertexts, level, scale)
    plaintexts = [client.keys.decrypt(c) for c in data]
    if kind == "flooding":  # the masks of unused slots are too large for SEAL's decoder
        slots = np.array([_exact_slots(context, level, scale, p) for p in plaintexts])
    else:
        slots = np.array([context.encoder.decode_double(p) for p in plaintexts])
    result = layout.unpack(slots, step.shape)
    check_bound(step, result)
    return Value("client", step.shape, result)


def _exact_slots(context: Context, level: int, scale: float, plaintext: Any) -> NDArray[np.float64]:
    """Slots in extended precision, shape (slots,)."""
    residues = limbs.to_coefficients(context, level, limbs.plaintext_residues(plaintext, context)[None])[0]
    return embedding.slot_values(wide.centred(residues, context.chain.primes[: level + 1]), scale)


def check_bound(step: Step, result: NDArray[np.float64]) -> None:
    """Raises PartyError PPC6010 where the plan states a bound and the result is beyond it. Shows no value."""
    bound = step.attrs.get("bound")
    if bound is not None and not np.abs(result).max(initial=0.0) <= float(bound):
        beyond = int(np.count_nonzero(~(np.abs(result) <= float(bound))))
        raise PartyError(
            "PPC6010",
            f"{beyond} of {result.size} values of {step.node!r} are beyond the bound {float(bound):g} of the plan",
            help="an activation left its calibrated range; compile with --calibrate on data that covers this input",
        )

"""HE to shares and shares to HE; and HE to the client by way of shares, of which it gets both."""

import secrets
from itertools import product
from math import log2

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.he import batch_border, integer_slots, limbs, vector, wide
from ppc.runtime.he import blob as blobs
from ppc.runtime.he.attrs import hidden_bits, level_of, packed_layout, scale_of, sums_of
from ppc.runtime.he.batch_attrs import batch_layout, is_batch
from ppc.runtime.he.context import Context
from ppc.runtime.he.exit_mask import ExitMask, fresh
from ppc.runtime.he.random import expand
from ppc.runtime.he.state import ServerEngine, client_engine, server_engine
from ppc.runtime.he.wire import receive_ciphertexts, send_ciphertexts
from ppc.runtime.layout import Layout, cycle, offsets
from ppc.runtime.levels import EXIT_MODULUS_BITS
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value

Shares = NDArray[np.int64]

#: Steps that may send a ciphertext under a mask.
MASKED = ("convert.he_to_mpc", "reveal.he_to_client")


def he_to_mpc(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale, layout (of x), sums. int64 shares with FRACTION_BITS, of `step.shape`; they add up within 2
    units.

    The server rerandomises (Enc(0) under the public key: c1 tells the owner of the key nothing), adds R uniform
    modulo Q in RNS to c0, and sends. The client decrypts M + R mod Q: uniform, whatever M and its noise are, so the
    weights in message, noise and unused slots are hidden perfectly given c1, and c1 under RLWE. Both decode their
    summand with the same integer matrix, truncate and reduce modulo 2^64 (`integer_slots.decode`).
    `sums` are rotate-and-adds that a linear step has left undone: on a ciphertext they take a key switch each, on the
    two summands, which each party holds in clear, none. What either then decodes is still uniform and its own.
    A coefficient wraps with a chance of |M| / Q, so at least 100 bits of modulus are demanded; primes beyond the need
    are dropped first. One message, server to client.
    """
    share = _decrypted_share(session, step) if session.role == "client" else _mask(session, step, x)
    return Value("mpc", step.shape, share)


def masked_to_client(session: Session, step: Step, x: Value) -> Shares | None:
    """As `he_to_mpc`; then the server sends its share. The client's sum, at FRACTION_BITS; None at the server.

    attrs: hidden_bits, t: the server keeps the t lowest bits of its share to itself. Beside the values at the slots
    that are used, but for their t lowest bits, the client learns nothing: its own share is uniform, and the server's
    is their difference. These bits hold the computation's noise, which depends on the weights. The sum is off by at
    most half of 2^t.
    """
    tag, hidden = f"{step.tag}.share", hidden_bits(step)
    if session.role == "server":
        session.channel("client").send(tag, np.ascontiguousarray(_mask(session, step, x) >> hidden))
        return None
    own = _decrypted_share(session, step)
    (other,) = session.channel("server").receive(tag, ("int64", step.shape))
    total: Shares = own + (other << hidden) + ((1 << hidden) >> 1)  # modulo 2^64
    return total


def _decrypted_share(session: Session, step: Step) -> Shares:
    """The client's part."""
    level, scale, tag = level_of(step), scale_of(step), f"{step.tag}.he"
    client = client_engine(session)
    context, low = client.context, _exit_level(client.context, level, scale, step)
    layout, channel = packed_layout(step, context.slots), session.channel("server")
    data = receive_ciphertexts(channel, tag, context, layout.ciphertexts, low, scale)
    decrypted = np.stack([limbs.plaintext_residues(client.keys.decrypt(c), context) for c in data])
    return _decode_shares(context, low, scale, decrypted, layout, step)


def _mask(session: Session, step: Step, x: Value) -> Shares:
    """The server's part: sends the masked ciphertexts."""
    scale, server = scale_of(step), server_engine(session)
    context, low = server.context, _exit_level(server.context, level_of(step), scale, step)
    mask = server.exits.take(step.id, lambda: exit_mask(server, step))
    masked = []
    for added, ciphertext in zip(mask.ciphertexts, batch_border.ciphertexts(server, x), strict=True):
        lowered = vector.lower(context, ciphertext, low)
        added.scale = lowered.scale
        context.evaluator.add_inplace(added, lowered)
        masked.append(blobs.dump(added))
    send_ciphertexts(session.channel("client"), f"{step.tag}.he", masked)
    return mask.share


def prepare_masks(session: Session, runs: int) -> None:
    """At the server, before the passes: the masks of all values that will leave, pass by pass until memory is full."""
    steps = [s for j in session.manifest["steps"] if (s := Step.from_json(j)).name in MASKED]
    masked = [s for s in steps if s.name == "convert.he_to_mpc" or s.attrs.get("privacy") == "masking"]
    server = server_engine(session)
    for _, step in product(range(runs), masked):
        if not server.exits.prepare(step.id, lambda step=step: exit_mask(server, step)):  # type: ignore[misc]
            return


def exit_mask(server: ServerEngine, step: Step) -> ExitMask:
    """R for a value's ciphertexts, and the server's share: what −R decodes to."""
    context, scale = server.context, scale_of(step)
    layout, low = packed_layout(step, context.slots), _exit_level(context, level_of(step), scale, step)
    masks = np.empty((layout.ciphertexts, low + 1, context.degree), np.uint64)
    ciphertexts = []
    for mask in masks:
        ciphertext, mask[:] = fresh(context, server.keys, low)
        ciphertexts.append(ciphertext)
    return ExitMask(ciphertexts, _decode_shares(context, low, scale, masks, layout, step, negative=True))


def mpc_to_he(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale, layout, packing. Ciphertexts of that scale; a copy in every place of an element, 0 in unused
    slots.

    The client refreshes the sharing with a mask that both expand from a seed (its share is then uniform), encodes
    its share as integers exactly linearly (`integer_slots.encode`), encrypts it and sends; the server adds its own
    encoded share. Nothing is opened, so the hiding is that of the encryption; no statistical mask is needed.
    Both take their share in [-2^63, 2^63); the sum over the integers is the value unless it wraps, with a chance of
    |value|·2^16 / 2^64 an element (2^-40 for |value| < 256). One message, client to server.
    """
    level, scale, tag = level_of(step), scale_of(step), f"{step.tag}.he"
    if session.role == "client":
        client = client_engine(session)
        layout = entry_layout(step, client.context)
        seed = secrets.token_bytes(32)
        share = np.asarray(x.data, np.int64).reshape(-1) - expand(seed, layout.size)
        encoded = _encode_share(client.context, level, scale, layout, share)
        plaintexts = [limbs.make_plaintext(client.context, level, e, scale) for e in encoded]
        channel = session.channel("server")
        channel.send_bytes(f"{step.tag}.seed", seed)
        send_ciphertexts(channel, tag, [client.keys.encrypt(p) for p in plaintexts])
        return Value("he", step.shape, None, layout)
    server, channel = server_engine(session), session.channel("client")
    context = server.context
    layout = entry_layout(step, context)
    seed = channel.receive_bytes(f"{step.tag}.seed", 32)
    if len(seed) != 32:
        raise PartyError("PPC6003", f"a seed of {len(seed)} bytes came where 32 were due")
    share = np.asarray(x.data, np.int64).reshape(-1) + expand(seed, layout.size)
    encoded = _encode_share(context, level, scale, layout, share)
    data = receive_ciphertexts(channel, tag, context, layout.ciphertexts, level, scale, seeded=True)
    for ciphertext, own in zip(data, encoded, strict=True):
        context.evaluator.add_plain_inplace(ciphertext, limbs.make_plaintext(context, level, own, scale))
    if is_batch(step):
        held = batch_border.from_ciphertexts(context, data, batch_layout(step, context.slots), level, scale)
        return Value("he", step.shape, held, layout)
    return Value("he", step.shape, data, layout)


def entry_layout(step: Step, context: Context) -> Layout:
    """Of a value that becomes ciphertexts."""
    return batch_layout(step, context.slots).layout if is_batch(step) else packed_layout(step, context.slots)


def _exit_level(context: Context, level: int, scale: float, step: Step) -> int:
    """The level on which a value at `level` is sent; the same at both parties."""
    have = log2(context.chain.modulus(level))
    if have < EXIT_MODULUS_BITS:
        raise PartyError(
            "PPC6006",
            f"step {step.id} ({step.name}): {have:.0f} bits of modulus at level {level}, needs {EXIT_MODULUS_BITS}",
            help="the plan must leave HE at a higher level",
        )
    return context.chain.exit_level(level, scale)


def _slots_by_ciphertext(layout: Layout) -> list[NDArray[np.int64]]:
    """Slots of each ciphertext's elements, in their order."""
    where, slot = np.divmod(layout.addresses(), layout.slots)
    return [slot[where == c] for c in range(layout.ciphertexts)]


def _decode_shares(
    context: Context,
    low: int,
    scale: float,
    polynomials: NDArray[np.uint64],
    layout: Layout,
    step: Step,
    negative: bool = False,
) -> Shares:
    """Shares of the elements, from one party's summand in NTT form, shape (ciphertexts, primes, N)."""
    slots = _slots_by_ciphertext(layout)
    used = [c for c, s in enumerate(slots) if len(s)]
    primes = context.chain.primes[: low + 1]
    coefficients = limbs.to_coefficients(context, low, polynomials[used])
    coefficients = limbs.rotate_and_add(coefficients, sums_of(step, "sums"), primes)
    decoded = integer_slots.decode(list(coefficients), primes, [slots[c] for c in used], scale)
    out, where = np.empty(layout.size, np.int64), layout.addresses() // layout.slots
    for c, values in zip(used, decoded, strict=True):
        out[where == c] = -values if negative else values  # modulo 2^64
    return out.reshape(step.shape)


def _encode_share(context: Context, level: int, scale: float, layout: Layout, share: Shares) -> NDArray[np.uint64]:
    """NTT residues of the share in every place of its elements, shape (ciphertexts, level + 1, N).

    Slots that repeat with period P are those of a polynomial in X^(N / 2P), so one period is encoded in degree 2P.
    """
    period, loose = cycle(layout.copies, layout.slots)
    places = layout.addresses() + offsets(loose)[:, None]
    where, slots = np.divmod(places.reshape(-1), layout.slots)
    values = np.tile(share, len(places))
    polynomials = np.zeros((layout.ciphertexts, level + 1, context.degree), np.uint64)
    for c in np.unique(where):
        mine = where == c
        found = integer_slots.encode(values[mine], slots[mine] % period, 2 * period, scale)
        residues = wide.residues(found, context.chain.primes[: level + 1])
        polynomials[c, :, :: context.degree // (2 * period)] = residues
    return limbs.to_ntt(context, level, polynomials)

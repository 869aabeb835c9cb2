"""Ciphertexts on the wire: sent as saved, checked against the plan when received."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob
from ppc.runtime.he.context import SCALE_DRIFT, Context
from ppc.runtime.net.channel import Channel


def send_ciphertexts(channel: Channel, tag: str, blobs: Sequence[bytes]) -> None:
    """One message of saved ciphertexts."""
    channel.send_bytes(tag, blob.join(blobs))


def receive_ciphertexts(
    channel: Channel, tag: str, context: Context, count: int, level: int, scale: float, seeded: bool = False
) -> list[Any]:
    """Ciphertexts of exactly this number, level, scale and two polynomials. Anything else is PPC6003.

    `seeded`: the sender owns the secret key, so half the bytes are a seed.
    """
    limit = blob.raw_bound(1 if seeded else 2, level + 1, context.degree)
    message = channel.receive_bytes(tag, blob.message_limit(count, limit))
    return [check_ciphertext(b, context, level, scale) for b in blob.split(message, count, limit)]


def check_ciphertext(data: bytes, context: Context, level: int, scale: float) -> Any:
    """Load one ciphertext. Raises PartyError PPC6003 where it is malformed or not what the plan says."""
    try:
        ciphertext = blob.load(seal.Ciphertext(), context.seal, data)
    except blob.SEAL_ERRORS as e:
        raise PartyError("PPC6003", f"a ciphertext cannot be read: {e}") from None
    if not seal.is_valid_for(ciphertext, context.seal) or ciphertext.size() != 2 or not ciphertext.is_ntt_form():
        raise PartyError("PPC6003", "a ciphertext does not belong to the parameters of the plan")
    if list(ciphertext.parms_id()) != context.parms_ids[level]:
        raise PartyError("PPC6003", f"a ciphertext is not at level {level}, where the plan has it")
    if not np.isfinite(ciphertext.scale) or abs(ciphertext.scale / scale - 1) >= SCALE_DRIFT:
        raise PartyError("PPC6003", f"a ciphertext has scale {ciphertext.scale:g}, the plan has {scale:g}")
    if ciphertext.is_transparent():
        raise PartyError("PPC6003", "a ciphertext hides nothing: its second polynomial is zero")
    ciphertext.scale = scale
    return ciphertext

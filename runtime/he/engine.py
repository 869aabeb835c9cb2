"""HE state of a party: the client holds `ClientEngine`, the server `ServerEngine`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob
from ppc.runtime.he.context import SCALE_DRIFT, Context, Parameters
from ppc.runtime.he.keys import ClientKeys, ServerKeys, key_limits
from ppc.runtime.net.channel import Channel
from ppc.runtime.party import Session

#: Encoded weights that the server keeps from one pass to the next; what goes beyond is encoded anew each time.
ENCODED_BYTES = 4 << 30


@dataclass
class ClientEngine:
    context: Context
    keys: ClientKeys


@dataclass
class ServerEngine:
    context: Context
    keys: ServerKeys
    encoded: dict[int, Any] = field(default_factory=dict, repr=False)  # step id -> encoded weights
    encoded_bytes: int = 0

    def keep(self, step: int, plaintexts: Any, level: int, count: int) -> None:
        """Remember the encoded weights of a step for later passes, within ENCODED_BYTES."""
        size = 8 * count * (level + 1) * self.context.degree
        if self.encoded_bytes + size <= ENCODED_BYTES:
            self.encoded[step] = plaintexts
            self.encoded_bytes += size


def setup(session: Session) -> None:
    """Make the HE state of this party in `session.engines["he"]`: the client makes keys and sends the server its part.

    Runs once a session, at client and server at the same time; other parties do nothing. The server encodes its
    weights when a step first meets them and keeps them for later passes.
    """
    if session.role not in ("client", "server") or not session.manifest.get("he"):
        return
    context = Context(Parameters.from_json(session.manifest["he"]))
    if session.role == "client":
        keys = ClientKeys(context)
        for i, key in enumerate(keys.evaluation_blobs()):  # each goes out while the next is made
            session.channel("server").send_bytes(f"he.setup.{i}", key)
        session.engines["he"] = ClientEngine(context, keys)
    else:
        channel = session.channel("client")
        blobs = [channel.receive_bytes(f"he.setup.{i}", limit) for i, limit in enumerate(key_limits(context))]
        session.engines["he"] = ServerEngine(context, ServerKeys.load(context, blobs))


def client_engine(session: Session) -> ClientEngine:
    engine = session.engines["he"]
    if not isinstance(engine, ClientEngine):
        raise PartyError("PPC6006", f"the {session.role} has no HE secret key, and the plan encrypts or decrypts here")
    return engine


def server_engine(session: Session) -> ServerEngine:
    engine = session.engines["he"]
    if not isinstance(engine, ServerEngine):
        raise PartyError("PPC6006", f"the {session.role} has no HE evaluation keys, and the plan evaluates here")
    return engine


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

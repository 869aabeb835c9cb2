"""Conversions into and out of the enclave. Everything that crosses its boundary is sealed (`ppc.runtime.tee.seal`).

Inside, values are in clear: float64, or integers and booleans as they are. At the boundary, numbers below float32's
smallest normal become zero: arithmetic on denormals takes several times longer, so the time of a Sigmoid would
tell who listens outside how many there are.
"""

import secrets
from math import prod

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import Array
from ppc.runtime.party import Session, Step
from ppc.runtime.schema import FRACTION_BITS, RING_BITS
from ppc.runtime.tee.engine import ENCLAVE, TeeEngine
from ppc.runtime.tee.seal import Link
from ppc.runtime.value import Value

_SMALLEST = float(np.finfo(np.float32).tiny)
_SCALE = float(1 << FRACTION_BITS)
#: Shared values stay below this, so that a product of two still fits a signed ring element before it is truncated.
_BOUND = 2.0 ** (RING_BITS - 2 - 2 * FRACTION_BITS)
_PARTIES = ("client", "server")


def client_to_tee(session: Session, step: Step, x: Value) -> Value:
    """The client seals its value for the enclave."""
    return _into(session, step, x, "client")


def server_to_tee(session: Session, step: Step, x: Value) -> Value:
    """The server seals its value for the enclave."""
    return _into(session, step, x, "server")


def tee_to_client(session: Session, step: Step, x: Value) -> Value:
    """The enclave seals a value for the client, which thereby learns it."""
    return _out_of(session, step, x, "client")


def tee_to_server(session: Session, step: Step, x: Value) -> Value:
    """The enclave seals a value for the server, which thereby learns it."""
    return _out_of(session, step, x, "server")


def mpc_to_tee(session: Session, step: Step, x: Value) -> Value:
    """Both computing parties seal their shares; the enclave adds them: exact, as shares hold 16 fractional bits."""
    if session.role != ENCLAVE:
        _link(session, ENCLAVE).send(step.tag, x.data)
        return Value("tee", step.shape)
    total = np.zeros(step.shape, np.uint64)
    for party in _PARTIES:
        total += _link(session, party).receive(step.tag, step.shape).view(np.uint64)
    return Value("tee", step.shape, _typed(total.view(np.int64) / _SCALE, step.dtype))


def tee_to_mpc(session: Session, step: Step, x: Value) -> Value:
    """The enclave splits a value into two uniform shares.

    Error at most 2^-17 (rounding to 16 fractional bits). Raises PartyError PPC6010 for what the ring cannot hold.
    """
    if session.role != ENCLAVE:
        return Value("mpc", step.shape, _link(session, ENCLAVE).receive(step.tag, step.shape))
    ring = _encode(np.asarray(x.data), step)
    mask = _uniform(ring.shape)
    for party, share in zip(_PARTIES, (mask, ring - mask), strict=True):
        _link(session, party).send(step.tag, share.view(np.int64))
    return Value("mpc", step.shape)


def _into(session: Session, step: Step, x: Value, owner: str) -> Value:
    if session.role == owner:
        _link(session, ENCLAVE).send(step.tag, x.data)
        return Value("tee", step.shape)
    data = _link(session, owner).receive(step.tag, step.shape)
    return Value("tee", step.shape, _typed(data, step.dtype))


def _out_of(session: Session, step: Step, x: Value, owner: str) -> Value:
    if session.role == ENCLAVE:
        _link(session, owner).send(step.tag, x.data)
        return Value(owner, step.shape)
    return Value(owner, step.shape, _link(session, ENCLAVE).receive(step.tag, step.shape))


def _link(session: Session, peer: str) -> Link:
    engine: TeeEngine = session.engines["tee"]
    return engine.links[peer]


def _uniform(shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """Uniform ring elements: AES-256 in counter mode under a key of the operating system's randomness, used once."""
    cipher = Cipher(algorithms.AES256(secrets.token_bytes(32)), modes.CTR(bytes(16)))
    stream = cipher.encryptor().update(bytes(8 * prod(shape)))
    return np.frombuffer(stream, np.uint64).reshape(shape)


def _typed(x: Array, dtype: str) -> Array:
    """The value as the kernels take it: float64 without denormals where the plan says float, else integers."""
    if dtype.startswith("f"):
        wide = x.astype(np.float64)
        return np.where(np.abs(wide) < _SMALLEST, 0.0, wide)
    if x.dtype.kind == "f":
        x = np.rint(x).astype(np.int64)
    return x.astype(np.bool_) if dtype == "bool" else x


def _encode(x: Array, step: Step) -> NDArray[np.uint64]:
    """Ring elements of a value: round(x * 2^16) mod 2^64."""
    wide = x.astype(np.float64)
    if not np.all(np.abs(wide) < _BOUND):  # also false for NaN
        raise PartyError(
            "PPC6010",
            f"step {step.id} ({step.node!r}): a value in the enclave is not below {_BOUND:g}, or is no number",
        )
    return np.rint(wide * _SCALE).astype(np.int64).view(np.uint64)

"""Uniform integers from the system's generator, as arrays."""

import secrets
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from ppc.runtime.he import wide
from ppc.runtime.he.wide import Limbs


def uniform_residues(primes: Sequence[int], degree: int) -> NDArray[np.uint64]:
    """Independent uniform numbers below each prime, shape (primes, degree): uniform modulo their product.

    Drawn by rejection, so exactly uniform.
    """
    return np.stack([_below(q, degree) for q in primes])


def uniform_integers(count: int, bits: int) -> Limbs:
    """Integers uniform in [-2^(bits-1), 2^(bits-1)), shape (limbs, count)."""
    limbs = -(-bits // wide.BITS)
    drawn = np.frombuffer(secrets.token_bytes(2 * limbs * count), "<u2").reshape(limbs, count).astype(np.int64)
    unused = wide.BITS * limbs - bits
    drawn[-1] = (drawn[-1] >> unused) - (1 << (wide.BITS - unused - 1))
    return drawn


def _below(bound: int, count: int) -> NDArray[np.uint64]:
    shift = np.uint64(64 - bound.bit_length())
    out = np.empty(count, np.uint64)
    filled = 0
    while filled < count:
        drawn = np.frombuffer(secrets.token_bytes(8 * (count - filled)), np.uint64) >> shift
        drawn = drawn[drawn < bound]
        out[filled : filled + len(drawn)] = drawn
        filled += len(drawn)
    return out


def expand(seed: bytes, count: int) -> NDArray[np.int64]:
    """`count` ring elements from a 256-bit seed by AES-CTR; each seed is used once, so the counter starts at 0."""
    stream = Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
    return np.frombuffer(stream.update(bytes(8 * count)), np.int64)

"""Uniform integers from the system's generator, as arrays."""

import secrets
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray


def uniform_residues(primes: Sequence[int], degree: int) -> NDArray[np.uint64]:
    """Independent uniform numbers below each prime, shape (primes, degree): uniform modulo their product.

    Drawn by rejection, so exactly uniform.
    """
    return np.stack([_below(q, degree) for q in primes])


def uniform_integers(count: int, bits: int) -> NDArray[np.object_]:
    """Python integers uniform in [-2^(bits-1), 2^(bits-1)), shape (count,)."""
    width = (bits + 7) // 8
    raw, shift, half = secrets.token_bytes(width * count), 8 * width - bits, 1 << (bits - 1)
    numbers = [(int.from_bytes(raw[i : i + width], "little") >> shift) - half for i in range(0, len(raw), width)]
    return np.array(numbers, object)


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

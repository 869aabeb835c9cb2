"""The one source of randomness of the MPC engine: AES-256 in counter mode under a key from the operating system.

Shares, masks and dealer material come from here and from nowhere else: torch's and numpy's generators are not
cryptographic, and torch's keep 32 bits of a seed.
"""

import secrets
from math import prod
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

KEY_BYTES = 32
_BLOCK = 16
_ZEROS = memoryview(bytes(1 << 20))


def new_key() -> bytes:
    """A fresh 256-bit key from the operating system."""
    return secrets.token_bytes(KEY_BYTES)


class Csprng:
    """A stream of uniform words: the AES-256-CTR key stream of `key`, starting at the block that `label` names.

    `label` is three numbers below 2^32, such as (purpose, pass, step). Streams of one key under different labels do not
    overlap before 2^32 blocks (64 GB), so both ends of a key can derive the stream of any step by itself.
    """

    def __init__(self, key: bytes, label: tuple[int, int, int] = (0, 0, 0)):
        if len(key) != KEY_BYTES:
            raise ValueError(f"an AES-256 key has {KEY_BYTES} bytes, this one has {len(key)}")
        start = b"".join(part.to_bytes(4, "big") for part in label) + bytes(4)
        self._cipher = Cipher(algorithms.AES256(key), modes.CTR(start)).encryptor()

    def __repr__(self) -> str:
        return "Csprng(...)"

    def array(self, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        """Uniform words of an unsigned integer type."""
        size = prod(shape) * np.dtype(dtype).itemsize
        out = np.empty(size + _BLOCK - 1, np.uint8)  # update_into wants room for one block more
        view, done = memoryview(out.data), 0
        while done < size:
            step = min(size - done, len(_ZEROS))
            done += self._cipher.update_into(_ZEROS[:step], view[done:])
        returned: NDArray[Any] = out[:size].view(dtype).reshape(shape)
        return returned

    def words(self, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        """Uniform ring elements mod 2^64."""
        return self.array(np.uint64, shape)

    def bits(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Uniform bits, one a byte, from eight times fewer bytes of key stream."""
        count = prod(shape)
        return np.unpackbits(self.array(np.uint8, ((count + 7) // 8,)), count=count).reshape(shape)

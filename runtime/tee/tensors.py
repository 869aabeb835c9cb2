"""Tensors as bytes, for sealing: a small fixed header and little-endian elements. No pickle, no objects."""

import struct
from math import prod

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.kernels import Array

#: What may cross the enclave's boundary; the index is the type's code on the wire.
DTYPES = ("<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "|b1")
_MAX_RANK = 32


def limit(shape: tuple[int, ...]) -> int:
    """The most bytes that a tensor of this shape takes."""
    return 2 + 8 * len(shape) + 8 * prod(shape)


def pack(x: Array) -> bytes:
    """Bytes of a numeric tensor. Raises ValueError for strings and objects."""
    x = np.asarray(x)
    code = x.dtype.newbyteorder("<").str
    if code not in DTYPES:
        raise ValueError(f"a tensor of {x.dtype} cannot enter an enclave")
    header = struct.pack(f"<BB{x.ndim}Q", DTYPES.index(code), x.ndim, *x.shape)
    return header + x.astype(code, copy=False).tobytes()


def unpack(blob: bytes, shape: tuple[int, ...]) -> Array:
    """The tensor in `blob`, which must have this shape. Raises ValueError; nothing is allocated before the check."""
    if len(blob) < 2 or blob[0] >= len(DTYPES) or blob[1] > _MAX_RANK or len(blob) < 2 + 8 * blob[1]:
        raise ValueError("not a tensor")
    dtype, start = np.dtype(DTYPES[blob[0]]), 2 + 8 * blob[1]
    found = struct.unpack_from(f"<{blob[1]}Q", blob, 2)
    if found != tuple(shape):
        raise ValueError(f"a tensor of shape {found} where {tuple(shape)} was due")
    if len(blob) - start != prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(blob) - start} bytes for a tensor of {dtype} {tuple(shape)}")
    flat: NDArray[np.generic] = np.frombuffer(blob, dtype, offset=start)
    return flat.reshape(shape).copy()

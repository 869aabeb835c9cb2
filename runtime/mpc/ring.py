"""Arithmetic in the ring of integers mod 2^64, on uint64 arrays; products go through torch (exact, vectorised)."""

import math
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.schema import FRACTION_BITS

Ring = NDArray[np.uint64]
Shape = tuple[int, ...]

#: Values of a plan stay below this, so that a product of two still fits a signed word before it is truncated.
LARGEST = 2.0 ** (62 - 2 * FRACTION_BITS)


def encode(values: Any, bits: int = FRACTION_BITS) -> Ring:
    """Fixed point with `bits` fractional bits, rounded to nearest; ValueError where a value does not fit 63 bits."""
    scaled = np.round(np.asarray(values, np.float64) * 2.0**bits)
    if not np.all(np.abs(scaled) < 2.0**62):
        raise ValueError(f"a value does not fit {62 - bits} integer bits")
    return scaled.astype(np.int64).view(np.uint64)


def decode(ring: Ring, bits: int = FRACTION_BITS) -> NDArray[np.float64]:
    """Inverse of `encode`."""
    return np.ascontiguousarray(ring).view(np.int64) / 2.0**bits


def zeros(shape: Sequence[int]) -> Ring:
    return np.zeros(tuple(shape), np.uint64)


def word(value: int) -> np.uint64:
    """A Python integer, of either sign, as a ring element."""
    return np.uint64(value & 0xFFFF_FFFF_FFFF_FFFF)


@cache
def _torch() -> Any:
    """torch, loaded where a product first needs it: sharing does without. PPC6007 where it is not installed."""
    try:
        return import_module("torch")
    except ImportError:
        raise PartyError(
            "PPC6007", "MPC multiplies with torch, which is not installed here", help="ppc doctor"
        ) from None


def preload() -> None:
    """Load torch, where it is installed, before a pass needs it: that takes a second or more."""
    if find_spec("torch") is not None:
        _torch()


def matmul(a: Ring, b: Ring) -> Ring:
    """Matrix product as ONNX MatMul has it (batched, broadcast), mod 2^64. torch multiplies int64 forty times faster
    than numpy, and wraps."""
    torch = _torch()
    left = torch.from_numpy(np.ascontiguousarray(a).view(np.int64))
    right = torch.from_numpy(np.ascontiguousarray(b).view(np.int64))
    product: NDArray[Any] = torch.matmul(left, right).numpy()
    return np.atleast_1d(product).view(np.uint64).reshape(product.shape)


def einsum(equation: str, *operands: Ring) -> Ring:
    """numpy's, mod 2^64."""
    returned: Ring = np.asarray(np.einsum(equation, *operands))
    return returned


def windows(x: Ring, kernel: Shape, strides: Shape, pads: Shape, dilations: Shape, fill: int = 0) -> Ring:
    """Every window of a padded tensor: (N, C, *spatial) -> (N, C, *out, *kernel). `pads` as in ONNX: begins, ends."""
    rank = len(kernel)
    around = [(0, 0), (0, 0), *((pads[i], pads[i + rank]) for i in range(rank))]
    if any(before or after for before, after in around):
        x = np.pad(x, around, constant_values=word(fill))
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    view = sliding_window_view(x, span, tuple(range(2, 2 + rank)))
    steps = [slice(None)] * 2 + [slice(None, None, s) for s in strides] + [slice(None, None, d) for d in dilations]
    return view[tuple(steps)]  # type: ignore[no-any-return]


def conv(x: Ring, w: Ring, strides: Shape, pads: Shape, dilations: Shape, group: int) -> Ring:
    """Convolution of any rank as one matrix product over windows (im2col): (N, C, *S) × (O, C/group, *K) -> (N, O,
    *out). Positions are the columns: torch's product of integers runs along the right factor's rows."""
    kernel = w.shape[2:]
    rank, n, o = len(kernel), x.shape[0], w.shape[0]
    view = windows(x, kernel, strides, pads, dilations)
    out = view.shape[2 : 2 + rank]
    order = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    columns = view.transpose(order).reshape(n, group, -1, math.prod(out))
    return matmul(w.reshape(1, group, o // group, -1), columns).reshape(n, o, *out)

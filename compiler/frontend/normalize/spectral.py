"""DFT and STFT are linear: products with constant matrices, which every target can run."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.limits import MAX_FOLDED
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import floats, ints
from ppc.ir.diagnostic import fail
from ppc.ir.module import Array
from ppc.ir.types import TensorType


def dft(node: Node, b: Builder) -> Sequence[str]:
    """Real or complex numbers (last axis of 1 or 2) along an axis, of a given length, both ways."""
    type = b.type_of(node.inputs[0])
    rank, inverse, one_sided = len(type.shape), int(node.attrs.get("inverse", 0)), int(node.attrs.get("onesided", 0))
    if rank < 2 or type.shape[-1] not in (1, 2):
        raise fail("PPC1014", f"{node.op} of {type}: its last axis holds the parts of a number", node=node.loc)
    axis = int(node.attrs.get("axis", 1)) if node.opset < 20 else (ints(node, b, 2, "axis") or (-2,))[0]
    if not -rank <= axis < rank or axis % rank == rank - 1:
        raise fail("PPC1014", f"{node.op} along axis {axis} of {type}", node=node.loc)
    axis %= rank
    given, parts = type.shape[axis], type.shape[-1]
    length = (ints(node, b, 1, "dft_length") or (2 * (given - 1) if inverse and one_sided else given,))[0]
    matrix = _matrix(node, given, parts, length, inverse, one_sided)
    return (_along(node, b, node.inputs[0], axis, matrix),)


def stft(node: Node, b: Builder) -> Sequence[str]:
    """Frames of a signal (batch, length, 1 or 2), each under a window: the DFT of each."""
    type, window = b.type_of(node.inputs[0]), floats(node, b, 2, "window")
    batch, size, parts = type.shape if len(type.shape) == 3 else (*type.shape, 1)
    step = (ints(node, b, 1, "frame_step") or (0,))[0]
    length = (ints(node, b, 3, "frame_length") or (len(window or ()),))[0]
    if not 0 < length <= size or step < 1 or (window and len(window) != length):
        raise fail("PPC1014", f"STFT of {type}: frames of {length} every {step}", node=node.loc)
    starts = np.arange(0, size - length + 1, step)
    matrix = _matrix(node, length, parts, length, 0, int(node.attrs.get("onesided", 1)))
    if window:
        matrix = matrix * np.asarray(window, np.float32)[:, None, None, None]
    x = b.reshape(node.inputs[0], (batch, size, parts), node.loc, f"{node.outputs[0]}_signal")
    at = b.constant(starts[:, None] + np.arange(length), f"{node.outputs[0]}_at")
    wide = TensorType(type.dtype, (batch, len(starts), length, parts))
    (frames,) = b.emit("Gather", (x, at), (wide,), node.loc, (f"{node.outputs[0]}_frames",), {"axis": 1})
    return (_along(node, b, frames, 2, matrix),)


def _matrix(node: Node, given: int, parts: int, length: int, inverse: int, one_sided: int) -> Array:
    """(given, parts, out, 2 or 1) in float32: what element j, part p, adds to result k.

    out is `length`, or its first half and one where the result is one-sided; an inverse of one-sided numbers is real.
    """
    if length < 1 or given * parts * length * 2 > MAX_FOLDED:
        raise node.refuse(f"{given} numbers to {length}")
    used = min(given, length // 2 + 1 if inverse and one_sided else length)
    angles = (1 if inverse else -1) * 2 * np.pi / length * np.outer(np.arange(used), np.arange(length))
    weight = np.exp(1j * angles) / (length if inverse else 1)
    full = np.zeros((given, parts, length, 2))
    if inverse and one_sided:  # the other half is the conjugate: its terms give the same real part again
        mirrored = np.full(used, 2.0)
        mirrored[0] = 1.0
        if length % 2 == 0 and used > length // 2:
            mirrored[length // 2] = 1.0
        weight = weight * mirrored[:, None]
    full[:used, 0, :, 0], full[:used, 0, :, 1] = weight.real, weight.imag
    if parts == 2:
        full[:used, 1, :, 0], full[:used, 1, :, 1] = -weight.imag, weight.real
    if inverse and one_sided:
        return full[..., :1].astype(np.float32)
    out = length // 2 + 1 if one_sided else length
    return full[:, :, :out].astype(np.float32)


def _along(node: Node, b: Builder, x: str, axis: int, matrix: Array) -> str:
    """x (..., n at `axis`, ..., parts) times a matrix (n, parts, out, parts of the result)."""
    type, hint = b.type_of(x), node.outputs[0]
    n, parts, out, made = matrix.shape
    rank = len(type.shape)
    order = [*(a for a in range(rank - 1) if a != axis), axis, rank - 1]
    rest = tuple(type.shape[a] for a in order[:-2])
    if type.dtype == "f64":
        matrix = matrix.astype(np.float64)
    moved = b.transpose(x, order, node.loc, f"{hint}_moved")
    rows = b.reshape(moved, (prod(rest), n * parts), node.loc, f"{hint}_rows")
    weights = b.constant(matrix.reshape(n * parts, out * made), f"{hint}_matrix")
    flat = TensorType(type.dtype, (prod(rest), out * made))
    (product,) = b.emit("MatMul", (rows, weights), (flat,), node.loc, (f"{hint}_product",))
    split = b.reshape(product, (*rest, out, made), node.loc, f"{hint}_split")
    back = [order.index(a) for a in range(rank)]
    return b.transpose(split, back, node.loc, hint)


TABLE = {"DFT": dft, "STFT": stft}

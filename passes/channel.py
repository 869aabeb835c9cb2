"""Linear operators with constant weights, seen the same way: out[c] = Σ W·in + bias[c], with c on one axis."""

import numpy as np

from ppc.ir.module import Array, Op
from ppc.passes.rewrite import Rewriter

LINEAR = ("Gemm", "MatMul", "Conv", "ConvTranspose")


def is_linear(op: Op | None, r: Rewriter) -> bool:
    """A Gemm (canonical), MatMul, Conv or ConvTranspose whose weights and bias are constants with data."""
    if op is None or op.name not in LINEAR or r.is_constant(op.operands[0]):
        return False
    if r.data(op.operands[1]) is None or any(r.data(o) is None for o in op.operands[2:]):
        return False
    if op.name == "Gemm":
        return is_canonical_gemm(op, r)
    return op.name != "MatMul" or len(r.type_of(op.operands[1]).shape) == 2


def is_canonical_gemm(op: Op, r: Rewriter) -> bool:
    """x·B + c with c of shape (N,): what `canonicalize-gemm` leaves."""
    plain = all(op.attrs.get(k, d) == d for k, d in (("alpha", 1.0), ("beta", 1.0), ("transA", 0), ("transB", 0)))
    return plain and (len(op.operands) < 3 or len(r.type_of(op.operands[2]).shape) == 1)


def can_add_bias(op: Op) -> bool:
    return op.name != "MatMul"


def out_axis(op: Op, r: Rewriter) -> int:
    """The axis of the result that the bias goes along."""
    return len(r.type_of(op.results[0]).shape) - 1 if op.name in ("Gemm", "MatMul") else 1


def bias(op: Op, r: Rewriter) -> Array:
    """The bias in float64, zeros where there is none."""
    given = r.data(op.operands[2]) if len(op.operands) > 2 else None
    return given if given is not None else np.zeros(r.type_of(op.results[0]).shape[out_axis(op, r)])


def along(c: Array, shape: tuple[int, ...], axis: int) -> Array | None:
    """The vector v with broadcast(c)[..., i, ...] = v[i] on `axis`; None where c varies on another axis as well,
    or is larger than `shape`."""
    padded = (1,) * (len(shape) - len(c.shape)) + c.shape
    if len(c.shape) > len(shape) or any(n not in (1, m) for n, m in zip(padded, shape, strict=True)):
        return None
    full = np.broadcast_to(c, shape)
    index = tuple(slice(None) if a == axis else slice(0, 1) for a in range(len(shape)))
    vector = full[index]
    return vector.reshape(-1).copy() if np.array_equal(full, np.broadcast_to(vector, shape)) else None


def scale_outputs(op: Op, w: Array, v: Array) -> Array:
    """Weights of v[c]·out[c]."""
    if op.name in ("Gemm", "MatMul"):
        return np.asarray(w * v)
    if op.name == "Conv":
        return np.asarray(w * v.reshape(-1, *[1] * (w.ndim - 1)))
    group = int(str(op.attrs.get("group", 1)))
    split = w.reshape(group, w.shape[0] // group, *w.shape[1:])
    return np.asarray(split * v.reshape(group, 1, -1, *[1] * (w.ndim - 2))).reshape(w.shape)


def scale_inputs(op: Op, w: Array, v: Array) -> Array:
    """Weights of the operator on v[c]·in[c] (c along the contracted axis, or the channels)."""
    if op.name in ("Gemm", "MatMul"):
        return np.asarray(w * v[:, None])
    if op.name == "ConvTranspose":
        return np.asarray(w * v.reshape(-1, *[1] * (w.ndim - 1)))
    group = int(str(op.attrs.get("group", 1)))
    split = w.reshape(group, w.shape[0] // group, *w.shape[1:])
    return np.asarray(split * v.reshape(group, 1, -1, *[1] * (w.ndim - 2))).reshape(w.shape)


def bias_of_shift(op: Op, w: Array, v: Array) -> Array | None:
    """What adding v[c] to in[c] adds to the bias; None where padding makes that differ at the border."""
    if op.name in ("Gemm", "MatMul"):
        return np.asarray(v @ w)
    pads = op.attrs.get("pads", ())
    if op.name != "Conv" or (isinstance(pads, tuple) and any(pads)):
        return None
    shifted = scale_inputs(op, w, v)
    return np.asarray(shifted.reshape(w.shape[0], -1).sum(1))

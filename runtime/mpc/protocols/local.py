"""Operators that move shares and compute nothing: no round, exact."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels.order import cum_sum as kernel
from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]


def shared(e: Engine, operand: Ring | Weight) -> Ring:
    """An operand as a share at 16 fractional bits."""
    return e.constant(operand, FRACTION_BITS) if isinstance(operand, Weight) else operand


def identity(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    return x


def reshape(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    shape = [int(n) for n in attrs["shape"]]
    if not attrs.get("allowzero", 0):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    return x.reshape(shape)


def transpose(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    perm = attrs.get("perm")
    return x.transpose(tuple(perm) if perm else tuple(range(x.ndim))[::-1])


def slice_of(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    """ONNX clamps starts and ends to the axis, as Python does; a negative step may end before the first element."""
    starts, ends = attrs["starts"], attrs["ends"]
    axes = attrs.get("axes") or range(len(starts))
    steps = attrs.get("steps") or [1] * len(starts)
    index: list[slice] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if step < 0 and end < -x.shape[axis] else int(end)
        index[axis] = slice(int(start), stop, int(step))
    return x[tuple(index)]


def concat(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Ring:
    return np.concatenate([shared(e, o) for o in operands], axis=int(attrs["axis"]))


def pad(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    """Modes constant, reflect, edge and wrap; negative pads are not ONNX's common case and are refused."""
    pads, rank = [int(p) for p in attrs["pads"]], x.ndim
    axes = [int(a) % rank for a in attrs.get("axes") or range(rank)]
    if min(pads) < 0:
        raise PartyError("PPC6006", "Pad with negative pads has no MPC protocol; write it as a Slice")
    around = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        around[axis] = (pads[i], pads[i + len(axes)])
    mode = attrs.get("mode", "constant")
    if mode == "constant":
        value = ring.encode(float(attrs.get("value", 0.0))) * e.first
        return np.pad(x, around, constant_values=value)
    return np.pad(x, around, mode=mode)


def expand(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    shape = np.broadcast_shapes(x.shape, tuple(int(n) for n in attrs["shape"]))
    return np.broadcast_to(x, shape)


def tile(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    return np.tile(x, tuple(int(n) for n in attrs["repeats"]))


def trilu(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    k = int(attrs.get("k", 0))
    return np.triu(x, k) if attrs.get("upper", 1) else np.tril(x, k)


def cum_sum(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    """Running sums are sums of shares: the kernel's, mod 2^64."""
    return kernel(x, axis=int(attrs["axis"]), exclusive=attrs.get("exclusive", 0), reverse=attrs.get("reverse", 0))


def depth_to_space(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    """Blocks of channels become blocks of pixels, in the order that `mode` names."""
    n, c, h, w = x.shape
    b = int(attrs["blocksize"])
    if attrs.get("mode", "DCR") == "DCR":
        x = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        x = x.reshape(n, c // (b * b), b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(n, c // (b * b), h * b, w * b)


def space_to_depth(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    n, c, h, w = x.shape
    b = int(attrs["blocksize"])
    x = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    return x.reshape(n, c * b * b, h // b, w // b)

"""Attributes of windows, as ONNX has them."""

from collections.abc import Mapping
from typing import Any

from ppc.runtime.mpc.ring import Shape


def pads_of(attrs: Mapping[str, Any], spatial: Shape, kernel: Shape, strides: Shape, dilations: Shape) -> Shape:
    """Begins, then ends; resolves `auto_pad`, and extends the ends where `ceil_mode` asks for a last partial window."""
    rank = len(kernel)
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    auto = attrs.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        total = [max((-(-n // s) - 1) * s + w - n, 0) for n, s, w in zip(spatial, strides, span, strict=True)]
        small, large = [t // 2 for t in total], [t - t // 2 for t in total]
        return (*small, *large) if auto == "SAME_UPPER" else (*large, *small)
    pads = list(attrs.get("pads") or (0,) * (2 * rank))
    if attrs.get("ceil_mode", 0):
        for i in range(rank):
            room = spatial[i] + pads[i] + pads[i + rank] - span[i]
            last = -(-room // strides[i]) * strides[i]
            if last < spatial[i] + pads[i]:  # a window must begin inside the input or its begin padding
                pads[i + rank] += last - room
    return tuple(pads)


def axes_of(attrs: Mapping[str, Any], rank: int) -> Shape:
    """The reduced axes, none meaning all, counted from the front."""
    axes = attrs.get("axes")
    if axes is None or (len(axes) == 0 and not attrs.get("noop_with_empty_axes", 0)):
        return tuple(range(rank))
    return tuple(sorted(int(a) % rank for a in axes))

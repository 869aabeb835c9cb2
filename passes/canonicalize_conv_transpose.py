"""A ConvTranspose with constant weights is a Conv with as many outputs as there are phases, interleaved.

y[o, s·i + p] = Σ_m x[c, i − m] w[c, o, s·m + p]: for each phase p < s a convolution with every s-th tap (polyphase
decomposition), without a product by the zeros that a stride would put between the inputs. A Slice takes the pads off.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from ppc.ir.module import Array, Attr, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite
from ppc.runtime.kernels.conv import transpose_pads


@dataclass(frozen=True)
class CanonicalizeConvTranspose(Pass):
    """Output paddings beyond the last tap keep the operator, as do weights that are values."""

    name: ClassVar[str] = "canonicalize-conv-transpose"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"ConvTranspose": (_to_conv,)})


def _ints(op: Op, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    given = op.attrs.get(name)
    return tuple(int(str(n)) for n in given) if isinstance(given, tuple) and given else default


def _to_conv(op: Op, r: Rewriter) -> None:
    x, w, *rest = op.operands
    weights, bias = r.data(w), r.data(rest[0]) if rest and rest[0] else None
    type, out = r.type_of(x), r.type_of(op.results[0])
    if weights is None or r.is_constant(x) or (rest and rest[0] and bias is None) or 0 in out.shape:
        return
    rank, dims = len(type.shape) - 2, type.shape[2:]
    ones = (1,) * rank
    strides, dilations = _ints(op, "strides", ones), _ints(op, "dilations", ones)
    extra = _ints(op, "output_padding", (0,) * rank)
    given, wanted = _ints(op, "pads", ()) or None, _ints(op, "output_shape", ()) or None
    auto = str(op.attrs.get("auto_pad", "NOTSET"))
    pads, _ = transpose_pads(dims, weights.shape[2:], strides, dilations, extra, auto, given, wanted)
    group = int(str(op.attrs.get("group", 1)))
    filters = phases(weights, strides, dilations, group)
    taps = filters.shape[2:]
    wide = tuple(n + k - 1 for n, k in zip(dims, taps, strict=True))
    full = tuple(n * s for n, s in zip(wide, strides, strict=True))
    ends = tuple(p + n for p, n in zip(pads, out.shape[2:], strict=False))
    if min(pads) < 0 or any(end > n for end, n in zip(ends, full, strict=True)):
        return
    hint, (batch, channels) = op.results[0], out.shape[:2]
    around = tuple(k - 1 for k in taps)
    attrs: dict[str, Attr] = {"pads": around * 2, "strides": ones, "dilations": ones, "group": group}
    operands = [x, r.constant(filters, r.type_of(w).dtype, w)]
    if bias is not None:
        operands.append(r.constant(np.repeat(bias, prod(strides)), r.type_of(rest[0]).dtype, rest[0]))

    steps: list[tuple[str, tuple[int, ...], dict[str, Attr]]] = [("Conv", (batch, len(filters), *wide), attrs)]
    if prod(strides) > 1:  # (N, M, s..., i...) -> (N, M, i s, ...)
        split = (batch, channels, *strides, *wide)
        order = (0, 1, *(a for i in range(rank) for a in (2 + rank + i, 2 + i)))
        steps.append(("Reshape", split, {"shape": split}))
        steps.append(("Transpose", tuple(split[a] for a in order), {"perm": order}))
        steps.append(("Reshape", (batch, channels, *full), {"shape": (batch, channels, *full)}))
    if full != out.shape[2:]:
        starts, axes = tuple(pads[:rank]), tuple(range(2, 2 + rank))
        steps.append(("Slice", out.shape, {"starts": starts, "ends": ends, "axes": axes, "steps": ones}))
    for name, shape, attrs in steps[:-1]:
        operands = [r.insert_before(op, name, operands, TensorType(out.dtype, shape), f"{hint}_{name.lower()}", attrs)]
    r.replace(op, steps[-1][0], operands, steps[-1][2])


def phases(w: Array, strides: tuple[int, ...], dilations: tuple[int, ...], group: int) -> Array:
    """(C, M/group, k...) -> (M · phases, C/group, taps...): the filters, a channel's phases one after another."""
    rank = w.ndim - 2
    spread = tuple((k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True))
    taps = tuple(-(-k // s) for k, s in zip(spread, strides, strict=True))
    dense = np.zeros((*w.shape[:2], *(t * s for t, s in zip(taps, strides, strict=True))))
    places: tuple[Any, ...] = tuple(slice(0, n, d) for n, d in zip(spread, dilations, strict=True))
    dense[(slice(None), slice(None), *places)] = w
    parts = tuple(n for pair in zip(taps, strides, strict=True) for n in pair)
    dense = dense.reshape(group, w.shape[0] // group, w.shape[1], *parts)
    tap_axes, phase_axes = [3 + 2 * i for i in range(rank)], [4 + 2 * i for i in range(rank)]
    dense = dense.transpose(0, 2, *phase_axes, 1, *tap_axes)
    dense = dense.reshape(-1, w.shape[0] // group, *taps)
    return np.flip(dense, tuple(range(2, 2 + rank)))

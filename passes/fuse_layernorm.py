"""LayerNormalization, as exporters before opset 17 write it.

    d = x - mean(x),   y = d / sqrt(mean(d²) + epsilon),   y·scale + bias

the means along the last axis, scale and bias constants along it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.channel import along
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class FuseLayerNorm(Pass):
    """Assumes `canonicalize-arithmetic` (the square is Mul(d, d))."""

    name: ClassVar[str] = "fuse-layernorm"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Div": (_normalise,), "Mul": (_scale,), "Add": (_shift,)})


def _normalise(op: Op, r: Rewriter) -> None:
    """Div(d, Sqrt(Add(ReduceMean(Mul(d, d)), epsilon))) → LayerNormalization with scale 1."""
    d = op.operands[0]
    centred, root = r.producer(d), r.producer(op.operands[1])
    if root is None or root.name != "Sqrt" or centred is None or centred.name != "Sub":
        return
    x = centred.operands[0]
    add = r.producer(root.operands[0])
    epsilon = r.data(add.operands[1]) if add and add.name == "Add" else None
    if add is None or epsilon is None or epsilon.size != 1:
        return
    square = _mean_of(add.operands[0], r)
    product = r.producer(square) if square else None
    if product is None or product.name != "Mul" or product.operands != (d, d) or _mean_of(centred.operands[1], r) != x:
        return
    type = r.type_of(x)
    ones = r.constant(np.ones(type.shape[-1]), type.dtype, "@" + op.results[0] + "_scale")
    attrs = {"axis": len(type.shape) - 1, "epsilon": float(epsilon.reshape(-1)[0])}
    r.replace(op, "LayerNormalization", (x, ones), attrs)


def _mean_of(name: str, r: Rewriter) -> str | None:
    """The operand of a mean along the last axis that keeps it."""
    op = r.producer(name)
    if op is None or op.name != "ReduceMean" or not op.attrs.get("keepdims", 1):
        return None
    return op.operands[0] if op.attrs.get("axes") == (len(r.type_of(op.operands[0]).shape) - 1,) else None


def _scale(op: Op, r: Rewriter) -> None:
    norm = _norm_before(op, r)
    if norm is None:
        return
    scale, data = r.data(norm.operands[1]), r.data(op.operands[1])
    shape = r.type_of(norm.results[0]).shape
    v = along(data, shape, len(shape) - 1) if data is not None else None
    if v is None or scale is None or len(norm.operands) > 2:
        return
    new = r.constant(scale * v, r.type_of(norm.operands[1]).dtype, op.operands[1])
    r.replace(op, norm.name, (norm.operands[0], new), norm.attrs)
    r.remove(norm)


def _shift(op: Op, r: Rewriter) -> None:
    norm = _norm_before(op, r)
    if norm is None or len(norm.operands) > 2:
        return
    data, shape = r.data(op.operands[1]), r.type_of(norm.results[0]).shape
    v = along(data, shape, len(shape) - 1) if data is not None else None
    if v is None:
        return
    new = r.constant(v, r.type_of(norm.operands[1]).dtype, op.operands[1])
    r.replace(op, norm.name, (*norm.operands, new), norm.attrs)
    r.remove(norm)


def _norm_before(op: Op, r: Rewriter) -> Op | None:
    norm = r.producer(op.operands[0])
    if norm is None or norm.name != "LayerNormalization" or not r.only_reader(op.operands[0]):
        return None
    return norm if norm.attrs.get("axis") == len(r.type_of(norm.results[0]).shape) - 1 else None

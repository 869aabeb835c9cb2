"""A constant factor or addend before a linear operator goes into its weights: it absorbs the normalisation.

    W·(x·v) + b = (W·diag(v))·x + b            W·(x + v) + b = W·x + (b + W·v)

The addend of a Conv is folded only without padding (the border would differ). Reshapes between the two are passed
through where the constant, reshaped, still goes along the contracted axis alone.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.channel import LINEAR, along, bias, bias_of_shift, can_add_bias, is_linear, scale_inputs
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class FoldInputAffine(Pass):
    """Assumes `canonicalize-arithmetic` and `canonicalize-gemm`."""

    name: ClassVar[str] = "fold-input-affine"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, dict.fromkeys(LINEAR, (_fold,)))


def _fold(op: Op, r: Rewriter) -> None:
    affine = _source(op.operands[0], r)
    if affine is None or affine.name not in ("Mul", "Add") or not is_linear(op, r):
        return
    y, c = affine.operands
    data, weights, out = r.data(c), r.data(op.operands[1]), r.type_of(affine.results[0]).shape
    if data is None or weights is None or r.type_of(y).shape != out or r.is_constant(y):
        return
    shape = r.type_of(op.operands[0]).shape
    axis = len(shape) - 1 if op.name in ("Gemm", "MatMul") else 1
    v = along(np.broadcast_to(data, out).reshape(shape), shape, axis)
    if v is None or (affine.name == "Add" and not can_add_bias(op)):
        return
    dtype = r.type_of(op.operands[1]).dtype
    operands = list(op.operands)
    if affine.name == "Mul":
        operands[1] = r.constant(scale_inputs(op, weights, v), dtype, op.operands[1], c)
    else:
        shift = bias_of_shift(op, weights, v)
        if shift is None:
            return
        like = operands[2] if len(operands) > 2 else c
        operands[2:] = [r.constant(bias(op, r) + shift, dtype, like, c, operands[1])]
    r.replace(op, op.name, operands, op.attrs)
    r.bypass(affine, y)


def _source(name: str, r: Rewriter) -> Op | None:
    """The op behind any Reshapes, where each value on the way has one reader."""
    while r.only_reader(name):
        op = r.producer(name)
        if op is None or op.name != "Reshape":
            return op
        name = op.operands[0]
    return None

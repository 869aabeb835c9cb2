"""A constant factor or addend behind a linear operator goes into its weights.

    (W·x + b)·v = (W·diag(v))·x + b·v          (W·x + b) + v = W·x + (b + v)

for v along the output channel of Conv, ConvTranspose, Gemm, MatMul (MatMul has no bias: the factor only).
"""

from dataclasses import dataclass
from typing import ClassVar

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.channel import along, bias, can_add_bias, is_linear, out_axis, scale_outputs
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class FoldAffine(Pass):
    """Assumes `canonicalize-arithmetic`: the constant is the second operand of Mul or Add."""

    name: ClassVar[str] = "fold-affine"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Mul": (_fold,), "Add": (_fold,)})


def _fold(op: Op, r: Rewriter) -> None:
    x, c = op.operands
    linear, data = r.producer(x), r.data(c)
    if linear is None or data is None or not is_linear(linear, r) or not r.only_reader(x):
        return
    if op.name == "Add" and not can_add_bias(linear):
        return
    v = along(data, r.type_of(x).shape, out_axis(linear, r))
    weights = r.data(linear.operands[1])
    if v is None or weights is None:
        return
    operands = list(linear.operands[:2])
    dtype = r.type_of(operands[1]).dtype
    if op.name == "Mul":
        operands[1] = r.constant(scale_outputs(linear, weights, v), dtype, linear.operands[1], c)
    if op.name == "Add" or len(linear.operands) > 2:
        new = bias(linear, r) * v if op.name == "Mul" else bias(linear, r) + v
        operands.append(r.constant(new, dtype, linear.operands[-1] if len(linear.operands) > 2 else c, c))
    r.replace(op, linear.name, operands, linear.attrs, linear.loc)
    r.remove(linear)

"""Two Gemms in a row are one: (x·A + a)·B + b = x·(A·B) + (a·B + b)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.channel import bias, is_linear
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class FoldLinearChain(Pass):
    """Only where the product of the weights is no larger than the two together: a bottleneck stays."""

    name: ClassVar[str] = "fold-linear-chain"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Gemm": (_merge,)})


def _merge(op: Op, r: Rewriter) -> None:
    first = r.producer(op.operands[0])
    if first is None or first.name != "Gemm" or not r.only_reader(op.operands[0]):
        return
    if not (is_linear(op, r) and is_linear(first, r)):
        return
    a, b = r.data(first.operands[1]), r.data(op.operands[1])
    assert a is not None and b is not None  # is_linear says so
    if a.shape[0] * b.shape[1] > a.size + b.size:
        return
    dtype = r.type_of(op.operands[1]).dtype
    operands = [first.operands[0], r.constant(np.asarray(a @ b), dtype, op.operands[1], first.operands[1])]
    if len(first.operands) > 2 or len(op.operands) > 2:
        like = op.operands[2] if len(op.operands) > 2 else first.operands[2]
        operands.append(r.constant(bias(first, r) @ b + bias(op, r), dtype, like, *first.operands[1:]))
    r.replace(op, "Gemm", operands, op.attrs)
    r.remove(first)

"""A Transpose that is flattened into a Gemm becomes an order of the rows of its weights.

With y = reshape(transpose(x)), element i of a sample of y is element p(i) of that sample of x, so that
y·B = x·B' with B'[p(i)] = B[i]. Channels-last models flatten this way.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.channel import is_linear
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class FoldTranspose(Pass):
    name: ClassVar[str] = "fold-transpose"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Gemm": (_fold,)})


def _fold(op: Op, r: Rewriter) -> None:
    flat = r.producer(op.operands[0])
    if flat is None or flat.name != "Reshape" or not r.only_reader(flat.results[0]) or not is_linear(op, r):
        return
    turn = r.producer(flat.operands[0])
    if turn is None or turn.name != "Transpose" or not r.only_reader(turn.results[0]):
        return
    perm, shape = turn.attrs["perm"], r.type_of(turn.operands[0]).shape
    rows = r.type_of(flat.results[0]).shape
    assert isinstance(perm, tuple)
    if perm[0] != 0 or rows[0] != shape[0]:  # the batch must stay where it is
        return
    order = np.arange(rows[1]).reshape(shape[1:]).transpose([int(str(p)) - 1 for p in perm[1:]]).reshape(-1)
    weights = r.data(op.operands[1])
    assert weights is not None  # is_linear says so
    permuted = np.empty_like(weights)
    permuted[order] = weights
    constant = r.constant(permuted, r.type_of(op.operands[1]).dtype, op.operands[1])
    r.replace(op, "Gemm", (op.operands[0], constant, *op.operands[2:]), op.attrs)
    r.replace(flat, "Reshape", turn.operands, flat.attrs)
    r.remove(turn)

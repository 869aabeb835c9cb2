"""A constant number times a product of two values goes into the weights of the layer that made one of them.

    s · (V(W·x + b) @ y) = V((s·W)·x + s·b) @ y          V: views

The scores of an attention are scaled so. Fewer products at run time: a round under MPC, a level under HE.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage, Value
from ppc.passes.base import Pass
from ppc.passes.channel import is_linear
from ppc.passes.rewrite import Rewriter, rewrite

#: What only moves the elements of its first operand, and so commutes with a number.
_VIEWS = ("Identity", "Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Flatten", "Expand")


@dataclass(frozen=True)
class FoldScale(Pass):
    """Assumes `canonicalize-arithmetic`: the constant is the second operand of Mul or Add."""

    name: ClassVar[str] = "fold-scale"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Mul": (_fold,)})


def _fold(op: Op, r: Rewriter) -> None:
    x, s = op.operands
    factor, product = r.data(s), r.producer(x)
    if factor is None or factor.size != 1 or not np.isfinite(factor).all() or r.type_of(x) != r.type_of(op.results[0]):
        return
    if product is None or product.name != "MatMul" or any(r.is_constant(o) for o in product.operands):
        return
    if product.operands[0] == product.operands[1] or not r.only_reader(x):
        return
    for operand in product.operands:
        path = [*_path(operand, r)]
        if path and is_linear(path[-1], r):
            for each in path:
                _scale(each, s, float(factor.reshape(-1)[0]), r)
            if r.bypass(op, x):
                r.values[x] = Value(r.type_of(x))
            else:  # an output keeps its name
                r.replace(op, product.name, product.operands, product.attrs, product.loc)
                r.remove(product)
            return


def _path(value: str, r: Rewriter) -> Iterator[Op]:
    """The ops that a value came through, back to a layer with weights; each read by the next alone."""
    while r.only_reader(value):
        op = r.producer(value)
        if op is None:
            return
        yield op
        moves = op.name in _VIEWS or (op.name == "Add" and r.data(op.operands[1]) is not None)
        if not moves or r.is_constant(op.operands[0]):
            return
        value = op.operands[0]


def _scale(op: Op, s: str, factor: float, r: Rewriter) -> None:
    """Multiply an op's constants that are numbers to compute with; its result changes."""
    if op.name not in _VIEWS:
        operands = [op.operands[0], *(_scaled(o, s, factor, r) for o in op.operands[1:])]
        r.replace(op, op.name, operands, op.attrs)
    for result in op.results:
        r.values[result] = Value(r.type_of(result))  # a calibrated range no longer holds


def _scaled(constant: str, s: str, factor: float, r: Rewriter) -> str:
    data = r.data(constant)
    assert data is not None  # is_linear and `_path` say so
    return r.constant(data * factor, r.type_of(constant).dtype, constant, s)

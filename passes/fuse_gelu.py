"""The erf form of Gelu, as exporters before opset 20 write it: x·(1 + erf(x/√2))·½, the factors in any order."""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite

TOLERANCE = 1e-6  # of the two constants, which are f32 in the model


@dataclass(frozen=True)
class FuseGelu(Pass):
    """Assumes `canonicalize-arithmetic` (a division by √2 is a product; constants are second operands)."""

    name: ClassVar[str] = "fuse-gelu"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Mul": (_fuse,)})


def _fuse(op: Op, r: Rewriter) -> None:
    values, factor = _factors(op, r)
    if len(values) != 2 or factor is None or abs(factor - 0.5) > TOLERANCE:
        return
    for x, other in (values, values[::-1]):
        if _is_one_plus_erf(other, x, r) and r.type_of(x) == r.type_of(op.results[0]):
            r.replace(op, "Gelu", (x,), {"approximate": "none"})
            return


def _factors(op: Op, r: Rewriter) -> tuple[list[str], float | None]:
    """The values that a tree of Mul multiplies, and the product of its scalar constants (None: not scalar)."""
    values: list[str] = []
    factor = 1.0
    todo = list(op.operands)
    while todo:
        name = todo.pop()
        inner, data = r.producer(name), r.data(name)
        if data is not None:
            if data.size != 1:
                return [], None
            factor *= float(data.reshape(-1)[0])
        elif inner is not None and inner.name == "Mul" and r.only_reader(name):
            todo.extend(inner.operands)
        else:
            values.append(name)
    return values, factor


def _is_one_plus_erf(name: str, x: str, r: Rewriter) -> bool:
    add = r.producer(name)
    if add is None or add.name != "Add" or not _is_scalar(add.operands[1], 1.0, r):
        return False
    erf = r.producer(add.operands[0])
    if erf is None or erf.name != "Erf":
        return False
    scaled = r.producer(erf.operands[0])
    if scaled is None or scaled.name != "Mul" or scaled.operands[0] != x:
        return False
    return _is_scalar(scaled.operands[1], 1 / sqrt(2), r)


def _is_scalar(name: str, value: float, r: Rewriter) -> bool:
    data = r.data(name)
    return data is not None and data.size == 1 and abs(float(data.reshape(-1)[0]) - value) <= TOLERANCE

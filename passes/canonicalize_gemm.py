"""One form for matrix products with constant weights: Gemm x·B + c with B (K×N), c (N,), no factors, no transposes.

α·x·op(B) + β·C = x·(α·op(B)) + β·C          MatMul of two matrices is a Gemm without c
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Attr, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.channel import along, is_canonical_gemm
from ppc.passes.rewrite import Rewriter, rewrite

PLAIN: dict[str, Attr] = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}


@dataclass(frozen=True)
class CanonicalizeGemm(Pass):
    """A Gemm of two values, and one whose C differs between rows, stay as they are."""

    name: ClassVar[str] = "canonicalize-gemm"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Gemm": (_gemm,), "MatMul": (_matmul,)})


def _matmul(op: Op, r: Rewriter) -> None:
    x, b = op.operands
    matrices = len(r.type_of(x).shape) == 2 and len(r.type_of(b).shape) == 2
    if matrices and r.data(b) is not None and not r.is_constant(x):
        r.replace(op, "Gemm", (x, b), PLAIN)


def _gemm(op: Op, r: Rewriter) -> None:
    x, b, *rest = op.operands
    weights = r.data(b)
    if weights is None or r.is_constant(x) or is_canonical_gemm(op, r):
        return
    shape, dtype = r.type_of(op.results[0]).shape, r.type_of(b).dtype
    c = rest[0] if rest else ""
    addend = r.data(c) if c else np.zeros(1)
    if addend is None:  # a value: leave the Gemm as it is
        return
    beta = float(str(op.attrs.get("beta", 1.0)))
    vector = along(addend * beta, shape, 1)
    if vector is None:
        return
    alpha = float(str(op.attrs.get("alpha", 1.0)))
    if op.attrs.get("transA", 0):
        m, k = r.type_of(x).shape
        turned = TensorType(r.type_of(x).dtype, (k, m))
        x = r.insert_before(op, "Transpose", (x,), turned, f"{op.results[0]}_turned", {"perm": (1, 0)})
    if op.attrs.get("transB", 0) or alpha != 1.0:
        b = r.constant((weights.T if op.attrs.get("transB", 0) else weights) * alpha, dtype, b)
    operands = [x, b]
    if c and (beta != 1.0 or r.type_of(c).shape != (shape[1],)):
        operands.append(r.constant(vector, dtype, c))
    elif c:
        operands.append(c)
    r.replace(op, "Gemm", operands, PLAIN)

"""BatchNormalization at inference is a factor and an addend a channel.

    y = (x - mean)·scale / sqrt(var + epsilon) + B = x·a + b,   a = scale / sqrt(var + epsilon),   b = B - mean·a

`fold-affine` and `fold-input-affine` then take a and b into the Conv, ConvTranspose or Gemm beside it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class FuseBatchNorm(Pass):
    """A BatchNormalization whose statistics are values (not constants) stays."""

    name: ClassVar[str] = "fuse-batchnorm"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"BatchNormalization": (_decompose,)})


def _decompose(op: Op, r: Rewriter) -> None:
    x, *names = op.operands
    scale, shift, mean, var = (r.data(n) for n in names)
    if scale is None or shift is None or mean is None or var is None:
        return
    a = scale / np.sqrt(var + float(str(op.attrs.get("epsilon", 1e-5))))
    b = shift - mean * a
    type = r.type_of(x)
    shape = (-1,) + (1,) * max(len(type.shape) - 2, 0)
    factor = r.constant(a.reshape(shape), type.dtype, names[0], *names)
    addend = r.constant(b.reshape(shape), type.dtype, names[1], *names)
    scaled = r.insert_before(op, "Mul", (x, factor), type, f"{op.results[0]}_scaled")
    r.replace(op, "Add", (scaled, addend))

"""A nearest-neighbour Resize by whole factors repeats each element: Reshape, Expand, Reshape, which MPC has."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite
from ppc.runtime import kernels


@dataclass(frozen=True)
class CanonicalizeResize(Pass):
    """Which element an output takes is seen by resizing the coordinates of each axis with the kernel itself."""

    name: ClassVar[str] = "canonicalize-resize"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Resize": (_repeat,)})


def _repeat(op: Op, r: Rewriter) -> None:
    x, out = op.operands[0], r.type_of(op.results[0])
    type, hint = r.type_of(x), op.results[0]
    if op.attrs.get("mode", "nearest") != "nearest" or 0 in out.shape:
        return
    factors = tuple(large // small for large, small in zip(out.shape, type.shape, strict=True))
    for axis, (small, factor) in enumerate(zip(type.shape, factors, strict=True)):
        line = np.arange(small, dtype=np.float64).reshape([small if a == axis else 1 for a in range(len(type.shape))])
        (taken,) = kernels.run("Resize", [np.broadcast_to(line, type.shape)], op.attrs)
        want = np.repeat(line, factor, axis)
        if taken.shape != out.shape or factor * small != out.shape[axis] or not (taken == want).all():
            return
    apart = tuple(n for small in type.shape for n in (small, 1))
    wide = tuple(n for small, factor in zip(type.shape, factors, strict=True) for n in (small, factor))
    split = r.insert_before(op, "Reshape", (x,), TensorType(type.dtype, apart), f"{hint}_apart", {"shape": apart})
    many = r.insert_before(op, "Expand", (split,), TensorType(type.dtype, wide), f"{hint}_repeated", {"shape": wide})
    r.replace(op, "Reshape", (many,), {"shape": out.shape})

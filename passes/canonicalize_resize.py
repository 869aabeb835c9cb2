"""A nearest-neighbour Resize by whole factors repeats each element: Reshape, Expand, Reshape, which every target has."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ppc.ir.module import Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite
from ppc.runtime.kernels.resize import resize as meaning


@dataclass(frozen=True)
class CanonicalizeResize(Pass):
    """Whether the rounding of the coordinates is a plain repetition is seen by running the kernel on one axis."""

    name: ClassVar[str] = "canonicalize-resize"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Resize": (_repeat,)})

"""Everything between import and the first decision: all clean-up passes, until none finds work."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.module import Module, Stage
from ppc.passes.base import Pass
from ppc.passes.registry import pass_class

#: In this order, round after round.
STEPS = (
    "canonicalize-ml",
    "canonicalize-svm",
    "canonicalize-trees",
    "canonicalize-arithmetic",
    "canonicalize-gemm",
    "canonicalize-gather",
    "canonicalize-resize",
    "canonicalize-views",
    "fold-constants",
    "fuse-gelu",
    "fuse-layernorm",
    "fuse-batchnorm",
    "fold-affine",
    "fold-input-affine",
    "fold-scale",
    "fold-linear-chain",
    "fold-transpose",
    "dce",
)
#: Once the others have settled: what they fold into a ConvTranspose (BatchNorm), they would not fold into its Conv.
LATE = ("canonicalize-conv-transpose",)
MAX_ROUNDS = 64  # each round shortens a chain by at least one op; models settle after 3 to 6


@dataclass(frozen=True)
class Fold(Pass):
    """Exact rewrites only: in float64 the result equals the imported module up to the rounding of the new weights."""

    name: ClassVar[str] = "fold"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.FOLDED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        for names in (STEPS, (*STEPS, *LATE)):
            module = _settled(module, [pass_class(name)() for name in names])
        return replace(module, stage=Stage.FOLDED)


def _settled(module: Module, steps: list[Pass]) -> Module:
    for _ in range(MAX_ROUNDS):
        before = module
        for step in steps:
            module = step(module)
        if module is before:
            break
    return module

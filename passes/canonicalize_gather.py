"""A Gather at constant indices that are one number, or evenly spaced, is a Slice (and a Reshape)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Attr, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite


@dataclass(frozen=True)
class CanonicalizeGather(Pass):
    """Slices are views, which every target has; a Gather needs more. Indices were made non-negative at import."""

    name: ClassVar[str] = "canonicalize-gather"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"Gather": (_to_slice,)})


def _to_slice(op: Op, r: Rewriter) -> None:
    x, i = op.operands
    indices = r.data(i)
    if indices is None or r.is_constant(x) or indices.size == 0:
        return
    axis = int(str(op.attrs.get("axis", 0)))
    flat = indices.reshape(-1).astype(np.int64)
    steps = np.diff(flat)
    step = int(steps[0]) if len(steps) else 1
    if step < 1 or (steps != step).any() or flat[0] < 0:
        return
    attrs: dict[str, Attr] = {
        "starts": (int(flat[0]),), "ends": (int(flat[-1]) + 1,), "axes": (axis,), "steps": (step,)
    }  # fmt: skip
    type = r.type_of(x)
    out = r.type_of(op.results[0])
    sliced = TensorType(type.dtype, (*type.shape[:axis], len(flat), *type.shape[axis + 1 :]))
    if sliced == out:
        r.replace(op, "Slice", (x,), attrs)
    else:
        part = r.insert_before(op, "Slice", (x,), sliced, f"{op.results[0]}_slice", attrs)
        r.replace(op, "Reshape", (part,), {"shape": out.shape})

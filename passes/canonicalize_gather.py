"""A Gather at constant, evenly spaced indices is a Slice; one from a constant table at a value is a matrix product."""

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
        return rewrite(module, {"Gather": (_to_slice, _to_product)})


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


MOST_HOT = 1 << 22  # elements of the one-hot rows


def _to_product(op: Op, r: Rewriter) -> None:
    """A row of a constant table at an index that is a value: one-hot rows times the table, which no party sees through.

    The owner of an input makes the rows itself; an index that is computed (ArgMax) is compared with 0, 1, ...
    """
    table, index = op.operands
    data = r.data(table)
    if data is None or r.is_constant(index) or int(str(op.attrs.get("axis", 0))) != 0 or data.ndim == 0:
        return
    type, out, hint = r.type_of(index), r.type_of(op.results[0]), op.results[0]
    depth, rows = data.shape[0], type.size
    if data.dtype.kind not in "fiu" or not 0 < rows * depth <= MOST_HOT or data.size == 0:
        return
    whole = data.dtype.kind in "iu"  # integers stay integers: a Cast back would cut towards zero
    dtype, values = ("i64", (0, 1)) if whole else ("f32", (0.0, 1.0))

    def step(name: str, operands: tuple[str, ...], dtype: str, dims: tuple[int, ...], **attrs: Attr) -> str:
        return r.insert_before(op, name, operands, TensorType(dtype, dims), f"{hint}_{name.lower()}", attrs)

    flat = step("Reshape", (index,), type.dtype, (rows,), shape=(rows,))
    hot = step("OneHot", (flat,), dtype, (rows, depth), axis=-1, depth=depth, values=values)
    columns = r.constant(data.reshape(depth, -1), dtype, f"{table}_rows", table)
    picked = step("MatMul", (hot, columns), dtype, (rows, data.size // depth))
    if out.dtype != dtype:
        picked = step("Cast", (picked,), out.dtype, (rows, data.size // depth), to=out.dtype)
    r.replace(op, "Reshape", (picked,), {"shape": out.shape})

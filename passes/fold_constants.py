"""Constant folding: an op whose operands are all constants becomes a constant."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter
from ppc.runtime import kernels

_NUMPY = {"i64": "int64", "i32": "int32", "i16": "int16", "i8": "int8", "u64": "uint64", "u32": "uint32",
          "u16": "uint16", "u8": "uint8", "bool": "bool"}  # fmt: skip


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Runs the numpy kernel (in float64) on ops with constant operands; an op without a kernel stays.

    The result of an op that is an output of the module stays an op: outputs are values.
    """

    name: ClassVar[str] = "fold-constants"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        r = Rewriter(module)
        for first in [op.results[0] for op in module.ops]:
            self._fold(r.ops[first], r)
        return r.finish()

    def _fold(self, op: Op, r: Rewriter) -> None:
        if op.name not in kernels.KERNELS or any(result in r.module.outputs for result in op.results):
            return
        operands = [r.data(o) if o else None for o in op.operands]
        if any(o and array is None for o, array in zip(op.operands, operands, strict=True)):
            return
        with np.errstate(all="ignore"):  # an infinity or NaN is what the model says
            arrays = kernels.run(op.name, operands, op.attrs)
        for result, array in zip(op.results, arrays, strict=False):
            dtype = r.values[result].type.dtype
            data = np.asarray(array).astype(_NUMPY.get(dtype, array.dtype))
            constant = r.constant(data, dtype, "@" + result, *op.operands)
            for reader in r.readers(result):
                operands_of = tuple(constant if o == result else o for o in reader.operands)
                r.replace(reader, reader.name, operands_of, reader.attrs)
        r.remove(op)

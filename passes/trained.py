"""Trained numbers of an ai.onnx.ml operator, wherever they stand: an attribute, or the constant that import made."""

import numpy as np

from ppc.ir.module import Array, Op
from ppc.ir.ops import opdef
from ppc.ir.parameters import PARAMETERS
from ppc.passes.rewrite import Rewriter


def trained(op: Op, r: Rewriter, name: str) -> Array | None:
    """The values in float64 (or integers), None where there are none."""
    names = PARAMETERS[op.name]
    at = opdef(op.name).arity[1] - len(names) + names.index(name)
    if at < len(op.operands) and op.operands[at]:
        return r.data(op.operands[at])
    given = op.attrs.get(name)
    return np.asarray(given, np.float64) if isinstance(given, tuple) and given else None

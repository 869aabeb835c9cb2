"""Operators that cost the same, and small ones that stand for large ones: what a count of an operator may rest on.

What HE lowers depends on shapes and attributes alone, never on the values of weights.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from ppc.ir.label import Label
from ppc.ir.module import Constant, Module, Op
from ppc.ir.types import TensorType
from ppc.targets.he.work import Work

#: Structural non-zeros from which on a convolution is counted on fewer channels.
LARGE = 1 << 19
#: Channels that a smaller convolution keeps at least.
FEWEST_CHANNELS = 4


def signature(op: Op, module: Module) -> tuple[object, ...]:
    """Equal for two operators that are lowered alike."""
    names = op.operands
    types = tuple(module.type_of(o) if o else None for o in names)
    secret = tuple(bool(o) and not o.startswith("@") for o in names)
    same = tuple(names.index(o) for o in names)
    results = tuple(module.type_of(r) for r in op.results)
    attrs = tuple(sorted(op.attrs.items()))
    return op.name, attrs, types, secret, same, results, module.attrs.get("batch", 1)


@dataclass(frozen=True)
class Part:
    """An operator that stands for a larger one, and the shares of its input's and of its result's channels."""

    op: Op
    module: Module
    left: float = 1.0
    right: float = 1.0


def smaller(op: Op, module: Module, entries: int) -> Part:
    """A convolution with many structural non-zeros, on fewer channels; any other operator as it is."""
    if op.name != "Conv" or entries <= LARGE or op.attrs.get("group", 1) != 1:
        return Part(op, module)
    x, w = module.type_of(op.operands[0]), module.type_of(op.operands[1])
    filters, channels = w.shape[:2]
    left, right = channels, filters
    while left * right * entries > LARGE * channels * filters and max(left, right) > FEWEST_CHANNELS:
        if left >= right:
            left = -(-left // 2)
        else:
            right = -(-right // 2)
    y = module.type_of(op.results[0])
    label = Label()
    constants = {"@w": _zeros((right, left, *w.shape[2:]), w.dtype, label)}
    operands = ["x", "@w"]
    if len(op.operands) > 2 and op.operands[2]:
        constants["@b"] = _zeros((right,), w.dtype, label)
        operands.append("@b")
    value = module.values[op.operands[0]]
    values = {
        "x": replace(value, type=TensorType(x.dtype, (x.shape[0], left, *x.shape[2:]))),
        "y": replace(value, type=TensorType(y.dtype, (y.shape[0], right, *y.shape[2:]))),
    }
    made = replace(op, operands=tuple(operands), results=("y",))
    small = replace(module, inputs=("x",), outputs=("y",), ops=(made,), values=values, constants=constants)
    return Part(made, small, left / channels, right / filters)


def _zeros(shape: tuple[int, ...], dtype: str, label: Label) -> Constant:
    return Constant(TensorType(dtype, shape), label, "", np.zeros(shape))


def grown(work: Work, left: float, right: float) -> Work:
    """The work of the whole from that of a part: a product a pair of ciphertexts and shift, baby steps an input
    ciphertext, giant steps an output one, and the best split between the two."""
    return replace(
        work,
        rotations=work.rotations / sqrt(left * right),
        weights=work.weights / (left * right),
        outputs=work.outputs / right,
        results=work.results / right,
    )

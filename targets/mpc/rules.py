"""How each operator is counted: rows that `ops.OPS` names, from the sizes of an op to gates (`counts`)."""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from ppc.ir.module import Module, Op
from ppc.ir.ops.linalg import einsum_extents
from ppc.runtime.kernels.resize import axis_matrices
from ppc.targets.mpc import counts
from ppc.targets.mpc.counts import NOTHING, Count
from ppc.targets.mpc.ops import OPS


class _Facts:
    """Sizes of one op, as the counting rules need them."""

    def __init__(self, op: Op, module: Module):
        self.op = op
        self.operands = [module.type_of(name).shape for name in op.operands if name]
        self.shared = [not name.startswith("@") for name in op.operands if name]
        self.weights = [s for s, shared in zip(self.operands, self.shared, strict=True) if not shared]
        self.x = prod(next((s for s, shared in zip(self.operands, self.shared, strict=True) if shared), ()))
        self.out_shape = module.type_of(op.results[0]).shape
        self.out = prod(self.out_shape)
        self.secrets = sum(self.shared)

    def axis_size(self, default: int) -> int:
        shape = self.operands[0]
        return shape[int(self.op.attrs.get("axis", default)) % len(shape)]  # type: ignore[arg-type]

    def multiply_accumulates(self) -> int:
        """Of a linear layer with its weight (or second operand)."""
        if self.op.name == "Conv":
            return self.out * prod(self.operands[1][1:])
        if self.op.name == "Einsum":
            _, extents = einsum_extents(str(self.op.attrs["equation"]), self.operands)
            return prod(extents.values())
        if self.op.name in ("Gemm", "MatMul"):
            inner = self.operands[0][0 if self.op.attrs.get("transA") else -1]
            return self.out * inner
        return self.out


def _linear(f: _Facts) -> Count:
    macs = f.multiply_accumulates()
    if len(f.shared) > 1 and f.shared[0] and f.shared[1]:
        return counts.product(prod(f.operands[0]), prod(f.operands[1]), f.out, macs) + counts.truncate(f.out)
    return counts.weighted(f.x, f.out, macs)


def _mul(f: _Facts) -> Count:
    if f.secrets == 2:
        return counts.product(prod(f.operands[0]), prod(f.operands[1]), f.out, f.out) + counts.truncate(f.out)
    return counts.weighted(f.x, f.out, f.out)


def _div(f: _Facts) -> Count:
    if f.secrets == 2 or f.shared == [False, True]:
        return counts.quotient(prod(f.operands[0]), prod(f.operands[1]), f.out, not f.shared[0])
    return counts.weighted(f.x, f.out, f.out)


def _maximum(f: _Facts) -> Count:
    name = f.op.name
    if name in ("Max", "Min"):
        return counts.maximum(len(f.operands), f.out)
    if name == "MaxPool":
        return counts.maximum(prod(f.op.attrs["kernel_shape"]), f.out)  # type: ignore[arg-type]
    return counts.maximum(f.x // max(f.out, 1), f.out)


def _log_softmax(f: _Facts) -> Count:
    row = f.axis_size(-1) if f.op.name == "LogSoftmax" else f.x // max(f.out, 1)
    return counts.log_softmax(f.x, row)


def _norm(f: _Facts) -> Count:
    attrs: Mapping[str, Any] = f.op.attrs
    shape, epsilon = f.operands[0], float(attrs.get("epsilon", 1e-5))
    if f.op.name == "InstanceNormalization":
        return counts.norm(f.x, prod(shape[2:]), epsilon)
    if f.op.name == "GroupNormalization":
        return counts.norm(f.x, f.x // shape[0] // int(attrs["num_groups"]), epsilon)
    if f.op.name == "MeanVarianceNormalization":
        return counts.norm(f.x, prod(shape[a] for a in attrs.get("axes", (0, 2, 3))), 0.0, scaled=False)
    row = prod(shape[int(attrs.get("axis", -1)) % len(shape) :])
    return counts.norm(f.x, row, epsilon, centre=f.op.name == "LayerNormalization")


def _gather(f: _Facts) -> Count:
    data, index = f.operands
    depth, places = data[int(f.op.attrs.get("axis", 0)) % len(data)], prod(index)  # type: ignore[arg-type]
    if not f.shared[1]:
        return counts.weighted(prod(data), f.out, f.out * depth)
    hot = counts.one_hot(places, depth)
    if not f.shared[0]:
        return hot + counts.weighted(places * depth, f.out, f.out * depth)
    return hot + counts.product(places * depth, prod(data), f.out, f.out * depth)


def _resize(f: _Facts) -> Count:
    attrs: Mapping[str, Any] = f.op.attrs
    if attrs.get("mode", "nearest") == "nearest":
        return Count({"element": f.out})
    total, shape = NOTHING, list(f.operands[0])
    for axis, matrix in axis_matrices(shape, attrs):
        shape[axis] = len(matrix)
        total += counts.truncate(prod(shape), 20)
    return total


def _einsum(f: _Facts) -> Count:
    if len(f.operands) == 1:
        return Count({"element": f.x})
    return _linear(f)


def _recurrent(f: _Facts) -> Count:
    attrs: Mapping[str, Any] = f.op.attrs
    first, second, width = f.operands[0]
    time, batch = (second, first) if attrs.get("layout") else (first, second)
    directions, _, hidden = f.operands[2]
    variant = bool(attrs.get("linear_before_reset")) if f.op.name == "GRU" else _cells(attrs) == {"relu"}
    return counts.recurrent(f.op.name, time, batch, width, hidden, directions, variant)


def _cells(attrs: Mapping[str, Any]) -> set[str]:
    """Activations of a recurrent net, in lower case."""
    return {str(name).lower() for name in attrs.get("activations") or ()}


def _celu(f: _Facts) -> Count:
    alpha = float(f.op.attrs.get("alpha", 1.0))  # type: ignore[arg-type]
    again = NOTHING if alpha == 1.0 else counts.truncate(f.out, 20) * 2 + counts.compare(f.out, 2)
    return counts.compare(f.out, 2) + counts.exponential(f.out, 5, 22) + again


def _elu(f: _Facts) -> Count:
    plain = float(f.op.attrs.get("alpha", 1.0)) == 1.0  # type: ignore[arg-type]
    after = NOTHING if plain else counts.truncate(f.out, 20)
    return counts.compare(f.out, 2) + counts.exponential(f.out, 5, 22) + after


def _swish(f: _Facts) -> Count:
    plain = float(f.op.attrs.get("alpha", 1.0)) == 1.0  # type: ignore[arg-type]
    return counts.smooth(f.out, 6) + (NOTHING if plain else counts.truncate(f.out, 20) * 2)


#: How an operator is counted: rows that `ops.OPS` names.
COUNTS: Mapping[str, Callable[[_Facts], Count]] = {
    "local": lambda f: Count({"element": f.out}),
    "weighted": _linear,
    "matmul": _linear,
    "mean": lambda f: counts.truncate(f.out, 26) + Count({"element": f.x}),
    "mul": _mul,
    "div": _div,
    "square": lambda f: counts.square(f.x) + counts.truncate(f.out),
    "product": lambda f: counts.product(prod(f.operands[0]), f.out, f.out, f.out) + counts.truncate(f.out),
    "compare": lambda f: counts.compare(f.out, 1, f.op.name in ("Relu", "Abs", "ThresholdedRelu")),
    "compare2": lambda f: counts.compare(f.out, _thresholds(f.op), f.op.name in ("Clip", "Shrink")),
    "compare_scaled": lambda f: counts.compare(f.out) + counts.truncate(f.out, 20),
    "compare2_scaled": lambda f: counts.compare(f.out, 2) + counts.truncate(f.out, 20),
    "hard_swish": lambda f: (
        counts.compare(f.out, 2) + counts.product(f.out, f.out, f.out, f.out) + counts.truncate(f.out, 36)
    ),
    "compare_weighted": lambda f: counts.compare(f.out) + counts.weighted(f.out, f.out, f.out),
    "maximum": _maximum,
    "arg_maximum": lambda f: counts.maximum(f.axis_size(0), f.x // f.axis_size(0), 2),
    "table5": lambda f: counts.smooth(f.out, 5),
    "table6": lambda f: counts.smooth(f.out, 6),
    "swish": _swish,
    "periodic": lambda f: counts.table(f.out, 5),
    "elu": _elu,
    "celu": _celu,
    "selu": lambda f: counts.compare(f.out, 2) + counts.exponential(f.out, 5, 22) + counts.truncate(f.out, 20) * 2,
    "exp": lambda f: counts.compare(f.out, 2) + counts.exponential(f.out, 5, 22),
    "reciprocal": lambda f: counts.reciprocal(f.out),
    "root": lambda f: counts.root(f.out, f.op.name == "Sqrt"),
    "log": lambda f: counts.logarithm(f.out),
    "softsign": lambda f: counts.softsign(f.out),
    "softmax": lambda f: counts.softmax(f.x, f.axis_size(-1)),
    "log_softmax": _log_softmax,
    "norm": _norm,
    "lp_norm": lambda f: counts.lp_norm(f.x, f.axis_size(-1), int(f.op.attrs.get("p", 2))),  # type: ignore[arg-type]
    "gather": _gather,
    "one_hot": lambda f: counts.one_hot(f.x, int(f.op.attrs["depth"])),  # type: ignore[arg-type]
    "hardmax": lambda f: counts.ranks(f.x, f.axis_size(-1)) + counts.compare(f.x, 1, False),
    "top_k": lambda f: counts.top_k(f.x, f.axis_size(-1), int(f.op.attrs["k"])),  # type: ignore[arg-type]
    "whole": lambda f: counts.whole(f.x, 1),
    "round": lambda f: counts.whole(f.x, 2),
    "resize": _resize,
    "einsum": _einsum,
    "mean_of": lambda f: counts.truncate(f.out, 26),
    "l1": lambda f: counts.compare(f.x),
    "l2": lambda f: counts.square(f.x) + counts.truncate(f.out) + counts.root(f.out, True),
    "log_sum": lambda f: counts.logarithm(f.out),
    "product_tree": lambda f: counts.product_tree(f.x, max(f.out, 1)),
    "recurrent": _recurrent,
}


def _thresholds(op: Op) -> int:
    return len({"min", "max"} & set(op.attrs)) if op.name == "Clip" else 2


def count(op: Op, module: Module) -> Count:
    """What a step of this operator takes."""
    return COUNTS[OPS[op.name].count](_Facts(op, module)) + Count({"call": 1})

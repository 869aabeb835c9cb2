"""How each operator is counted: rows that `ops.OPS` names, from the sizes of an op to gates (`counts`)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from ppc.ir.module import Module, Op
from ppc.ir.ops.linalg import einsum_extents
from ppc.runtime.kernels.resize import axis_matrices
from ppc.runtime.schema import FRACTION_BITS, MPC_ATTRIBUTES, Tables
from ppc.targets.mpc import lrn
from ppc.targets.mpc.counts import compare, functions, linear, recurrent, rows
from ppc.targets.mpc.counts.count import CHECKED, NOTHING, Count
from ppc.targets.mpc.fuse import norm_row
from ppc.targets.mpc.ops import OPS

#: An attribute of a module in which neither holder of shares knows the weights (docs/decisions/0011).
MASKED_WEIGHTS = "mpc.masked_weights"


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
        bits: Any = op.attrs.get("operand_bits", (FRACTION_BITS,))
        self.shift = bits[0] - FRACTION_BITS  # by how much the first operand is truncated in its opening
        self.keep = "fraction_bits" in op.attrs  # the result is left to be truncated so
        self.tables = Tables.of(op.attrs)

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
        return _of_two(f, macs)
    return linear.weighted(f.x, f.out, macs, keep=f.keep)


def _mul(f: _Facts) -> Count:
    return _of_two(f, f.out) if f.secrets == 2 else linear.weighted(f.x, f.out, f.out, keep=f.keep)


def _of_two(f: _Facts, macs: int) -> Count:
    """A product of two values."""
    found = linear.product(prod(f.operands[0]), prod(f.operands[1]), f.out, macs)
    return found if f.keep else found + linear.truncate(f.out)


def _mean(f: _Facts) -> Count:
    local = Count({"element": f.x})
    return local if f.keep else local + linear.truncate(f.out, 26)


def _compare(f: _Facts, thresholds: int = 1, products: bool = True) -> Count:
    return compare.compare(f.out, thresholds, products, f.shift, f.tables)


def _sign_of(f: _Facts) -> Count:
    return compare.sign_of(f.out, f.shift, f.tables)


def _clip(f: _Facts) -> Count:
    if f.op.name != "Clip":
        return _compare(f, 2, f.op.name == "Shrink")
    limits = len({"min", "max"} & set(f.op.attrs))
    return _compare(f, limits) if limits else linear.truncate(f.out, f.shift) if f.shift else NOTHING


def _div(f: _Facts) -> Count:
    if f.secrets == 2 or f.shared == [False, True]:
        return functions.quotient(prod(f.operands[0]), prod(f.operands[1]), f.out, not f.shared[0], f.tables)
    return linear.weighted(f.x, f.out, f.out, keep=f.keep)


def _maximum(f: _Facts) -> Count:
    name, relu = f.op.name, f.op.name == "ReluMaxPool"
    if name in ("Max", "Min"):
        return compare.maximum(len(f.operands), f.out, tables=f.tables)
    kernel: Any = f.op.attrs.get("kernel_shape")
    candidates = f.x // max(f.out, 1) if kernel is None else prod(kernel)
    return compare.maximum(candidates, f.out, 1, f.shift, relu, f.tables)


def _arg_maximum(f: _Facts) -> Count:
    size = f.axis_size(0)
    return compare.maximum(size, f.x // size, 2, f.shift, tables=f.tables)


def _softmax(f: _Facts) -> Count:
    counted = rows.bounded_softmax if "below" in f.op.attrs else rows.softmax
    return counted(f.x, f.axis_size(-1), f.tables, f.shift)


def _log_softmax(f: _Facts) -> Count:
    row = f.axis_size(-1) if f.op.name == "LogSoftmax" else f.x // max(f.out, 1)
    return rows.log_softmax(f.x, row, f.tables)


def _norm(f: _Facts) -> Count:
    attrs: Mapping[str, Any] = f.op.attrs
    name, shape, epsilon = f.op.name, f.operands[0], float(attrs.get("epsilon", 1e-5))
    row = norm_row(f.op, shape)
    if name == "MeanVarianceNormalization":
        return rows.norm(f.x, row, 0.0, True, False, f.tables, f.shift, f.keep)
    return rows.norm(f.x, row, epsilon, name != "RMSNormalization", True, f.tables, f.shift, f.keep)


def _gather(f: _Facts) -> Count:
    data, index = f.operands
    depth, places = data[int(f.op.attrs.get("axis", 0)) % len(data)], prod(index)  # type: ignore[arg-type]
    if not f.shared[1]:
        return linear.weighted(prod(data), f.out, f.out * depth)
    hot = compare.one_hot(places, depth)
    if not f.shared[0]:
        return hot + linear.weighted(places * depth, f.out, f.out * depth)
    return hot + linear.product(places * depth, prod(data), f.out, f.out * depth)


def _resize(f: _Facts) -> Count:
    attrs: Mapping[str, Any] = {key: value for key, value in f.op.attrs.items() if key not in MPC_ATTRIBUTES}
    if attrs.get("mode", "nearest") == "nearest":
        return Count({"element": f.out})
    total, shape = NOTHING, list(f.operands[0])
    for axis, matrix in axis_matrices(shape, attrs):
        shape[axis] = len(matrix)
        total += linear.truncate(prod(shape), 20)
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
    return recurrent.recurrent(f.op.name, time, batch, width, hidden, directions, variant, f.tables)


def _cells(attrs: Mapping[str, Any]) -> set[str]:
    """Activations of a recurrent net, in lower case."""
    return {str(name).lower() for name in attrs.get("activations") or ()}


def _celu(f: _Facts) -> Count:
    if float(f.op.attrs.get("alpha", 1.0)) == 1.0:  # type: ignore[arg-type]
        return _exponential(f, tail=True)
    first = compare.compare(f.out, 2, tables=f.tables) + linear.truncate(f.out, 20) * 2
    return first + functions.guarded(f.out, 32, 2, 22, tables=f.tables)


def _elu(f: _Facts) -> Count:
    plain = float(f.op.attrs.get("alpha", 1.0)) == 1.0  # type: ignore[arg-type]
    after = NOTHING if plain else linear.truncate(f.out, 20)
    return _exponential(f, tail=True) + after


def _exponential(f: _Facts, tail: bool = False) -> Count:
    return functions.guarded(f.out, 32, 2, 22, f.shift, tail, f.tables)


def _swish(f: _Facts) -> Count:
    plain = float(f.op.attrs.get("alpha", 1.0)) == 1.0  # type: ignore[arg-type]
    return _linear_tail(f, 6, 5) + (NOTHING if plain else linear.truncate(f.out, 20) * 2)


def _linear_tail(f: _Facts, k: int, half: int | None) -> Count:
    return functions.smooth(f.out, k, half, f.shift, f.tables, tail=True)


#: How an operator is counted: rows that `ops.OPS` names.
COUNTS: Mapping[str, Callable[[_Facts], Count]] = {
    "local": lambda f: Count({"element": f.out}),
    "weighted": _linear,
    "matmul": _linear,
    "mean": _mean,
    "mul": _mul,
    "div": _div,
    "square": lambda f: linear.square(f.x) + (NOTHING if f.keep else linear.truncate(f.out)),
    "product": lambda f: linear.product(prod(f.operands[0]), f.out, f.out, f.out) + linear.truncate(f.out),
    "compare": lambda f: (
        _sign_of(f) if f.op.name in ("Relu", "Abs") else _compare(f, 1, f.op.name == "ThresholdedRelu")
    ),
    "compare2": _clip,
    "compare_scaled": lambda f: _sign_of(f) + linear.truncate(f.out, 20),
    "compare2_scaled": lambda f: _compare(f, 2) + linear.truncate(f.out, 20),
    "hard_swish": lambda f: _compare(f, 2) + linear.product(f.out, f.out, f.out, f.out) + linear.truncate(f.out, 36),
    "compare_weighted": lambda f: _sign_of(f) + linear.weighted(f.out, f.out, f.out),
    "maximum": _maximum,
    "arg_maximum": _arg_maximum,
    "table5": lambda f: functions.smooth(f.out, 5, None, f.shift, f.tables),
    "gelu": lambda f: _linear_tail(f, 5, 3),
    "softplus": lambda f: _linear_tail(f, 6, 5),
    "mish": lambda f: _linear_tail(f, 6, None),
    "swish": _swish,
    "periodic": lambda f: functions.table(f.out, 5),
    "elu": _elu,
    "celu": _celu,
    "selu": lambda f: _exponential(f, tail=True) + linear.truncate(f.out, 20) * 2,
    "exp": _exponential,
    "reciprocal": lambda f: functions.reciprocal(f.out, f.tables),
    "root": lambda f: functions.root(f.out, f.tables, f.shift),
    "inverse_root": lambda f: functions.inverse_root(f.out, f.tables),
    "log": lambda f: functions.logarithm(f.out, f.tables),
    "softsign": lambda f: functions.softsign(f.out, f.tables),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "norm": _norm,
    "lrn": lambda f: lrn.count(f.op, f.x, f.tables),
    "lp_norm": lambda f: rows.lp_norm(f.x, f.axis_size(-1), int(f.op.attrs.get("p", 2)), f.tables),  # type: ignore[arg-type]
    "gather": _gather,
    "one_hot": lambda f: compare.one_hot(f.x, int(f.op.attrs["depth"])),  # type: ignore[arg-type]
    "hardmax": lambda f: compare.ranks(f.x, f.axis_size(-1)) + compare.compare(f.x, 1, False),
    "top_k": lambda f: compare.top_k(f.x, f.axis_size(-1), int(f.op.attrs["k"])),  # type: ignore[arg-type]
    "whole": lambda f: compare.whole(f.x, 1, f.tables),
    "round": lambda f: compare.whole(f.x, 2, f.tables),
    "resize": _resize,
    "einsum": _einsum,
    "mean_of": lambda f: linear.truncate(f.out, 26),
    "l1": lambda f: compare.sign_of(f.x, tables=f.tables),
    "l2": lambda f: linear.square(f.x) + functions.root(f.out, f.tables, FRACTION_BITS),
    "log_sum": lambda f: functions.logarithm(f.out, f.tables),
    "product_tree": lambda f: linear.product_tree(f.x, max(f.out, 1)),
    "recurrent": _recurrent,
}


def count(op: Op, module: Module) -> Count:
    """What a step of this operator takes, with the attributes of its step (`ppc.targets.mpc.fuse`)."""
    facts = _Facts(op, module)
    found = COUNTS[OPS[op.name].count](facts) + Count({"call": 1})
    if facts.weights and facts.secrets == 1 and module.attrs.get(MASKED_WEIGHTS):
        found = replace(found, work={**found.work, "mac": 2 * found.work.get("mac", 0.0)})  # with W − B, and with B
    return found


def checked(op: Op, module: Module) -> Count:
    """Of `mpc.checked`; what it truncates is opened beside the count."""
    f = _Facts(op, module)
    return replace(CHECKED + linear.truncate(f.out, f.shift), rounds=CHECKED.rounds) if f.shift else CHECKED

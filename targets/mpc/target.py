"""MPC as a target: what it can run, and what that costs.

Costs come from counted gates (`counts`) times the prices of their units of work. `Cost` has no room for what
travels once a session (masks of weights: 8 bytes an element, server to client).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ppc.ir.module import Module, Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.targets.mpc import counts
from ppc.targets.mpc.counts import Count
from ppc.targets.mpc.ops import OPS
from ppc.targets.numbers import too_large
from ppc.targets.prices import Prices

_NUMBERS = ("f32", "f64", "f16", "i64", "i32", "i16", "i8", "u8", "u16", "u32", "bool")


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
        divisor = prod(f.operands[1])
        after = counts.product(divisor, prod(f.operands[0]), f.out, f.out) + counts.truncate(f.out)
        return counts.reciprocal(divisor) + (after if f.shared[0] else counts.weighted(divisor, f.out, f.out))
    return counts.weighted(f.x, f.out, f.out)


def _power(f: _Facts) -> Count:
    bits = bin(int(float(f.op.attrs["exponent"])))[3:]  # type: ignore[arg-type]
    squares = [counts.square(f.x) + counts.truncate(f.x) for _ in bits]
    return sum(squares + [counts.multiply(f.x) for bit in bits if bit == "1"], counts.NOTHING)


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
    axis = int(f.op.attrs.get("axis", -1))  # type: ignore[arg-type]
    row = prod(f.operands[0][axis % len(f.operands[0]) :])
    return counts.norm(f.x, row, float(f.op.attrs.get("epsilon", 1e-5)))  # type: ignore[arg-type]


def _broadcast(f: _Facts) -> int:
    return f.out


#: How an operator is counted: rows that `ops.OPS` names.
COUNTS: Mapping[str, Callable[[_Facts], Count]] = {
    "local": lambda f: Count({"element": f.out}),
    "weighted": _linear,
    "matmul": _linear,
    "mean": lambda f: counts.truncate(f.out, 26) + Count({"element": f.x}),
    "mul": _mul,
    "div": _div,
    "power": _power,
    "square": lambda f: counts.square(f.x) + counts.truncate(f.out),
    "product": lambda f: counts.product(prod(f.operands[0]), f.out, f.out, f.out) + counts.truncate(f.out),
    "compare": lambda f: counts.compare(f.out, 1, f.op.name in ("Relu", "Abs")),
    "compare2": lambda f: counts.compare(f.out, _thresholds(f.op), f.op.name == "Clip"),
    "compare_scaled": lambda f: counts.compare(f.out) + counts.truncate(f.out, 20),
    "compare2_scaled": lambda f: counts.compare(f.out, 2) + counts.truncate(f.out, 20),
    "hard_swish": lambda f: counts.compare(f.out, 2) + counts.truncate(f.out, 20) + counts.multiply(f.out),
    "compare_weighted": lambda f: counts.compare(f.out) + counts.weighted(f.out, f.out, f.out),
    "maximum": _maximum,
    "arg_maximum": lambda f: counts.maximum(f.axis_size(0), f.x // f.axis_size(0), 2),
    "table5": lambda f: counts.smooth(f.out, 5),
    "table6": lambda f: counts.smooth(f.out, 6),
    "exp": lambda f: counts.compare(f.out, 2) + counts.exponential(f.out, 5, 22),
    "reciprocal": lambda f: counts.reciprocal(f.out),
    "root": lambda f: counts.power_of(f.out, 34) + counts.truncate(f.out, 31),
    "log": lambda f: counts.compare(f.out, 41) + counts.table(f.out, 5),
    "softmax": lambda f: counts.softmax(f.x, f.axis_size(-1)),
    "log_softmax": _log_softmax,
    "norm": _norm,
}


def _thresholds(op: Op) -> int:
    return len({"min", "max"} & set(op.attrs)) if op.name == "Clip" else 2


def count(op: Op, module: Module) -> Count:
    """What a step of this operator takes."""
    return COUNTS[OPS[op.name].count](_Facts(op, module)) + Count({"call": 1})


@dataclass(frozen=True)
class MpcTarget:
    """Additive shares mod 2^64 at client and server, correlated randomness from an offline dealer."""

    domain: Domain = Domain.MPC
    prices: Prices = field(default_factory=Prices.shipped, repr=False)

    def refuses(self, op: Op, module: Module) -> str | None:
        """Why MPC cannot run `op`, or None."""
        if op.name not in OPS:
            return f"MPC has no protocol for {op.name}"
        if len(op.results) != 1:
            return f"MPC gives one result, and this {op.name} has {len(op.results)}"
        names = [name for name in (*op.operands, *op.results) if name]
        other = [module.type_of(name).dtype for name in names if module.type_of(name).dtype not in _NUMBERS]
        if other:
            return f"MPC computes on numbers below 2^30, not on {other[0]}"
        if all(name.startswith("@") for name in names if name in op.operands):
            return "no operand is a value: the node is constant"
        wrong = too_large(op, module, LARGEST)
        if wrong is not None:
            return f"MPC computes on numbers below 2^30, and a constant of this node is {wrong:.3g}"
        return _special(op)

    def cost(self, op: Op, module: Module, rung: HeRung) -> Cost:
        """Online seconds, bytes and rounds of one pass, and what the dealer ships for it."""
        return count(op, module).priced(self.prices.mpc)

    def depth(self, op: Op, module: Module) -> int:
        return 0


#: Fixed point holds no more: a larger constant (the -3.4e38 of an attention mask, an infinity) has no encoding.
LARGEST = 2.0**46


#: Operators that need some operands to be weights, by the position of the first such operand.
_WEIGHTS_FROM = {"Conv": 1, "PRelu": 1, "BatchNormalization": 1, "LayerNormalization": 1}


def _special(op: Op) -> str | None:
    """Limits that depend on operands and attributes."""
    attrs: Mapping[str, Any] = op.attrs
    first = _WEIGHTS_FROM.get(op.name)
    if first is not None and any(name and not name.startswith("@") for name in op.operands[first:]):
        return f"the MPC protocol of {op.name} takes operand {first + 1} and later as weights"
    if first is not None and op.operands[0].startswith("@"):
        return f"the MPC protocol of {op.name} takes its first operand as a value"
    if op.name == "Gemm" and op.operands[0].startswith("@"):
        return "the MPC protocol of Gemm takes its first operand as a value"
    if op.name == "Div" and op.operands[0].startswith("@"):
        return None
    if op.name == "Pow" and (len(op.operands) > 1 or float(attrs.get("exponent", 0)) not in range(1, 17)):
        return "MPC raises to constant whole powers 1..16 (attribute exponent)"
    if op.name == "Gather" and (len(op.operands) > 1 or "indices" not in attrs):
        return "MPC gathers by constant indices only; an index that is secret needs an oblivious protocol"
    if op.name == "Pad" and min(attrs.get("pads", (0,))) < 0:
        return "MPC has no protocol for negative pads"
    return None

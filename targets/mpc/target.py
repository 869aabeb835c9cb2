"""MPC as a target: what it can run, and what that costs.

Costs come from counted gates (`counts`) times the prices of their units of work. `Cost` has no room for what
travels once a session (masks of weights: 8 bytes an element, server to client).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ppc.ir.module import Module, Op
from ppc.ir.target import LAN, Cost, HeRung
from ppc.ir.types import Domain
from ppc.runtime.schema import FRACTION_BITS
from ppc.targets.mpc import counts
from ppc.targets.mpc.counts import Count
from ppc.targets.mpc.fuse import fuse, of_mpc
from ppc.targets.mpc.ops import OPS
from ppc.targets.mpc.tables import choose_tables
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
        bits: Any = op.attrs.get("operand_bits", (FRACTION_BITS,))
        self.shift = bits[0] - FRACTION_BITS  # by how much the first operand is truncated in its opening
        self.keep = "fraction_bits" in op.attrs  # the result is left to be truncated so
        self.small = op.attrs.get("tables") == "small"

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
        return _of_two(f, macs)
    return counts.weighted(f.x, f.out, macs, keep=f.keep)


def _mul(f: _Facts) -> Count:
    return _of_two(f, f.out) if f.secrets == 2 else counts.weighted(f.x, f.out, f.out, keep=f.keep)


def _of_two(f: _Facts, macs: int) -> Count:
    """A product of two values."""
    found = counts.product(prod(f.operands[0]), prod(f.operands[1]), f.out, macs)
    return found if f.keep else found + counts.truncate(f.out)


def _div(f: _Facts) -> Count:
    if f.secrets == 2 or f.shared == [False, True]:
        divisor = prod(f.operands[1])
        after = counts.product(divisor, prod(f.operands[0]), f.out, f.out) + counts.truncate(f.out)
        return counts.reciprocal(divisor, f.small) + (after if f.shared[0] else counts.weighted(divisor, f.out, f.out))
    return counts.weighted(f.x, f.out, f.out, keep=f.keep)


def _mean(f: _Facts) -> Count:
    local = Count({"element": f.x})
    return local if f.keep else local + counts.truncate(f.out, 26)


def _power(f: _Facts) -> Count:
    bits = bin(int(float(f.op.attrs["exponent"])))[3:]  # type: ignore[arg-type]
    squares = [counts.square(f.x) + counts.truncate(f.x) for _ in bits]
    return sum(squares + [counts.multiply(f.x) for bit in bits if bit == "1"], counts.NOTHING)


def _compare(f: _Facts, thresholds: int = 1, products: bool = True) -> Count:
    return counts.compare(f.out, thresholds, products, f.shift, f.small)


def _clip(f: _Facts) -> Count:
    if f.op.name != "Clip":
        return _compare(f, 2, False)
    limits = len({"min", "max"} & set(f.op.attrs))
    return _compare(f, limits) if limits else counts.truncate(f.out, f.shift) if f.shift else counts.NOTHING


def _maximum(f: _Facts) -> Count:
    name, relu = f.op.name, f.op.name == "ReluMaxPool"
    if name in ("Max", "Min"):
        return counts.maximum(len(f.operands), f.out, small=f.small)
    kernel: Any = f.op.attrs.get("kernel_shape")
    candidates = f.x // max(f.out, 1) if kernel is None else prod(kernel)
    return counts.maximum(candidates, f.out, 1, f.shift, relu, f.small)


def _arg_maximum(f: _Facts) -> Count:
    size = f.axis_size(0)
    return counts.maximum(size, f.x // size, 2, f.shift, small=f.small)


def _log_softmax(f: _Facts) -> Count:
    row = f.axis_size(-1) if f.op.name == "LogSoftmax" else f.x // max(f.out, 1)
    return counts.log_softmax(f.x, row, f.small)


def _norm(f: _Facts) -> Count:
    axis = int(f.op.attrs.get("axis", -1))  # type: ignore[arg-type]
    row = prod(f.operands[0][axis % len(f.operands[0]) :])
    return counts.norm(f.x, row, float(f.op.attrs.get("epsilon", 1e-5)), f.small)  # type: ignore[arg-type]


#: How an operator is counted: rows that `ops.OPS` names.
COUNTS: Mapping[str, Callable[[_Facts], Count]] = {
    "local": lambda f: Count({"element": f.out}),
    "weighted": _linear,
    "matmul": _linear,
    "mean": _mean,
    "mul": _mul,
    "div": _div,
    "power": _power,
    "square": lambda f: counts.square(f.x) + counts.truncate(f.out),
    "product": lambda f: counts.product(prod(f.operands[0]), f.out, f.out, f.out) + counts.truncate(f.out),
    "compare": lambda f: _compare(f, 1, f.op.name in ("Relu", "Abs")),
    "compare2": _clip,
    "compare_scaled": lambda f: _compare(f) + counts.truncate(f.out, 20),
    "compare2_scaled": lambda f: _compare(f, 2) + counts.truncate(f.out, 20),
    "hard_swish": lambda f: _compare(f, 2) + counts.truncate(f.out, 20) + counts.multiply(f.out),
    "compare_weighted": lambda f: _compare(f) + counts.weighted(f.out, f.out, f.out),
    "maximum": _maximum,
    "arg_maximum": _arg_maximum,
    "table5": lambda f: counts.smooth(f.out, 5, 3 if f.op.name == "Gelu" else None, f.shift, f.small),
    "table6": lambda f: counts.smooth(f.out, 6, 5, f.shift, f.small),
    "exp": lambda f: counts.guarded(f.out, 32, 2, 22, f.shift, f.op.name == "Elu", f.small),
    "reciprocal": lambda f: counts.reciprocal(f.out, f.small),
    "root": lambda f: counts.power_of(f.out, 34, f.small) + counts.truncate(f.out, 31),
    "log": lambda f: _compare(f, 41) + counts.table(f.out, 5),
    "softmax": lambda f: counts.softmax(f.x, f.axis_size(-1), f.small, f.shift),
    "log_softmax": _log_softmax,
    "norm": _norm,
}


def count(op: Op, module: Module) -> Count:
    """What a step of this operator takes, with the attributes of its step (`ppc.targets.mpc.fuse`)."""
    return COUNTS[OPS[op.name].count](_Facts(op, module)) + Count({"call": 1})


@dataclass(frozen=True)
class MpcTarget:
    """Additive shares mod 2^64 at client and server, correlated randomness from an offline dealer."""

    domain: Domain = Domain.MPC
    prices: Prices = field(default_factory=Prices.shipped, repr=False)
    judge: Callable[[Cost], float] = LAN.seconds  # the objective: what a cost counts for
    _fused: dict[int, tuple[Module, Mapping[str, Op]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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
        return _special(op)

    def cost(self, op: Op, module: Module, rung: HeRung, level: int = 0) -> Cost:
        """Online seconds, bytes and rounds of one pass, and what the dealer ships for it.

        Neighbours share openings: an op counts as if all others that may were in MPC as well, and one that is merged
        into its successor counts nothing.
        """
        step = self._steps(module).get(op.results[0])
        return Cost() if step is None else count(step, module).priced(self.prices.mpc)

    def _steps(self, module: Module) -> Mapping[str, Op]:
        """By result: the steps that MPC would take in this module."""
        found = self._fused.get(id(module))
        if found is None or found[0] is not module:
            steps = self._lowered(module, lambda op: self.refuses(op, module) is None).ops
            found = self._fused[id(module)] = module, {op.results[0]: op for op in steps}
        return found[1]

    def lower(self, module: Module) -> Module:
        """A CONVERTED module with its MPC operators fused, and with the tables that are cheaper by `judge`."""
        return self._lowered(module, of_mpc)

    def _lowered(self, module: Module, takes: Callable[[Op], bool]) -> Module:
        def price(op: Op) -> float:
            return self.judge(count(op, module).priced(self.prices.mpc))

        return choose_tables(fuse(module, takes), takes, price)

    def depth(self, op: Op, module: Module) -> int:
        return 0


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

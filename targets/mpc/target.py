"""MPC as a target: what it can run, and what that costs.

Costs come from counted gates (`counts`) times the prices of their units of work. `Cost` has no room for what
travels once a session (masks of weights: 8 bytes an element, server to client).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from ppc.ir.calibration import measured
from ppc.ir.module import Module, Op
from ppc.ir.ops.linalg import einsum_extents
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.runtime.kernels.resize import axis_maps
from ppc.runtime.ranges import POWERS, declared
from ppc.targets.mpc import counts
from ppc.targets.mpc.counts import NOTHING, Count
from ppc.targets.mpc.ops import OPS
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


def _power(f: _Facts) -> Count:
    exponent = float(f.op.attrs["exponent"])  # type: ignore[arg-type]
    if exponent == -1.0:
        return counts.reciprocal(f.x)
    if exponent in POWERS:
        return counts.root(f.x, exponent > 0)
    bits = bin(int(exponent))[3:]
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
    for axis, matrix in axis_maps(shape, **attrs):
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
    "power": _power,
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
    "root": lambda f: counts.root(f.out, True),
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


@dataclass(frozen=True)
class MpcTarget:
    """Additive shares mod 2^64 at client and server, correlated randomness from an offline dealer."""

    domain: Domain = Domain.MPC
    prices: Prices = field(default_factory=Prices.shipped, repr=False)

    def refuses(self, op: Op, module: Module) -> str | None:
        """Why MPC cannot run `op`, or None."""
        if op.name not in OPS:
            return f"MPC has no protocol for {op.name}"
        if len(op.results) != 1 and op.name not in _SEVERAL:
            return f"MPC gives one result, and this {op.name} has {len(op.results)}"
        names = [name for name in (*op.operands, *op.results) if name]
        other = [module.type_of(name).dtype for name in names if module.type_of(name).dtype not in _NUMBERS]
        if other:
            return f"MPC computes on numbers below 2^30, not on {other[0]}"
        if op.name == "Cast" and (reason := _cuts(op, module)):
            return reason
        if all(name.startswith("@") for name in names if name in op.operands):
            return "no operand is a value: the node is constant"
        return _special(op, module) or _leaves_range(op, module)

    def cost(self, op: Op, module: Module, rung: HeRung) -> Cost:
        """Online seconds, bytes and rounds of one pass, and what the dealer ships for it."""
        return count(op, module).priced(self.prices.mpc)

    def depth(self, op: Op, module: Module) -> int:
        return 0


def _leaves_range(op: Op, module: Module) -> str | None:
    """A function that calibration has seen outside its declared range would give wrong results."""
    found = declared(op.name, op.attrs)
    name = op.operands[found.operand] if found and len(op.operands) > found.operand else ""
    value = module.values.get(name)
    if found is None or value is None or value.range is None:
        return None
    least, most = measured(value.range)
    if not found.leaves(least, most):
        return None
    return f"calibration saw {least:.4g} .. {most:.4g}, and {op.name} holds under MPC for {found}"


#: Operators whose protocols give all their results.
_SEVERAL = ("LSTM", "GRU", "RNN", "TopK")

#: Pairs of elements that TopK and Hardmax compare; 216 bytes of the dealer's each.
MOST_PAIRS = 1 << 21


#: What only moves the elements of its first operand.
_CARRIES = ("Identity", "Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile")


def _cuts(op: Op, module: Module) -> str | None:
    """A number with a fraction becomes an integer by being cut towards zero; a value of shares would keep it."""
    source, to = module.type_of(op.operands[0]).dtype, module.type_of(op.results[0]).dtype
    if not source.startswith("f") or to.startswith("f"):
        return None
    made = module.producer().get(op.operands[0])
    while made is not None and made.name in _CARRIES:
        made = module.producer().get(made.operands[0])
    whole_before = (
        made is not None and made.name == "Cast" and not module.type_of(made.operands[0]).dtype.startswith("f")
    )
    if whole_before or (made is not None and made.name in ("Floor", "Ceil", "Round", "OneHot", "Hardmax")):
        return None
    return "MPC has no protocol that cuts a number towards zero; Floor, Ceil or Round before the Cast would do"


#: Operators that need some operands to be weights, by the position of the first such operand.
_WEIGHTS_FROM = {
    **{name: 1 for name in ("Conv", "PRelu", "BatchNormalization", "LayerNormalization", "RMSNormalization")},
    **{name: 1 for name in ("InstanceNormalization", "GroupNormalization")},
}


def _special(op: Op, module: Module) -> str | None:
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
    if op.name == "Pow" and (len(op.operands) > 1 or float(attrs.get("exponent", 0)) not in (*range(1, 17), *POWERS)):
        return "MPC raises to constant powers: 1..16, -1, 1/2, -1/2 (attribute exponent)"
    if op.name in ("LSTM", "GRU", "RNN"):
        return _recurrent_limits(op)
    if op.name == "Gather" and op.operands[0].startswith("@") and attrs.get("axis", 0) != 0:
        return "MPC takes rows of a table at a secret index, along its first axis only"
    if op.name == "Einsum" and len(op.operands) > 2:
        return "MPC multiplies two operands of Einsum at a time"
    if op.name in ("TopK", "Hardmax"):
        shape = module.type_of(op.operands[0]).shape
        pairs = prod(shape) * (shape[int(attrs.get("axis", -1))] - 1) // 2
        if pairs > MOST_PAIRS:
            return f"MPC compares every pair of a row: {pairs} of them are more than {MOST_PAIRS}"
    if op.name == "Pad" and min(attrs.get("pads", (0,))) < 0:
        return "MPC has no protocol for negative pads"
    return None


def _recurrent_limits(op: Op) -> str | None:
    operands, attrs = (*op.operands, *[""] * 8)[:8], op.attrs
    if operands[0].startswith("@") or not all(o.startswith("@") for o in operands[1:3]):
        return f"the MPC protocol of {op.name} takes a value and weights"
    if operands[3] and not operands[3].startswith("@"):
        return f"the MPC protocol of {op.name} takes its bias as a weight"
    if operands[4]:
        return f"the MPC protocol of {op.name} runs all time steps: lengths of sequences would have to be public"
    if operands[7] or attrs.get("clip") is not None or attrs.get("input_forget"):
        return f"the MPC protocol of {op.name} has no peepholes, no clipping and no coupled gates"
    usual = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}[op.name]
    given = attrs.get("activations")
    names = tuple(str(name).lower() for name in given) if isinstance(given, tuple) and given else usual
    if names not in (usual, usual * 2) and not (op.name == "RNN" and set(names) == {"relu"}):
        return f"the MPC protocol of {op.name} has the usual activations, not {', '.join(names)}"
    return None

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
from ppc.ir.target import LAN, Cost, HeRung
from ppc.ir.types import Domain
from ppc.runtime.ranges import declared
from ppc.targets.mpc import lrn
from ppc.targets.mpc.fuse import fuse, of_mpc
from ppc.targets.mpc.masks import masks_logits
from ppc.targets.mpc.ops import OPS
from ppc.targets.mpc.rules import count
from ppc.targets.mpc.tables import choose_tables
from ppc.targets.numbers import too_large
from ppc.targets.prices import Prices

_NUMBERS = ("f32", "f64", "f16", "i64", "i32", "i16", "i8", "u8", "u16", "u32", "bool")


@dataclass(frozen=True)
class MpcTarget:
    """Additive shares mod 2^64 at two parties, correlated randomness from an offline dealer."""

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
        wrong = too_large(op, module, LARGEST)
        if wrong is not None and not masks_logits(op, module, LARGEST):
            return f"MPC computes on numbers below 2^30, and a constant of this node is {wrong:.3g}"
        return _special(op, module) or _leaves_range(op, module)

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


#: Fixed point holds no more: a larger constant (an infinity) has no encoding, but as a mask (`masks`).
LARGEST = 2.0**46


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
    if op.name in ("LSTM", "GRU", "RNN"):
        return _recurrent_limits(op)
    if op.name == "Gather" and op.operands[0].startswith("@") and attrs.get("axis", 0) != 0:
        return "MPC takes rows of a table at a secret index, along its first axis only"
    if op.name == "Einsum" and len(op.operands) > 2:
        return "MPC multiplies two operands of Einsum at a time"
    if op.name == "Resize" and attrs.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return "MPC resizes to the sizes that are given, without adjusting them to keep a ratio"
    if op.name in ("TopK", "Hardmax"):
        shape = module.type_of(op.operands[0]).shape
        pairs = prod(shape) * (shape[int(attrs.get("axis", -1))] - 1) // 2
        if pairs > MOST_PAIRS:
            return f"MPC compares every pair of a row: {pairs} of them are more than {MOST_PAIRS}"
    if op.name == "LRN":
        return lrn.refuses(op)
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

"""MPC steps that share openings: Relu with MaxPool, and truncations that wait for the next opening.

A product of fixed-point numbers has the fractional bits of both factors. Truncating it takes a round of its own, unless
the step that reads it opens it anyway: then the product keeps its bits (`fraction_bits`), and the reader truncates in
its opening (`operand_bits`). What lies between may move the value and add to it (views, sums).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from ppc.ir.module import Module, Op
from ppc.ir.types import Domain
from ppc.runtime.schema import FRACTION_BITS

WEIGHT_BITS, INVERSE_BITS, NORM_BITS = 20, 26, 48
#: Most fractional bits with which a value is added to others, with which a norm over at most MOST_ROW takes it, and
#: with which the elements of one are summed or their root is taken.
MOST_ADDED, MOST_NORMED, MOST_ROW, MOST_SUMMED, MOST_ROOTED = 42, 36, 1024, 32, 36

#: Steps that truncate their first operand in their own opening.
TRUNCATE = frozenset(
    (
        *("Relu", "LeakyRelu", "PRelu", "Abs", "Sign", "Clip", "HardSigmoid"),
        *("MaxPool", "ReluMaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "ArgMax", "ArgMin"),
        *("Sigmoid", "Tanh", "Erf", "Gelu", "Swish", "Softplus", "Mish", "Exp", "Elu", "Selu", "Softmax"),
    )
)
#: Steps that truncate it where they open its deviations from the mean of a row.
NORMS = frozenset(
    (
        *("LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"),
        "MeanVarianceNormalization",
    )
)
#: Steps that use all fractional bits of their operand: near zero a root has twice as many wrong digits as its operand.
ROOTS = frozenset(("Sqrt",))
#: Steps that leave a value's fractional bits as they are.
PASS = frozenset(
    (
        *("Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Expand"),
        *("DepthToSpace", "SpaceToDepth", "Neg"),
    )
)
#: Steps that leave them as they are, and make larger values.
SUMS = frozenset(("ReduceSum",))
#: Steps that bring their operands to the most fractional bits among them.
ALIGN = frozenset("Add Sub Sum".split())
PASSES = PASS | SUMS | ALIGN

#: The step that tells of values out of range: it opens what it passes on, to truncate it.
CHECKED = "mpc.checked"

OfMpc = Callable[[Op], bool]


def of_mpc(op: Op) -> bool:
    """Is this an operator that was placed in MPC?"""
    return op.domain is Domain.MPC and "." not in op.name


def fuse(module: Module, of_mpc: OfMpc) -> Module:
    """The module with its MPC operators (`of_mpc`; named as in ONNX) fused; all others stay."""
    return _with_bits(_with_relu_pools(module, of_mpc), of_mpc)


def _with_relu_pools(module: Module, of_mpc: OfMpc) -> Module:
    """A Relu before or after a MaxPool becomes one step with it: max and relu commute."""
    uses, gone = module.uses(), set[str]()
    made: dict[str, Op] = {}
    ops: list[Op] = []
    for op in module.ops:
        before = made.get(op.operands[0]) if op.operands else None
        if before is not None and of_mpc(op) and _joins(before, op) and _read_once(before.results[0], module, uses):
            pool = op if op.name == "MaxPool" else before
            ops.remove(before)
            gone.update(before.results)
            op = replace(op, name="ReluMaxPool", operands=before.operands, attrs=pool.attrs)
        ops.append(op)
        if of_mpc(op):
            made.update(dict.fromkeys(op.results, op))
    values = {name: value for name, value in module.values.items() if name not in gone}
    return replace(module, ops=tuple(ops), values=values)


def _joins(before: Op, op: Op) -> bool:
    return (before.name, op.name) in (
        ("Relu", "MaxPool"),
        ("MaxPool", "Relu"),
        ("ReluMaxPool", "Relu"),
    )


def _read_once(value: str, module: Module, uses: dict[str, list[Op]]) -> bool:
    return len(uses[value]) == 1 and value not in module.outputs


def _with_bits(module: Module, of_mpc: OfMpc) -> Module:
    late = _truncated_late(module, of_mpc)
    bits: dict[str, int] = {}
    ops = []
    for op in module.ops:
        read = tuple(bits.get(o, FRACTION_BITS) for o in op.operands)
        if not of_mpc(op) and op.name != CHECKED:
            ops.append(op)
            continue
        result = FRACTION_BITS
        if op.results[0] in late:
            result = _bits_of(op, read)
        attrs = dict(op.attrs)
        if max(read, default=FRACTION_BITS) > FRACTION_BITS:
            attrs["operand_bits"] = read
        if result > FRACTION_BITS:
            attrs["fraction_bits"] = result
            bits[op.results[0]] = result
        ops.append(replace(op, attrs=attrs))
    return replace(module, ops=tuple(ops))


def _bits_of(op: Op, read: tuple[int, ...]) -> int:
    """Fractional bits of a result that is not truncated, of operands with so many."""
    return max(read, default=FRACTION_BITS) if op.name in PASSES else product_bits(op) or FRACTION_BITS


def _truncated_late(module: Module, of_mpc: OfMpc) -> set[str]:
    """Values whose readers all take more fractional bits than FRACTION_BITS."""
    readers, late, natural = module.uses(), set[str](), _natural_bits(module, of_mpc)
    for op in reversed(module.ops):
        for result in op.results:
            reads = readers[result]
            if reads and result not in module.outputs:
                bits = natural.get(result, FRACTION_BITS)
                if all(_takes(r, result, bits, late, module, of_mpc) for r in reads):
                    late.add(result)
    return late


def _natural_bits(module: Module, of_mpc: OfMpc) -> dict[str, int]:
    """Fractional bits of each value at most: those of its product where its readers may truncate it."""
    found, readers = dict[str, int](), module.uses()
    may = TRUNCATE | NORMS | ROOTS | PASSES
    for op in module.ops:
        if of_mpc(op):
            bits = _bits_of(op, tuple(found.get(o, FRACTION_BITS) for o in op.operands))
            for result in op.results:
                if all(r.name == CHECKED or (of_mpc(r) and r.name in may) for r in readers[result]):
                    found[result] = bits
    return found


def _takes(reader: Op, value: str, bits: int, late: set[str], module: Module, of_mpc: OfMpc) -> bool:
    """Does a step truncate a value of so many fractional bits in an opening, or pass it on to one that does?"""
    if reader.name == CHECKED:
        return True
    if not of_mpc(reader):
        return False
    if reader.name in NORMS:
        row = norm_row(reader, module.type_of(value).shape)
        return reader.operands[0] == value and bits <= MOST_NORMED and row <= MOST_ROW
    if reader.name == "Swish" and reader.attrs.get("alpha", 1.0) != 1.0:
        return False  # it is scaled first
    if reader.name in TRUNCATE:
        return reader.operands.index(value) == 0 and reader.operands.count(value) == 1
    if reader.name in ROOTS:
        return bits <= MOST_ROOTED
    most = MOST_ADDED if reader.name in ALIGN else MOST_SUMMED if reader.name in SUMS else bits
    return reader.name in PASSES and bits <= most and reader.results[0] in late


def norm_row(op: Op, shape: tuple[int, ...]) -> int:
    """Elements over which a norm takes its statistics."""
    attrs: Mapping[str, Any] = op.attrs
    if op.name == "InstanceNormalization":
        return prod(shape[2:])
    if op.name == "GroupNormalization":
        return prod(shape[1:]) // int(attrs["num_groups"])
    if op.name == "MeanVarianceNormalization":
        return prod(shape[a] for a in attrs.get("axes", (0, 2, 3)))
    return prod(shape[int(attrs.get("axis", -1)) % len(shape) :])


def product_bits(op: Op) -> int | None:
    """Fractional bits of what an operator gives before it truncates; None where it gives nothing else than truncated
    values."""
    weights = [o.startswith("@") for o in op.operands if o]
    with_weight, of_two = FRACTION_BITS + WEIGHT_BITS, 2 * FRACTION_BITS
    if op.name in ("Conv", "BatchNormalization") or (op.name == "Div" and weights == [False, True]):
        return with_weight
    if op.name in NORMS:
        return NORM_BITS
    if op.name in ("AveragePool", "GlobalAveragePool", "ReduceMean"):
        return FRACTION_BITS + INVERSE_BITS
    if op.name in ("MatMul", "Mul"):
        return with_weight if any(weights) else of_two
    plain_bias = len(weights) == 2 or (weights[2:] == [True] and op.attrs.get("beta", 1.0) == 1.0)
    if op.name == "ReduceSumSquare":
        return of_two
    return with_weight if op.name == "Gemm" and weights[1] and plain_bias else None

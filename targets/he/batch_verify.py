"""The rules of he.batch_* steps, from the steps alone: level, scale, polynomials and layout of each result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ppc.ir.module import Module, Op
from ppc.runtime.batch_layout import BatchLayout
from ppc.runtime.layout import Layout, layout_from_attrs
from ppc.runtime.levels import MOST_BATCH_PRIME_BITS, MOST_ROW_SUM, MOST_SCALE_BITS, Chain
from ppc.targets.he.require import float_attr, int_attr, require

#: Relative difference below which two scales are the same number, but for rounding.
SAME = 1e-9


@dataclass(frozen=True)
class Packed:
    """What the rules know of a batch-packed value."""

    level: int
    scale: float
    polynomials: int
    layout: Layout


def step(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    """The result of a step. Raises InternalError where the step could not run as it stands."""
    largest = max(q.bit_length() for q in chain.primes)
    require(largest <= MOST_BATCH_PRIME_BITS, op, f"computes modulo a prime of {largest} bits")
    level = int_attr(op, "level")
    if op.name != "he.batch_drop":
        for x in operands:
            require(x.level == level, op, f"is planned at level {level} and reads an operand at level {x.level}")
    for x in operands:
        require(_one_a_slot(x.layout), op, "reads a value that has not one sample a slot")
    found = _RULES[op.name](op, operands, chain, relin, module)
    require(found.scale <= 2.0**MOST_SCALE_BITS, op, f"gives a result of scale {found.scale:g}")
    return found


def _linear(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    (x,) = operands
    _, weights, bias = op.operands
    source, target = layout_from_attrs(op.attrs, "in_"), layout_from_attrs(op.attrs, "out_")
    require(source == x.layout, op, "does not read the layout its operand has")
    reads, makes = BatchLayout.of(source), BatchLayout.of(target)
    require(makes is not None, op, "does not give one sample a slot")
    assert reads is not None and makes is not None, "both are required"
    split = (reads.groups, reads.samples), (makes.groups, makes.samples)
    require(split[0] == split[1], op, f"splits the samples into {split[1]} (groups, samples) where {split[0]} come")
    blocks: Any = op.attrs["blocks"]
    rows = sorted(r for found, _ in blocks for r in found)
    require(rows == list(range(makes.elements)), op, "does not write each of its results once")
    inside = all(0 <= c < reads.elements for _, cols in blocks for c in cols)
    require(inside, op, f"reads past {reads.elements} elements")
    require(all(len(cols) for _, cols in blocks), op, "has a result that depends on no element")
    size = sum(len(found) * len(cols) for found, cols in blocks)
    shapes = module.type_of(weights).shape, module.type_of(bias).shape
    wanted = (size,), (makes.elements,)
    require(shapes == wanted, op, f"has constants of shapes {shapes} where {wanted} are read")
    factor = float_attr(op, "weight_scale")
    require(1 < factor <= MOST_ROW_SUM, op, f"scales weights by {factor:g}")
    return Packed(x.level, x.scale * factor, x.polynomials, target)


def _square(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    (x,) = operands
    require(x.polynomials == 2, op, "squares a product that is not relinearised")
    return replace(x, scale=x.scale**2, polynomials=3)


def _mul(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    x, y = operands
    require(x.polynomials == y.polynomials == 2, op, "multiplies a product that is not relinearised")
    require(x.layout == y.layout, op, "meets operands at different places")
    return replace(x, scale=x.scale * y.scale, polynomials=3)


def _sum(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    x, y = operands
    require(x.layout == y.layout, op, "meets operands at different places")
    require(abs(x.scale / y.scale - 1) < SAME, op, f"meets operands of scales {x.scale:g} and {y.scale:g}")
    return replace(x, polynomials=max(x.polynomials, y.polynomials))


def _drop(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    (x,) = operands
    level = int_attr(op, "level")
    require(0 <= level < x.level, op, f"drops to level {level}, not below its operand")
    return replace(x, level=level)


def _rescale(op: Op, operands: Sequence[Packed], chain: Chain, relin: frozenset[int], module: Module) -> Packed:
    (x,) = operands
    out_level = int_attr(op, "out_level")
    require(0 <= out_level <= x.level, op, f"rescales from level {x.level} to level {out_level}")
    known = x.polynomials == 2 or x.level in relin
    require(known, op, f"relinearises at level {x.level}, for which there is no key")
    scale = x.scale
    for q in chain.primes[out_level + 1 : x.level + 1]:
        scale /= q
    return replace(x, level=out_level, scale=scale, polynomials=2)


def _one_a_slot(layout: Layout) -> bool:
    return BatchLayout.of(layout) is not None


Rule = Callable[[Op, Sequence[Packed], Chain, frozenset[int], Module], Packed]

_RULES: dict[str, Rule] = {
    "he.batch_linear": _linear,
    "he.batch_square": _square,
    "he.batch_mul": _mul,
    "he.batch_add": _sum,
    "he.batch_sub": _sum,
    "he.batch_drop": _drop,
    "he.batch_rescale": _rescale,
}

STEPS = tuple(_RULES)

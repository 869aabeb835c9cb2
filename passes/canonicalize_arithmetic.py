"""One form for arithmetic with constants, so that other passes look for one pattern.

c + x → x + c      x - c → x + (-c)      x / c → x · (1/c)
x^½ → Sqrt(x)      x^-½, 1/√x → Rsqrt(x)      x^-1 → Reciprocal(x)      x^2 .. x^16 → products
(x + c) + d → x + (c + d)      (x · c) · d → x · (c · d)      x + 0, x · 1, x^1 → x
    (x · a + b) · c → x · (a · c) + b · c
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Array, Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, rewrite

#: Smallest and largest normal number of a type.
LIMITS = {"f16": (2.0**-14, 65504.0), "f32": (2.0**-126, 2.0**127), "f64": (2.0**-1022, 2.0**1023)}
FLOATS = tuple(LIMITS)


@dataclass(frozen=True)
class CanonicalizeArithmetic(Pass):
    """Floats only, as integers wrap and divide otherwise. A divisor with a zero or a non-finite reciprocal stays."""

    name: ClassVar[str] = "canonicalize-arithmetic"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(
            module,
            {
                "Add": (_constant_last, _merge, _drop_neutral),
                "Mul": (_constant_last, _merge, _merge_affine, _drop_neutral),
                "Sub": (_sub_to_add,),
                "Div": (_div_to_mul,),
                "Pow": (_power,),
                "Reciprocal": (_one_over_root,),
                "Sum": (_sum_of_two,),
            },
        )


def _is_float(op: Op, r: Rewriter) -> bool:
    return r.type_of(op.results[0]).dtype in FLOATS


def _constant_last(op: Op, r: Rewriter) -> None:
    a, b = op.operands
    if r.is_constant(a) and not r.is_constant(b):
        r.replace(op, op.name, (b, a), op.attrs)


def _merge(op: Op, r: Rewriter) -> None:
    """Two constants in a row; only where the second does not widen the result."""
    x, c = op.operands
    inner = r.producer(x)
    data = r.data(c)
    if inner is None or inner.name != op.name or data is None or not r.only_reader(x) or not _is_float(op, r):
        return
    first = r.data(inner.operands[1])
    if first is None:
        return
    both = first + data if op.name == "Add" else first * data
    constant = r.constant(both, r.type_of(c).dtype, c, inner.operands[1])
    r.replace(op, op.name, (inner.operands[0], constant), op.attrs, inner.loc)
    r.remove(inner)


def _merge_affine(op: Op, r: Rewriter) -> None:
    """(x·a + b)·c → x·(a·c) + b·c"""
    shifted, c = op.operands
    add, data = r.producer(shifted), r.data(c)
    if add is None or add.name != "Add" or data is None or not r.only_reader(shifted) or not _is_float(op, r):
        return
    scaled, b = add.operands
    mul, addend = r.producer(scaled), r.data(b)
    if mul is None or mul.name != "Mul" or addend is None or not r.only_reader(scaled):
        return
    factor = r.data(mul.operands[1])
    if factor is None or r.type_of(mul.operands[0]) != r.type_of(op.results[0]):
        return
    type = r.type_of(op.results[0])
    both = r.constant(factor * data, type.dtype, mul.operands[1], c)
    new = r.constant(addend * data, type.dtype, b, c)
    product = r.insert_before(op, "Mul", (mul.operands[0], both), type, f"{op.results[0]}_scaled")
    r.replace(op, "Add", (product, new), {}, add.loc)
    r.remove(add)
    r.remove(mul)


def _drop_neutral(op: Op, r: Rewriter) -> None:
    x, c = op.operands
    data = r.data(c)
    neutral = 0 if op.name == "Add" else 1
    if data is not None and r.type_of(x) == r.type_of(op.results[0]) and bool((data == neutral).all()):
        r.bypass(op, x)


def _sub_to_add(op: Op, r: Rewriter) -> None:
    x, c = op.operands
    data = r.data(c)
    if data is not None and not r.is_constant(x) and _is_float(op, r):
        r.replace(op, "Add", (x, r.constant(-data, r.type_of(c).dtype, c)))


def _div_to_mul(op: Op, r: Rewriter) -> None:
    x, c = op.operands
    data = r.data(c)
    if data is None or r.is_constant(x) or not _is_float(op, r):
        return
    dtype = r.type_of(c).dtype
    inverse = _reciprocal(data, dtype)
    if inverse is not None:
        r.replace(op, "Mul", (x, r.constant(inverse, dtype, c)))


def _reciprocal(data: Array, dtype: str) -> Array | None:
    """1/data; None where it is not a normal number of the type (0, infinity, or too small to be exact)."""
    if not np.isfinite(data).all() or not data.all():
        return None
    inverse = np.asarray(1.0 / data)
    smallest, largest = LIMITS[dtype]
    usable = (abs(inverse) >= smallest) & (abs(inverse) <= largest)
    return inverse if bool(usable.all()) else None


def _power(op: Op, r: Rewriter) -> None:
    x, c = op.operands
    data = r.data(c)
    if data is None or data.size != 1 or r.type_of(x) != r.type_of(op.results[0]) or not _is_float(op, r):
        return
    exponent = float(data.reshape(-1)[0])
    if exponent == 1:
        r.bypass(op, x)
    elif exponent in _ROOTS:
        r.replace(op, _ROOTS[exponent], (x,))
    elif exponent in range(2, 17):
        _squarings(op, r, x, bin(int(exponent))[3:])


_ROOTS = {0.5: "Sqrt", -0.5: "Rsqrt", -1.0: "Reciprocal"}


def _squarings(op: Op, r: Rewriter, x: str, bits: str) -> None:
    """Repeated squaring, `bits` being the exponent's behind its first one."""
    pairs = [pair for bit in bits for pair in ((True, False) if bit == "1" else (True,))]
    result = x
    for square in pairs[:-1]:
        operands = (result, result if square else x)
        result = r.insert_before(op, "Mul", operands, r.type_of(x), f"{op.results[0]}_power")
    r.replace(op, "Mul", (result, result if pairs[-1] else x))


def _one_over_root(op: Op, r: Rewriter) -> None:
    root = r.producer(op.operands[0])
    if root is not None and root.name == "Sqrt" and r.only_reader(op.operands[0]):
        r.replace(op, "Rsqrt", root.operands, {}, root.loc)
        r.remove(root)


def _sum_of_two(op: Op, r: Rewriter) -> None:
    if len(op.operands) == 2:
        r.replace(op, "Add", op.operands)

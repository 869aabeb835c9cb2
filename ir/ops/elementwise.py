"""Rows of elementwise arithmetic."""

from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import MANY, OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import FLOATS, NUMBERS, broadcast, elementwise, of_dtypes, same
from ppc.ir.types import TensorType

_numbers = of_dtypes(NUMBERS, elementwise())
_one = of_dtypes(NUMBERS, same)
_float = of_dtypes(FLOATS, same)


def _pow(types: Types) -> Result:
    """The exponent may have another element type; the result has that of the base."""
    base, exponent = types
    return (TensorType(base.dtype, broadcast(base.shape, exponent.shape)),)


def _polynomial(
    types: Types, *, coefficients: tuple[float, ...], lo: float, hi: float, inner: tuple[Any, ...], gate: bool
) -> Result:
    if not coefficients or not lo < hi:
        raise OpError(f"a polynomial needs coefficients and lo < hi; it has {len(coefficients)} on [{lo}, {hi}]")
    if not all(isinstance(stage, tuple) and stage for stage in inner):
        raise OpError("each inner polynomial needs coefficients")
    return (types[0],)


ADD = declare("Add", Kind.ADDITIVE, 2, _numbers, "Sum of two tensors, broadcast.")
SUB = declare("Sub", Kind.ADDITIVE, 2, _numbers, "Difference of two tensors, broadcast.")
MUL = declare("Mul", Kind.BILINEAR, 2, _numbers, "Product of two tensors, element by element, broadcast.")
DIV = declare("Div", Kind.SMOOTH, 2, _numbers, "Quotient, broadcast; of integers cut towards zero.")
POW = declare("Pow", Kind.SMOOTH, 2, of_dtypes(NUMBERS, _pow), "Base to the power of the exponent, broadcast.")
MOD = declare(
    "Mod", Kind.OTHER, 2, _numbers, "Remainder, with the sign of the divisor unless fmod.", attr("fmod", int, 0)
)
MIN = declare("Min", Kind.COMPARISON, (1, MANY), _numbers, "Smallest of any number of tensors, broadcast.")
MAX = declare("Max", Kind.COMPARISON, (1, MANY), _numbers, "Largest of any number of tensors, broadcast.")
SUM = declare("Sum", Kind.ADDITIVE, (1, MANY), _numbers, "Sum of any number of tensors, broadcast.")
MEAN = declare("Mean", Kind.ADDITIVE, (1, MANY), of_dtypes(FLOATS, elementwise()), "Mean of any number of tensors.")
CLIP = declare(
    "Clip",
    Kind.COMPARISON,
    1,
    _one,
    "Elements limited to [min, max]; an absent bound does not limit.",
    attr("min", float),
    attr("max", float),
)
NEG = declare("Neg", Kind.ADDITIVE, 1, _one, "Negative of each element.")
ABS = declare("Abs", Kind.COMPARISON, 1, _one, "Absolute value of each element.")
SIGN = declare("Sign", Kind.COMPARISON, 1, _one, "-1, 0 or 1 by the sign of each element.")
FLOOR = declare("Floor", Kind.COMPARISON, 1, _float, "Each element rounded down.")
CEIL = declare("Ceil", Kind.COMPARISON, 1, _float, "Each element rounded up.")
ROUND = declare("Round", Kind.COMPARISON, 1, _float, "Each element rounded to the nearest integer, halves to even.")
RECIPROCAL = declare("Reciprocal", Kind.SMOOTH, 1, _float, "One over each element.")
POLYNOMIAL = declare(
    "Polynomial",
    Kind.SMOOTH,
    1,
    of_dtypes(FLOATS, _polynomial),
    "ppc's own: sum of coefficients[k] T_k(t), t = (2x - lo - hi)/(hi - lo), Chebyshev polynomials on [lo, hi]; "
    "of t after the polynomials of `inner`, and with `gate` times t.",
    need("coefficients", tuple),
    attr("lo", float, -1.0),
    attr("hi", float, 1.0),
    attr("inner", tuple, ()),
    attr("gate", bool, False),
)

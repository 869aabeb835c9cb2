"""Rows of comparisons, Booleans and bits."""

import numpy as np

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import FLOATS, INTEGERS, NUMBERS, broadcast, elementwise, of_dtypes, one_of
from ppc.ir.types import TensorType
from ppc.runtime.kernels.logic import STORED

_bools = of_dtypes("bool", elementwise("bool"))
_ordered = of_dtypes(NUMBERS, elementwise("bool"))
_bits = of_dtypes(INTEGERS, elementwise())
_is = of_dtypes(FLOATS, elementwise("bool"))


def _shift(types: Types, *, direction: str) -> Result:
    one_of("direction", direction, ("LEFT", "RIGHT"))
    return _bits(types)


def _bit_cast(types: Types, *, source: str, to: str) -> Result:
    one_of("to", to, tuple(STORED))
    if (
        source != types[0].dtype
        or "str" in (source, to)
        or np.dtype(STORED[source]).itemsize != np.dtype(STORED[to]).itemsize
    ):
        raise OpError(f"the bits of {types[0]} (source {source}) are no {to}")
    return (TensorType(to, types[0].shape),)


def _where(types: Types) -> Result:
    condition, x, y = types
    if condition.dtype != "bool" or x.dtype != y.dtype:
        raise OpError(f"Where needs a bool condition and two branches of one type, not {condition}, {x}, {y}")
    return (TensorType(x.dtype, broadcast(condition.shape, x.shape, y.shape)),)


AND = declare("And", Kind.COMPARISON, 2, _bools, "Logical and, broadcast.")
OR = declare("Or", Kind.COMPARISON, 2, _bools, "Logical or, broadcast.")
XOR = declare("Xor", Kind.COMPARISON, 2, _bools, "Logical exclusive or, broadcast.")
NOT = declare("Not", Kind.ADDITIVE, 1, _bools, "Logical not.")
EQUAL = declare("Equal", Kind.COMPARISON, 2, elementwise("bool"), "x == y, broadcast.")
LESS = declare("Less", Kind.COMPARISON, 2, _ordered, "x < y, broadcast.")
LESSOREQUAL = declare("LessOrEqual", Kind.COMPARISON, 2, _ordered, "x <= y, broadcast.")
GREATER = declare("Greater", Kind.COMPARISON, 2, _ordered, "x > y, broadcast.")
GREATEROREQUAL = declare("GreaterOrEqual", Kind.COMPARISON, 2, _ordered, "x >= y, broadcast.")
BITWISEAND = declare("BitwiseAnd", Kind.OTHER, 2, _bits, "Bitwise and of integers, broadcast.")
BITWISEOR = declare("BitwiseOr", Kind.OTHER, 2, _bits, "Bitwise or of integers, broadcast.")
BITWISEXOR = declare("BitwiseXor", Kind.OTHER, 2, _bits, "Bitwise exclusive or of integers, broadcast.")
BITWISENOT = declare("BitwiseNot", Kind.OTHER, 1, _bits, "Bitwise complement of integers.")
BITSHIFT = declare(
    "BitShift",
    Kind.OTHER,
    2,
    of_dtypes(INTEGERS, _shift),
    "Integers shifted by bits, signed ones with copies of the sign.",
    need("direction", str),
)
BITCAST = declare(
    "BitCast",
    Kind.OTHER,
    1,
    of_dtypes(NUMBERS + " bool", _bit_cast),
    "The same bits as numbers of another type.",
    need("source", str),
    need("to", str),
)
ISNAN = declare("IsNaN", Kind.OTHER, 1, _is, "True where an element is not a number.")
ISINF = declare(
    "IsInf",
    Kind.OTHER,
    1,
    lambda types, **attrs: _is(types),
    "True where an element is infinite.",
    attr("detect_negative", int, 1),
    attr("detect_positive", int, 1),
)
WHERE = declare("Where", Kind.COMPARISON, 3, _where, "The second operand where the first is true, else the third.")

"""Rows of smooth functions of one element: a polynomial may stand for each on an interval."""

from ppc.ir.opdef import AttrSpec, Kind, OpDef
from ppc.ir.ops.declare import Result, Types, attr, declare
from ppc.ir.ops.rules import FLOATS, of_dtypes, one_of, same

_float = of_dtypes(FLOATS, same)


def _smooth(name: str, doc: str, *attrs: AttrSpec) -> OpDef:
    return declare(name, Kind.SMOOTH, 1, _float, doc, *attrs)


def _gelu(types: Types, *, approximate: str) -> Result:
    one_of("approximate", approximate, ("none", "tanh"))
    return (types[0],)


SQRT = _smooth("Sqrt", "Square root of each element.")
RSQRT = _smooth("Rsqrt", "ppc's own: one over the square root of each element.")
EXP = _smooth("Exp", "e to the power of each element.")
LOG = _smooth("Log", "Natural logarithm of each element.")
SIN = _smooth("Sin", "Sine of each element (radians).")
COS = _smooth("Cos", "Cosine of each element (radians).")
TAN = _smooth("Tan", "Tangent of each element (radians).")
ASIN = _smooth("Asin", "Inverse sine of each element.")
ACOS = _smooth("Acos", "Inverse cosine of each element.")
ATAN = _smooth("Atan", "Inverse tangent of each element.")
SINH = _smooth("Sinh", "Hyperbolic sine of each element.")
COSH = _smooth("Cosh", "Hyperbolic cosine of each element.")
ASINH = _smooth("Asinh", "Inverse hyperbolic sine of each element.")
ACOSH = _smooth("Acosh", "Inverse hyperbolic cosine of each element.")
ATANH = _smooth("Atanh", "Inverse hyperbolic tangent of each element.")
TANH = _smooth("Tanh", "Hyperbolic tangent of each element.")
ERF = _smooth("Erf", "Gauss error function of each element.")
SIGMOID = _smooth("Sigmoid", "1 / (1 + exp(-x)).")
SOFTPLUS = _smooth("Softplus", "log(1 + exp(x)).")
SOFTSIGN = _smooth("Softsign", "x / (1 + |x|).")
MISH = _smooth("Mish", "x tanh(softplus(x)).")
SWISH = _smooth("Swish", "x sigmoid(alpha x).", attr("alpha", float, 1.0))
GELU = declare(
    "Gelu",
    Kind.SMOOTH,
    1,
    of_dtypes(FLOATS, _gelu),
    "x times the normal distribution function, or its tanh approximation.",
    attr("approximate", str, "none"),
)

"""Rows of activation functions with a kink, and of the softmax family."""

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare
from ppc.ir.ops.rules import FLOATS, NUMBERS, broadcast, of_dtypes, same, text, with_axis
from ppc.runtime.kernels.activation import SELU_ALPHA, SELU_GAMMA

_float = of_dtypes(FLOATS, same)
_along = of_dtypes(FLOATS, with_axis)


def _prelu(types: Types) -> Result:
    x, slope = types
    if broadcast(x.shape, slope.shape) != x.shape:
        raise OpError(f"PRelu: slope {text(slope.shape)} does not broadcast to {text(x.shape)}")
    return (x,)


RELU = declare("Relu", Kind.COMPARISON, 1, of_dtypes(NUMBERS, same), "max(x, 0).")
LEAKYRELU = declare("LeakyRelu", Kind.COMPARISON, 1, _float, "x, or alpha x where x < 0.", attr("alpha", float, 0.01))
PRELU = declare("PRelu", Kind.COMPARISON, 2, of_dtypes(NUMBERS, _prelu), "x, or slope x where x < 0.")
THRESHOLDEDRELU = declare(
    "ThresholdedRelu", Kind.COMPARISON, 1, _float, "x where x > alpha, else 0.", attr("alpha", float, 1.0)
)
ELU = declare("Elu", Kind.COMPOUND, 1, _float, "x, or alpha (e^x - 1) where x < 0.", attr("alpha", float, 1.0))
SELU = declare(
    "Selu",
    Kind.COMPOUND,
    1,
    _float,
    "gamma times Elu(x, alpha).",
    attr("alpha", float, SELU_ALPHA),
    attr("gamma", float, SELU_GAMMA),
)
CELU = declare(
    "Celu", Kind.COMPOUND, 1, _float, "max(0, x) + min(0, alpha (e^(x/alpha) - 1)).", attr("alpha", float, 1.0)
)
HARDSIGMOID = declare(
    "HardSigmoid",
    Kind.COMPARISON,
    1,
    _float,
    "alpha x + beta, limited to [0, 1].",
    attr("alpha", float, 0.2),
    attr("beta", float, 0.5),
)
HARDSWISH = declare("HardSwish", Kind.COMPARISON, 1, _float, "x times HardSigmoid(x, 1/6, 1/2).")
SHRINK = declare(
    "Shrink",
    Kind.COMPARISON,
    1,
    of_dtypes(NUMBERS, same),
    "x + bias below -lambd, x - bias above lambd, else 0.",
    attr("bias", float, 0.0),
    attr("lambd", float, 0.5),
)
SOFTMAX = declare(
    "Softmax", Kind.COMPOUND, 1, _along, "Exponentials over their sum, along axis.", attr("axis", int, -1)
)
LOGSOFTMAX = declare("LogSoftmax", Kind.COMPOUND, 1, _along, "Logarithm of Softmax along axis.", attr("axis", int, -1))
HARDMAX = declare(
    "Hardmax", Kind.INDEX, 1, _along, "One at the first maximum along axis, else 0.", attr("axis", int, -1)
)

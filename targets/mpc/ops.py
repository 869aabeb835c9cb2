"""What MPC can run, with the limits that a reader should know; and how each operator is counted.

A test asserts that these names are those of `ppc.runtime.mpc.protocols.PROTOCOLS`: the compiler does not import the
engine.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MpcOp:
    """`count` names a row of `ppc.targets.mpc.counts.COUNTS`; `limits` is for the reader of documentation and
    reports."""

    count: str
    limits: str


_LINEAR = "error 2^-16 and |x| 2^-21 a term; |result| < 2^26; a weight is one of the server's"
_SUM = "exact, no round"
_MEAN = "error 2^-16; |sum| < 2^20"
_VIEW = "no round, exact"
_PRODUCT = "error 2^-16; |result| < 2^30, with a weight 2^26"
_COMPARE = "exact on the whole ring"
_MAX = "exact; differences below 2^46"

_VIEWS = (
    *("Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"),
    *("Slice", "Concat", "Pad", "Expand", "Gather", "DepthToSpace", "SpaceToDepth"),
)

OPS: dict[str, MpcOp] = {
    "Conv": MpcOp("weighted", _LINEAR),
    "Gemm": MpcOp("weighted", _LINEAR),
    "MatMul": MpcOp("matmul", _LINEAR),
    "BatchNormalization": MpcOp("weighted", _LINEAR),
    "AveragePool": MpcOp("mean", _MEAN),
    "GlobalAveragePool": MpcOp("mean", _MEAN),
    "ReduceMean": MpcOp("mean", _MEAN),
    "ReduceSum": MpcOp("local", _SUM),
    **{name: MpcOp("local", _SUM) for name in ("Add", "Sub", "Neg", "Sum")},
    "Mul": MpcOp("mul", _PRODUCT),
    "Div": MpcOp(
        "div", "error 2^-15 relative; 2^-10 <= |divisor| < 2^18, what lies outside is taken as the nearest end"
    ),
    "Pow": MpcOp("power", "whole exponents 1..16; " + _PRODUCT),
    "ReduceSumSquare": MpcOp("square", _PRODUCT),
    **{name: MpcOp("local", _VIEW) for name in _VIEWS},
    "Relu": MpcOp("compare", _COMPARE),
    "LeakyRelu": MpcOp("compare_scaled", "error 2^-16"),
    "PRelu": MpcOp("compare_weighted", "error 2^-16"),
    "Clip": MpcOp("compare2", _COMPARE),
    "Abs": MpcOp("compare", _COMPARE),
    "Sign": MpcOp("compare2", _COMPARE),
    **{name: MpcOp("compare", _COMPARE) for name in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or")},
    "Equal": MpcOp("compare2", "equal to the last of 16 fractional bits"),
    "Not": MpcOp("local", _VIEW),
    "Where": MpcOp("product", "error 2^-16; |a − b| < 2^30"),
    "HardSigmoid": MpcOp("compare2_scaled", "error 2^-16"),
    "HardSwish": MpcOp("hard_swish", "error 2^-15"),
    **{name: MpcOp("maximum", _MAX) for name in ("Max", "Min", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin")},
    "ReluMaxPool": MpcOp("maximum", _MAX),  # a step that stands for both operators (`fuse`)
    "ArgMax": MpcOp("arg_maximum", _MAX),
    "ArgMin": MpcOp("arg_maximum", _MAX),
    **{name: MpcOp("table5", "error 2^-10 on all inputs") for name in ("Sigmoid", "Tanh", "Erf", "Gelu")},
    **{name: MpcOp("table6", "error 2^-10 on all inputs") for name in ("Swish", "Softplus")},
    "Elu": MpcOp("exp", "error 2^-14"),
    "Exp": MpcOp("exp", "error 2^-15 relative plus 2^-15; inputs above 10 are taken as 10"),
    "Reciprocal": MpcOp("reciprocal", "error 2^-15 relative; 2^-10 <= |x| < 2^18"),
    "Sqrt": MpcOp("root", "error 2^-13 relative; 2^-14 <= x < 2^20, below taken as 2^-14"),
    "Log": MpcOp("log", "error 2^-14; 2^-16 <= x < 2^24"),
    "Softmax": MpcOp("softmax", "error 2^-13; at most 2^16 elements a row"),
    "LogSoftmax": MpcOp("log_softmax", "error 2^-13; differences below −14 are taken as −14 in the sum"),
    "ReduceLogSumExp": MpcOp("log_softmax", "error 2^-13"),
    "LayerNormalization": MpcOp(
        "norm", "error 2^-11 where a row deviates by 0.05 or more; sum of its squared deviations < 2^28"
    ),
}

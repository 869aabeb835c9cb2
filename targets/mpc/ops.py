"""What MPC can run, with the limits that a reader should know; and how each operator is counted.

A test asserts that these names are those of `ppc.runtime.mpc.protocols.PROTOCOLS`: the compiler does not import the
engine.
"""

from dataclasses import dataclass

from ppc.runtime.ranges import RANGES
from ppc.targets.mpc.functions import FUNCTIONS


@dataclass(frozen=True, slots=True)
class MpcOp:
    """`count` names a row of `ppc.targets.mpc.rules.COUNTS`; `limits` is for the reader of documentation and
    reports."""

    count: str
    limits: str


_LINEAR = "error 2^-16 and |x| 2^-21 a term; |result| < 2^26; a weight is one of the server's"
_SUM = "exact, no round"
_MEAN = "error 2^-16; |sum| < 2^20"
_VIEW = "no round, exact"
_PRODUCT = "error 2^-16; |result| < 2^30, with a weight 2^26"
_COMPARE = "exact on the whole ring"
_SIGN = "exact on all values of a plan, |x| < 2^30"
_MAX = "exact; differences below 2^46"

_RECURRENT = "usual activations, all time steps; error 2^-10 a step in a gate; unrolled: 7 to 16 rounds a time step"

_VIEWS = (
    *("Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"),
    *("Slice", "Concat", "Pad", "Expand", "Tile", "Trilu", "DepthToSpace", "SpaceToDepth"),
)

#: How the functions of `functions.FUNCTIONS` are counted.
_FUNCTIONS = {
    **{name: "table5" for name in ("Sigmoid", "Tanh", "Erf")},
    **{name: name.lower() for name in ("Gelu", "Softplus", "Mish", "Swish")},
    **{name: "periodic" for name in ("Sin", "Cos")},
    **{name: name.lower() for name in ("Elu", "Celu", "Selu", "Exp", "Reciprocal", "Log", "Softsign", "Softmax")},
    "HardSigmoid": "compare2_scaled",
    "HardSwish": "hard_swish",
    "Sqrt": "root",
    "Rsqrt": "inverse_root",
    "LogSoftmax": "log_softmax",
    "ReduceLogSumExp": "log_softmax",
    "LRN": "lrn",
    **{name: "norm" for name in ("LayerNormalization", "RMSNormalization", "InstanceNormalization")},
    **{name: "norm" for name in ("GroupNormalization", "MeanVarianceNormalization")},
}

OPS: dict[str, MpcOp] = {
    "Conv": MpcOp("weighted", _LINEAR),
    "Gemm": MpcOp("weighted", _LINEAR),
    "MatMul": MpcOp("matmul", _LINEAR),
    "BatchNormalization": MpcOp("weighted", _LINEAR),
    "AveragePool": MpcOp("mean", _MEAN),
    "GlobalAveragePool": MpcOp("mean", _MEAN),
    "ReduceMean": MpcOp("mean", _MEAN),
    **{name: MpcOp("local", _SUM) for name in ("ReduceSum", "CumSum")},
    "Mean": MpcOp("mean_of", _MEAN),
    "ReduceL1": MpcOp("l1", _SIGN),
    "ReduceL2": MpcOp("l2", f"error {FUNCTIONS['Sqrt'].error}; {RANGES['Sqrt']} of the sum of squares"),
    "ReduceLogSum": MpcOp("log_sum", f"error 2^-13; {RANGES['Log']} of the sum"),
    "ReduceProd": MpcOp("product_tree", _PRODUCT + "; every partial product"),
    "Einsum": MpcOp("einsum", "one or two operands; " + _LINEAR),
    "Resize": MpcOp("resize", "nearest: exact, no round; else error 2^-16 and |x| 2^-21 a tap, |x| < 2^26"),
    "LpNormalization": MpcOp("lp_norm", "error 2^-11; 2-norms of 2^-8 to 2^8 times the root of the number of elements"),
    "Gather": MpcOp("gather", "at constant or secret indices, both hidden; error 2^-16 where one side is a weight"),
    "OneHot": MpcOp("one_hot", "exact; two comparisons a place"),
    "Hardmax": MpcOp("hardmax", _MAX),
    "TopK": MpcOp("top_k", _MAX + "; every pair of a row is compared"),
    **{name: MpcOp("whole", "exact: four rounds") for name in ("Floor", "Ceil")},
    "Round": MpcOp("round", "exact, halves to even"),
    "Xor": MpcOp("compare2", _COMPARE),
    **{name: MpcOp("local", _SUM) for name in ("Add", "Sub", "Neg", "Sum")},
    "Mul": MpcOp("mul", _PRODUCT),
    "Div": MpcOp("div", str(FUNCTIONS["Div"])),
    "ReduceSumSquare": MpcOp("square", _PRODUCT),
    **{name: MpcOp("local", _VIEW) for name in _VIEWS},
    "Relu": MpcOp("compare", _SIGN),
    "LeakyRelu": MpcOp("compare_scaled", "error 2^-16"),
    "PRelu": MpcOp("compare_weighted", "error 2^-16"),
    "Clip": MpcOp("compare2", _COMPARE),
    "Abs": MpcOp("compare", _SIGN),
    "Sign": MpcOp("compare2", _COMPARE),
    **{name: MpcOp("compare", _COMPARE) for name in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or")},
    "Equal": MpcOp("compare2", "equal to the last of 16 fractional bits"),
    "Not": MpcOp("local", _VIEW),
    "Where": MpcOp("product", "error 2^-16; |a − b| < 2^30"),
    "ThresholdedRelu": MpcOp("compare", _COMPARE),
    "Shrink": MpcOp("compare2", _COMPARE),
    **{name: MpcOp("maximum", _MAX) for name in ("Max", "Min", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin")},
    "ReluMaxPool": MpcOp("maximum", _MAX),  # a step that stands for both operators (`fuse`)
    "ArgMax": MpcOp("arg_maximum", _MAX),
    "ArgMin": MpcOp("arg_maximum", _MAX),
    **{name: MpcOp("recurrent", _RECURRENT) for name in ("LSTM", "GRU", "RNN")},
    **{name: MpcOp(count, str(FUNCTIONS[name])) for name, count in _FUNCTIONS.items()},
}

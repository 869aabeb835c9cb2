"""Protocols of ONNX operators: one table, operator -> "module:function" (lazy).

A protocol is `f(engine, attrs, *operands) -> Rounds[Ring]` (`ppc.runtime.mpc.turn`), or plainly a `Ring` where it
needs no message, run by client, server and dealer alike; operands are rings (shares at 16 fractional bits) or
`Weight`s, and so is the result (of a few operators a tuple of them). Errors stated in the docstrings are absolute
unless they say relative.
"""

from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import Any

from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds

_FILES: dict[str, dict[str, str]] = {
    "linear": {
        "Conv": "conv",
        "Gemm": "gemm",
        "MatMul": "matmul",
        "BatchNormalization": "batch_normalization",
    },
    "mean": {
        "AveragePool": "average_pool",
        "GlobalAveragePool": "global_average_pool",
        "ReduceMean": "reduce_mean",
        "ReduceSum": "reduce_sum",
        "Mean": "mean_of",
    },
    "arithmetic": {
        "Add": "add",
        "Sub": "sub",
        "Neg": "neg",
        "Sum": "sum_of",
        "Mul": "mul",
        "Div": "div",
        "ReduceSumSquare": "reduce_sum_square",
    },
    "local": {
        "Identity": "identity",
        "Dropout": "identity",
        "Cast": "identity",
        "Reshape": "reshape",
        "Flatten": "reshape",
        "Squeeze": "reshape",
        "Unsqueeze": "reshape",
        "Transpose": "transpose",
        "Slice": "slice_of",
        "Concat": "concat",
        "Pad": "pad",
        "Expand": "expand",
        "Tile": "tile",
        "Trilu": "trilu",
        "CumSum": "cum_sum",
        "DepthToSpace": "depth_to_space",
        "SpaceToDepth": "space_to_depth",
    },
    "compare": {
        "Relu": "relu",
        "LeakyRelu": "leaky_relu",
        "PRelu": "prelu",
        "ThresholdedRelu": "thresholded_relu",
        "Shrink": "shrink",
        "Clip": "clip",
        "Abs": "absolute",
        "Sign": "sign",
        "Less": "less",
        "LessOrEqual": "less_or_equal",
        "Greater": "greater",
        "GreaterOrEqual": "greater_or_equal",
        "Equal": "equal",
        "Not": "logical_not",
        "And": "logical_and",
        "Or": "logical_or",
        "Xor": "logical_xor",
        "Floor": "floor",
        "Ceil": "ceil",
        "Round": "round_half_even",
        "Where": "where",
        "HardSigmoid": "hard_sigmoid",
        "HardSwish": "hard_swish",
    },
    "maximum": {
        "Max": "max_of",
        "Min": "min_of",
        "MaxPool": "max_pool",
        "ReluMaxPool": "relu_max_pool",
        "GlobalMaxPool": "global_max_pool",
        "ReduceMax": "reduce_max",
        "ReduceMin": "reduce_min",
        "ArgMax": "arg_max",
        "ArgMin": "arg_min",
    },
    "index": {"Gather": "gather", "OneHot": "one_hot", "Hardmax": "hardmax", "TopK": "top_k"},
    "reduce": {
        "ReduceL1": "reduce_l1",
        "ReduceL2": "reduce_l2",
        "ReduceLogSum": "reduce_log_sum",
        "ReduceProd": "reduce_prod",
        "Einsum": "einsum",
    },
    "resize": {"Resize": "resize"},
    "smooth": {
        "Sigmoid": "sigmoid",
        "Tanh": "tanh",
        "Erf": "erf",
        "Gelu": "gelu",
        "Swish": "swish",
        "Softplus": "softplus",
        "Mish": "mish",
        "Sin": "sine",
        "Cos": "cosine",
        "Elu": "elu",
        "Celu": "celu",
        "Selu": "selu",
        "Exp": "exp",
    },
    "octave": {
        "Reciprocal": "reciprocal",
        "Sqrt": "sqrt_of",
        "Rsqrt": "inverse_sqrt",
        "Log": "log_of",
        "Softsign": "softsign",
    },
    "softmax": {"Softmax": "softmax", "LogSoftmax": "log_softmax", "ReduceLogSumExp": "reduce_log_sum_exp"},
    "recurrent": {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn"},
    "norm": {
        "LayerNormalization": "layer_normalization",
        "RMSNormalization": "rms_normalization",
        "InstanceNormalization": "instance_normalization",
        "GroupNormalization": "group_normalization",
        "LpNormalization": "lp_normalization",
        "MeanVarianceNormalization": "mean_variance_normalization",
    },
    "lrn": {"LRN": "lrn"},
}

PROTOCOLS: dict[str, str] = {
    op: f"ppc.runtime.mpc.protocols.{file}:{function}" for file, ops in _FILES.items() for op, function in ops.items()
}

#: Steps of a plan that stand for no operator.
STEPS = {"checked": "ppc.runtime.mpc.protocols.checked:checked"}

Implementation = Callable[..., Ring | Rounds[Ring]]


@cache
def protocol(name: str) -> Implementation:
    """The protocol of an operator or step. Raises KeyError where there is none."""
    module, _, function = (STEPS | PROTOCOLS)[name].partition(":")
    found: Implementation = getattr(import_module(module), function)
    return found


def load(names: Iterable[str]) -> None:
    """Import the protocols of these operators and steps, so that no pass has to. One that there is not is told where it
    is due."""
    for name in names:
        if name in STEPS or name in PROTOCOLS:
            protocol(name)


Attrs = dict[str, Any]

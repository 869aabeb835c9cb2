"""Protocols of ONNX operators: one table, operator -> "module:function" (lazy).

A protocol is `f(engine, attrs, *operands) -> Rounds[Ring]` (`ppc.runtime.mpc.turn`), or plainly a `Ring` where it
needs no message, run by client, server and dealer alike; operands are rings (shares at 16 fractional bits) or
`Weight`s, and so is the result. Errors stated in the docstrings are absolute unless they say relative.
"""

from collections.abc import Callable
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
    },
    "arithmetic": {
        "Add": "add",
        "Sub": "sub",
        "Neg": "neg",
        "Sum": "sum_of",
        "Mul": "mul",
        "Div": "div",
        "Pow": "power",
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
        "Gather": "gather",
        "DepthToSpace": "depth_to_space",
        "SpaceToDepth": "space_to_depth",
    },
    "compare": {
        "Relu": "relu",
        "LeakyRelu": "leaky_relu",
        "PRelu": "prelu",
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
    "smooth": {
        "Sigmoid": "sigmoid",
        "Tanh": "tanh",
        "Erf": "erf",
        "Gelu": "gelu",
        "Swish": "swish",
        "Softplus": "softplus",
        "Elu": "elu",
        "Exp": "exp",
    },
    "octave": {"Reciprocal": "reciprocal", "Sqrt": "sqrt_of", "Log": "log_of"},
    "softmax": {"Softmax": "softmax", "LogSoftmax": "log_softmax", "ReduceLogSumExp": "reduce_log_sum_exp"},
    "norm": {"LayerNormalization": "layer_normalization"},
}

PROTOCOLS: dict[str, str] = {
    op: f"ppc.runtime.mpc.protocols.{file}:{function}" for file, ops in _FILES.items() for op, function in ops.items()
}

Implementation = Callable[..., Ring | Rounds[Ring]]


@cache
def protocol(name: str) -> Implementation:
    """The protocol of an operator. Raises KeyError for an operator that has none."""
    module, _, function = PROTOCOLS[name].partition(":")
    found: Implementation = getattr(import_module(module), function)
    return found


Attrs = dict[str, Any]

"""What cost models count of an op, from shapes alone."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from ppc.ir.module import Module, Op
from ppc.ir.ops.linalg import einsum_extents
from ppc.ir.types import TensorType

Count = Callable[[Op, list[TensorType], TensorType], int]


@dataclass(frozen=True, slots=True)
class Features:
    """Work of one op on one batch."""

    macs: int  # multiply-accumulates
    elements: int  # of all results


def features(op: Op, module: Module) -> Features:
    """Multiply-accumulates and result elements of an op whose operands and results have types in the module."""
    operands = [module.type_of(name) for name in op.operands if name]
    results = [module.type_of(name) for name in op.results if name]
    count = MACS.get(op.name)
    macs = count(op, operands, results[0]) if count and results else 0
    return Features(macs, sum(t.size for t in results))


def _conv(op: Op, x: list[TensorType], y: TensorType) -> int:
    """Each output element: input channels of its group times taps."""
    return y.size * prod(x[1].shape[1:])


def _conv_transpose(op: Op, x: list[TensorType], y: TensorType) -> int:
    """Each input element: output channels of its group times taps."""
    return x[0].size * prod(x[1].shape[1:])


def _gemm(op: Op, x: list[TensorType], y: TensorType) -> int:
    return y.size * x[0].shape[0 if op.attrs.get("transA", 0) else 1]


def _matmul(op: Op, x: list[TensorType], y: TensorType) -> int:
    return y.size * x[0].shape[-1]


def _einsum(op: Op, x: list[TensorType], y: TensorType) -> int:
    """As one loop nest over all indices, the smallest pairwise order not being known here."""
    _, extents = einsum_extents(str(op.attrs["equation"]), [t.shape for t in x])
    return prod(extents.values()) * (len(x) - 1)


def _recurrent(op: Op, x: list[TensorType], y: TensorType) -> int:
    """Each step of each sequence: all gates from the input and from the state."""
    steps = x[0].shape[0] * x[0].shape[1]
    return steps * (x[1].size + x[2].size)


def _length(op: Op, name: str) -> int:
    """Entries of a list attribute; 0 where it is absent."""
    values = op.attrs.get(name)
    return len(values) if isinstance(values, tuple) else 0


def _samples(x: TensorType) -> int:
    return x.shape[0] if len(x.shape) > 1 else 1


def _window(op: Op, x: list[TensorType], y: TensorType) -> int:
    taps: Any = op.attrs["kernel_shape"]
    return int(y.size * prod(taps))


def _coefficients(op: Op, x: list[TensorType], y: TensorType) -> int:
    """Samples times coefficients of a linear model."""
    return _samples(x[0]) * _length(op, "coefficients")


def _svm(op: Op, x: list[TensorType], y: TensorType) -> int:
    """Each sample with each support vector, then the weighted sums."""
    return _samples(x[0]) * (_length(op, "support_vectors") + _length(op, "coefficients"))


def _polynomial(op: Op, x: list[TensorType], y: TensorType) -> int:
    """One a coefficient but the first (Clenshaw)."""
    return x[0].size * (_length(op, "coefficients") - 1)


def _input(op: Op, x: list[TensorType], y: TensorType) -> int:
    """One a element of the operand."""
    return x[0].size


def _output(op: Op, x: list[TensorType], y: TensorType) -> int:
    """One an element of the result."""
    return y.size


#: Operators that multiply; all others count 0.
MACS: dict[str, Count] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _matmul,
    "ConvInteger": _conv,
    "QLinearConv": lambda op, x, y: y.size * prod(x[3].shape[1:]),
    "Einsum": _einsum,
    "RNN": _recurrent,
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "AveragePool": _window,
    "LpPool": _window,
    "LinearClassifier": _coefficients,
    "LinearRegressor": _coefficients,
    "SVMClassifier": _svm,
    "SVMRegressor": _svm,
    "Polynomial": _polynomial,
    "Mul": _output,
    "Div": _output,
    "Scaler": _output,
    "PRelu": _output,
    "LeakyRelu": _output,
    "BatchNormalization": _output,
    "DequantizeLinear": _output,
    "GlobalAveragePool": _input,
    "ReduceMean": _input,
    "ReduceProd": _input,
    "ReduceL2": _input,
    "ReduceSumSquare": _input,
    "InstanceNormalization": _input,
    "LayerNormalization": _input,
    "GroupNormalization": _input,
    "RMSNormalization": _input,
    "Softmax": _input,
}

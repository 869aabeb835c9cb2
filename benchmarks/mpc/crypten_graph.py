"""An ONNX graph on CrypTen's tensors, by CrypTen's own methods: what someone who uses CrypTen would write.

Weights are encrypted by rank 0, the input by rank 1. GELU is x · sigmoid(1.702 x): CrypTen has none, and its erf
diverges beyond |x| = 3. The variance of LayerNormalization gets 10^-3 instead of its epsilon, for the inverse root.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper

WEIGHTS_OF, INPUT_OF = 0, 1
Attrs = Mapping[str, Any]


class Graph:
    """`Graph(crypten, path)` shares the weights; `graph(x)` runs it on an encrypted tensor."""

    def __init__(self, crypten: Any, path: Path):
        graph = onnx.load(path).graph
        self._nodes, self._input, self._output = graph.node, graph.input[0].name, graph.output[0].name
        self._given: dict[str, Any] = {}
        for initialiser in graph.initializer:
            value = torch.from_numpy(numpy_helper.to_array(initialiser).copy())
            is_secret = value.is_floating_point() and value.dim() > 0  # shapes and scalars are public
            self._given[initialiser.name] = crypten.cryptensor(value, src=WEIGHTS_OF) if is_secret else value

    def __call__(self, x: Any) -> Any:
        values = {**self._given, self._input: x}
        for node in self._nodes:
            attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = OPERATORS[node.op_type](attrs, *(values[name] for name in node.input))
        return values[self._output]


def _conv(a: Attrs, x: Any, w: Any, b: Any) -> Any:
    return x.conv2d(w, stride=tuple(a["strides"]), padding=tuple(a["pads"][:2])) + b.view(1, -1, 1, 1)


def _pool(a: Attrs, x: Any) -> Any:
    return x.max_pool2d(tuple(a["kernel_shape"]), stride=tuple(a["strides"]))


def _reshape(a: Attrs, x: Any, shape: torch.Tensor) -> Any:
    return x.reshape(*(x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())))


def _gemm(a: Attrs, x: Any, w: Any, b: Any) -> Any:
    return x.matmul(w.t() if a.get("transB") else w) + b


def _transpose(a: Attrs, x: Any) -> Any:
    return x.permute(*a["perm"])


def _layer_norm(a: Attrs, x: Any, scale: Any, bias: Any) -> Any:
    centred = x - x.mean(-1, keepdim=True)
    return centred * (centred.square().mean(-1, keepdim=True) + 1e-3).inv_sqrt() * scale + bias


def _method(name: str) -> Callable[..., Any]:
    return lambda a, x: getattr(x, name)()


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "Conv": _conv,
    "MaxPool": _pool,
    "Reshape": _reshape,
    "Gemm": _gemm,
    "Transpose": _transpose,
    "LayerNormalization": _layer_norm,
    "Add": lambda a, x, y: x + y,
    "Mul": lambda a, x, y: x * y,
    "MatMul": lambda a, x, y: x.matmul(y),
    "Softmax": lambda a, x: x.softmax(a["axis"]),
    "LogSoftmax": lambda a, x: x.log_softmax(a["axis"]),
    "Gelu": lambda a, x: x * (x * 1.702).sigmoid(),
    **{
        kind: _method(kind.lower())
        for kind in ("Relu", "Abs", "Sigmoid", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Reciprocal")
    },
}

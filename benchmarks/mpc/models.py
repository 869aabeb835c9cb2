"""Generated networks: a block of a transformer, and one non-linear function of 10,000 elements each. Fixed seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Floats = NDArray[np.float32]

#: Of the block: width, heads, tokens.
WIDTH, HEADS, TOKENS = 128, 4, 32
_OPSET, _IR = 20, 9


def block() -> onnx.ModelProto:
    """Post-norm encoder block: attention, LayerNormalization, a GELU layer four times as wide, LayerNormalization."""
    random = np.random.default_rng(2)
    each, weights, nodes = WIDTH // HEADS, dict[str, NDArray[np.generic]](), list[onnx.NodeProto]()

    def op(kind: str, *inputs: str, **attrs: object) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [f"v{len(nodes)}"], f"{kind}_{len(nodes)}", **attrs))
        return nodes[-1].output[0]

    def constant(value: NDArray[np.generic]) -> str:
        weights[f"w{len(weights)}"] = value
        return f"w{len(weights) - 1}"

    def linear(x: str, inner: int, outer: int) -> str:
        matrix = (random.normal(size=(inner, outer)) / inner**0.5).astype(np.float32)
        return op("Add", op("MatMul", x, constant(matrix)), constant(np.full(outer, 0.01, np.float32)))

    def normed(x: str) -> str:
        scale, bias = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
        return op("LayerNormalization", x, constant(scale), constant(bias), axis=-1, epsilon=1e-5)

    def shape(*dims: int) -> str:
        return constant(np.array(dims, np.int64))

    q, k, v = (op("Reshape", linear("x", WIDTH, WIDTH), shape(1, TOKENS, HEADS, each)) for _ in range(3))
    scores = op("MatMul", op("Transpose", q, perm=[0, 2, 1, 3]), op("Transpose", k, perm=[0, 2, 3, 1]))
    attention = op("Softmax", op("Mul", scores, constant(np.array(each**-0.5, np.float32))), axis=-1)
    mixed = op("Transpose", op("MatMul", attention, op("Transpose", v, perm=[0, 2, 1, 3])), perm=[0, 2, 1, 3])
    x = normed(op("Add", "x", linear(op("Reshape", mixed, shape(1, TOKENS, WIDTH)), WIDTH, WIDTH)))
    wide = op("Gelu", linear(x, WIDTH, 4 * WIDTH))
    y = normed(op("Add", x, linear(wide, 4 * WIDTH, WIDTH)))
    return _model("block", nodes, (1, TOKENS, WIDTH), y, weights)


def function(kind: str, shape: Sequence[int], **attrs: object) -> onnx.ModelProto:
    """One operator on one input. LayerNormalization gets a scale of ones and a bias of zeros."""
    weights: dict[str, NDArray[np.generic]] = {}
    if kind == "LayerNormalization":
        weights = {"scale": np.ones(shape[-1], np.float32), "bias": np.zeros(shape[-1], np.float32)}
    node = helper.make_node(kind, ["x", *weights], ["y"], kind, **attrs)
    return _model(kind, [node], shape, "y", weights)


def silu(shape: Sequence[int]) -> onnx.ModelProto:
    nodes = [helper.make_node("Sigmoid", ["x"], ["s"], "sigmoid"), helper.make_node("Mul", ["x", "s"], ["y"], "times")]
    return _model("Silu", nodes, shape, "y", {})


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    shape: Sequence[int],
    output: str,
    weights: Mapping[str, NDArray[np.generic]],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, at) for at, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return onnx.shape_inference.infer_shapes(made)

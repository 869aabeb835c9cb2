"""Large graphs without their weights' bytes: ONNX models whose weights are ConstantOfShape, and repeated blocks."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ppc.ir.label import Label
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.types import TensorType

FLOAT = TensorProto.FLOAT
CLIENT, SERVER = Label.secret("client"), Label.secret("server")
SQUARE = {"he_coefficients": (0.5, 0.5, 0.25), "he_lo": -4.0, "he_hi": 4.0, "he_error": 0.1}


class _Graph:
    """Nodes and weights of one ONNX model, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.shapes: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attrs: object) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attrs))
        return name

    def weight(self, *shape: int) -> str:
        dims = f"shape_{len(self.shapes)}"
        self.shapes.append(helper.make_tensor(dims, TensorProto.INT64, [len(shape)], shape))
        return self.op("ConstantOfShape", dims, value=helper.make_tensor("v", FLOAT, [1], [0.01]))

    def integers(self, *values: int) -> str:
        name = f"shape_{len(self.shapes)}"
        self.shapes.append(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
        return name

    def number(self, value: float) -> str:
        name = f"shape_{len(self.shapes)}"
        self.shapes.append(numpy_helper.from_array(np.array(value, np.float32), name))
        return name

    def linear(self, x: str, inner: int, outer: int) -> str:
        return self.op("Add", self.op("MatMul", x, self.weight(inner, outer)), self.weight(outer))


def bert(layers: int = 12, tokens: int = 128, hidden: int = 768, heads: int = 12) -> bytes:
    """An encoder as PyTorch exports it: attention, GELU through Erf, LayerNormalization."""
    g, x = _Graph(), "x"
    each = hidden // heads
    for _ in range(layers):
        q, k, v = (g.op("Reshape", g.linear(x, hidden, hidden), g.integers(1, tokens, heads, each)) for _ in range(3))
        scores = g.op("MatMul", g.op("Transpose", q, perm=[0, 2, 1, 3]), g.op("Transpose", k, perm=[0, 2, 3, 1]))
        attention = g.op("Softmax", g.op("Div", scores, g.number(each**0.5)), axis=-1)
        mixed = g.op("MatMul", attention, g.op("Transpose", v, perm=[0, 2, 1, 3]))
        joined = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), g.integers(1, tokens, hidden))
        x = _normed(g, g.op("Add", x, g.linear(joined, hidden, hidden)), hidden)
        wide = g.linear(x, hidden, 4 * hidden)
        erf = g.op("Erf", g.op("Div", wide, g.number(2**0.5)))
        gelu = g.op("Mul", g.op("Mul", wide, g.op("Add", erf, g.number(1.0))), g.number(0.5))
        x = _normed(g, g.op("Add", x, g.linear(gelu, 4 * hidden, hidden)), hidden)
    ends = [helper.make_tensor_value_info(n, FLOAT, [1, tokens, hidden]) for n in ("x", x)]
    graph = helper.make_graph(g.nodes, "bert", ends[:1], ends[1:], g.shapes)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def _normed(g: _Graph, x: str, hidden: int) -> str:
    return g.op("LayerNormalization", x, g.weight(hidden), g.weight(hidden), axis=-1)


def repeated(nodes: int) -> Module:
    """A residual block of seven nodes (Conv, Relu, Conv, Relu, Conv, Add, Relu) again and again, ready to be assigned;
    under HE a Relu is a polynomial of degree 2."""
    shape = TensorType("f32", (1, 16, 8, 8))
    weight = Constant.of(np.zeros((16, 16, 3, 3)), TensorType("f32", (16, 16, 3, 3)), SERVER)
    ops, values, last = list[Op](), {"x": Value(shape, CLIENT)}, "x"

    def add(name: str, *operands: str, **attrs: object) -> str:
        made = f"v{len(ops)}"
        ops.append(Op(name, operands, (made,), attrs, f"{name} {len(ops)}"))  # type: ignore[arg-type]
        values[made] = Value(shape, CLIENT.join(SERVER))
        return made

    while len(ops) < nodes:
        start = last
        for i in range(3):
            last = add("Conv", last, "@w", pads=(1, 1, 1, 1))
            if i < 2:
                last = add("Relu", last, **SQUARE)
        last = add("Add", start, last)
        last = add("Relu", last, **SQUARE)
    ops = ops[:nodes]
    out = ops[-1].results[0]
    return Module("repeated", Stage.APPROXIMATED, ("x",), (out,), tuple(ops), values, {"@w": weight})

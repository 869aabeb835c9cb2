"""The fused operators of onnxruntime's optimiser (com.microsoft), as the standard operators that they were made from.

Each row writes the nodes of a graph in ONNX's text form, at opset BODY_OPSET: operand k is `xk`, result k is `yk`.
What an operator means is in onnxruntime's docs/ContribOperators.md; the tests ask onnxruntime itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import GraphProto

from ppc.compiler.frontend.node import Node
from ppc.ir.types import TensorType

MICROSOFT = "com.microsoft"

#: Opset of ai.onnx that the rows below are written in.
BODY_OPSET = 23


@dataclass(frozen=True)
class Call:
    """One use of a fused operator."""

    node: Node
    types: Sequence[TensorType | None]  # of the operands, None where absent

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self.node.attrs

    def has(self, index: int) -> bool:
        return index < len(self.types) and self.types[index] is not None

    def shape(self, index: int) -> tuple[int, ...]:
        type = self.types[index] if index < len(self.types) else None
        if type is None:
            raise self.node.refuse(f"it has no operand {index}")
        return type.shape

    def known(self, *names: str) -> None:
        """Refuse an attribute that this row has not heard of and that is not off."""
        for name, value in self.attrs.items():
            if name not in names and value not in (0, "", ()):
                raise self.node.refuse(f"attribute {name} = {str(value)[:40]}")

    def absent(self, *indices: int) -> None:
        for index in indices:
            if self.has(index):
                raise self.node.refuse(f"its operand {index} is given")


Row = Callable[[Call], list[str]]


def body_of_contrib(node: Node, types: Sequence[TensorType | None], rows: Mapping[str, Row]) -> GraphProto:
    """The graph of a fused operator; reads x0, x1, ... and makes y0, y1, .... Raises UserError PPC1011."""
    try:
        lines = rows[node.op](Call(node, types))
        graph: GraphProto = onnx.parser.parse_graph("fused (float x0) => (float y0) {\n" + "\n".join(lines) + "\n}")
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, onnx.parser.ParseError) as error:
        raise node.refuse("its attributes or operands do not fit") from error  # of another type, or not there
    for index, inner in enumerate(graph.node):
        inner.name = f"{node.loc}/{inner.op_type}_{index}"
    made = {name for inner in graph.node for name in inner.output}
    there = made | {f"x{i}" for i, type in enumerate(types) if type is not None}
    for missing in [name for inner in graph.node for name in inner.input if name not in there]:
        raise node.refuse(f"its operand {missing[1:]} is absent")
    for index, name in enumerate(node.outputs):
        if name and f"y{index}" not in made:
            raise node.refuse(f"its result {index} is read")
    return graph


def floats(**values: float) -> str:
    """Attributes in ONNX's text form; a float needs a point or an exponent there."""
    return "<" + ", ".join(f"{k} = {float(v)!r}" for k, v in values.items()) + ">"


def ints(name: str, values: Sequence[int]) -> str:
    """A line that makes a constant of integers."""
    return f"{name} = Constant <value_ints = [{', '.join(map(str, map(int, values)))}]> ()"


def number(name: str, value: float, like: str) -> list[str]:
    """Lines that make a constant of the element type of a value."""
    return [f"{name}_f = Constant {floats(value_float=value)} ()", f"{name} = CastLike ({name}_f, {like})"]


def added(lines: list[str], name: str, call: Call, bias: int, result: str) -> list[str]:
    """`result` is `name` plus operand `bias`, where that is given."""
    return [*lines, f"{result} = Add ({name}, x{bias})" if call.has(bias) else f"{result} = Identity ({name})"]

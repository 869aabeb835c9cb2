"""A Scan that computes squared distances row by row (skl2onnx writes nearest neighbours so) is three whole ops.

out[m, n] = Σ_f (x[n, f] - y[m, f])²        x carried unchanged (N, F), y scanned (M, F)
"""

from onnx import GraphProto, NodeProto

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.ir.module import Attr
from ppc.ir.types import TensorType


def is_distances(node: Node, body: GraphProto) -> bool:
    """Whether the body is: carry x on, and collect ReduceSumSquare(x - row) along axis 1."""
    defaults = all(not any(node.attrs.get(f"scan_{side}", ())) for side in _DEFAULT_ZERO)
    if not defaults or node.attrs["num_scan_inputs"] != 1 or len(body.input) != 2 or len(body.output) != 2:
        return False
    alias = {n.output[0]: n.input[0] for n in body.node if n.op_type == "Identity"}
    work = [n for n in body.node if n.op_type not in ("Identity", "Constant")]
    if [n.op_type for n in work] != ["Sub", "ReduceSumSquare"]:
        return False
    sub, square = work
    carried, collected = (alias.get(o.name, o.name) for o in body.output)
    operands = {alias.get(i, i) for i in sub.input}
    return (
        operands == {i.name for i in body.input}
        and carried == body.input[0].name
        and collected == square.output[0]
        and alias.get(square.input[0], square.input[0]) == sub.output[0]
        and _drops_axis_1(square, body)
    )


_DEFAULT_ZERO = ("input_axes", "input_directions", "output_axes", "output_directions")


def _drops_axis_1(square: NodeProto, body: GraphProto) -> bool:
    attrs = {a.name: list(a.ints) or a.i for a in square.attribute}
    axes = attrs.get("axes")
    if len(square.input) > 1:
        given = [t for t in body.initializer if t.name == square.input[1]]
        axes = list(given[0].int64_data) or _raw(given[0].raw_data) if given else None
    return axes == [1] and attrs.get("keepdims", 1) == 0


def _raw(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 8], "little", signed=True) for i in range(0, len(data), 8)]


def emit_distances(node: Node, b: Builder) -> list[str]:
    x, y = node.inputs
    (n, features), (m, _) = b.type_of(x).shape, b.type_of(y).shape
    rows = b.reshape(x, (1, n, features), node.loc, f"{node.outputs[1]}_samples")
    others = b.reshape(y, (m, 1, features), node.loc, f"{node.outputs[1]}_rows")
    wide = TensorType(b.type_of(x).dtype, (m, n, features))
    apart = b.emit("Sub", (rows, others), (wide,), node.loc, (f"{node.outputs[1]}_apart",))
    out = TensorType(wide.dtype, (m, n))
    attrs: dict[str, Attr] = {"axes": (2,), "keepdims": 0}
    return [x, *b.emit("ReduceSumSquare", apart, (out,), node.loc, (node.outputs[1],), attrs)]

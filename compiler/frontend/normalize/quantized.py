"""QuantizeLinear and DequantizeLinear: element types by name."""

from collections.abc import Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.element_types import dtype_of
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import emit
from ppc.ir.module import Attr


def quantize(node: Node, b: Builder) -> Sequence[str]:
    """`output_dtype` is a dtype name, left out where the zero point decides."""
    attrs: dict[str, Attr] = {
        "axis": int(node.attrs.get("axis", 1)),
        "block_size": int(node.attrs.get("block_size", 0)),
    }
    if node.op == "QuantizeLinear" and node.attrs.get("output_dtype"):
        attrs["output_dtype"] = dtype_of(int(node.attrs["output_dtype"]), node=node.loc)
    return emit(node, b, node.inputs, attrs)


TABLE = {"DequantizeLinear": quantize, "QuantizeLinear": quantize}

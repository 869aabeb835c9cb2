"""One node while it is imported: attributes decoded, operands as names in the IR."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import AttributeProto, GraphProto, NodeProto, SparseTensorProto, TensorProto, TypeProto

from ppc.compiler.frontend.element_types import tensor_array
from ppc.ir.diagnostic import UserError, fail
from ppc.ir.module import Attr
from ppc.ir.types import TensorType

ML_DOMAIN = "ai.onnx.ml"


@dataclass(frozen=True, slots=True)
class Node:
    """What a normaliser sees. `inputs` are IR names ("" absent); `outputs` are the ONNX names ("" unused)."""

    op: str
    domain: str
    opset: int  # version of its domain
    loc: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]  # of the node, and the defaults of its schema
    types: tuple[TensorType, ...] = ()  # of the outputs
    schema: onnx.defs.OpSchema | None = None

    def input(self, index: int) -> str:
        """Operand `index`, "" where it is absent."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def uses_output(self, index: int) -> bool:
        return index < len(self.outputs) and self.outputs[index] != ""

    def is_default(self, name: str) -> bool:
        """Whether an attribute has the value that its schema gives it."""
        row = self.schema.attributes.get(name) if self.schema else None
        if row is None or row.default_value.type == AttributeProto.UNDEFINED:
            return False
        return bool(_decode(row.default_value, self.loc) == self.attrs[name])

    def refuse(self, what: str, help: str | None = None) -> UserError:
        """The error for a form of this operator that ppc does not have."""
        return fail("PPC1011", f"{self.op}: {what}", node=self.loc, facts={"opset": self.opset}, help=help)


def schema_of(proto: NodeProto, opsets: Mapping[str, int]) -> onnx.defs.OpSchema | None:
    """The schema of a node at the opset of the model, None for an operator that ONNX does not know."""
    domain = canonical_domain(proto.domain)
    try:
        return onnx.defs.get_schema(proto.op_type, opsets.get(domain, 0), domain)
    except onnx.defs.SchemaError:
        return None


def canonical_domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def attributes(proto: NodeProto, schema: onnx.defs.OpSchema | None, loc: str) -> dict[str, Any]:
    """Attributes as Python values, lists as tuples, tensors as arrays, absent ones from the schema's defaults.

    Raises UserError PPC1009, PPC1011, PPC1017.
    """
    found = {a.name: _decode(a, loc) for a in proto.attribute}
    for name, row in (schema.attributes if schema else {}).items():
        if name not in found and row.default_value.type != AttributeProto.UNDEFINED:
            found[name] = _decode(row.default_value, loc)
    return found


def _decode(attribute: AttributeProto, loc: str) -> Any:
    if attribute.ref_attr_name:
        raise fail("PPC1006", f"attribute {attribute.name!r} refers to a function's parameter outside one", node=loc)
    value = onnx.helper.get_attribute_value(attribute)
    try:
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, TensorProto):
            return tensor_array(value, node=loc)
        if isinstance(value, SparseTensorProto):
            raise fail("PPC1009", f"attribute {attribute.name!r} is a sparse tensor", node=loc,
                       help="export the model with dense tensors")  # fmt: skip
        if isinstance(value, (int, float, GraphProto, TypeProto)):
            return value
        return tuple(v.decode() if isinstance(v, bytes) else v for v in value)
    except UnicodeDecodeError as error:
        raise fail("PPC1006", f"attribute {attribute.name!r} is not UTF-8 text", node=loc) from error


def is_attr(value: object) -> bool:
    """Whether a decoded attribute is one that the IR can hold."""
    return isinstance(value, (int, float, str)) or (isinstance(value, tuple) and all(map(is_attr, value)))


def plain_attrs(node: Node) -> dict[str, Attr]:
    """All attributes of a node, as the IR holds them; arrays become tuples. Raises UserError PPC1011."""
    attrs: dict[str, Attr] = {}
    for name, value in node.attrs.items():
        if hasattr(value, "reshape"):
            value = tuple(value.reshape(-1).tolist())
        if not is_attr(value):
            raise node.refuse(f"attribute {name!r} has a kind that ppc does not keep")
        attrs[name] = value
    return attrs

"""Types of a node's results, from the types of its operands and the constants among them."""

from collections.abc import Mapping

import onnx
from onnx import NodeProto, OperatorSetIdProto, TensorProto

from ppc.compiler.frontend.element_types import from_type_proto, type_proto
from ppc.compiler.frontend.limits import MAX_ELEMENTS
from ppc.compiler.frontend.ml_types import ML_TYPES
from ppc.compiler.frontend.node import Node
from ppc.ir.diagnostic import fail
from ppc.ir.module import Array
from ppc.ir.types import TensorType

#: A constant with more elements than this never decides a shape.
SMALL = 4096
#: Elementwise operators whose schema has no inference of its own.
SAME_AS_FIRST = {
    *("HardSwish", "Mish", "Celu", "Gelu", "MeanVarianceNormalization", "GroupNormalization", "StringNormalizer"),
}


def infer_types(
    proto: NodeProto,
    node: Node,
    schema: onnx.defs.OpSchema,
    opsets: Mapping[str, int],
    operand_types: Mapping[str, TensorType],
    operand_data: Mapping[str, Array],
) -> tuple[TensorType | None, ...]:
    """Type of each result; None where it is unknown. `operand_*` go by the node's own (ONNX) operand names.

    Raises UserError: PPC1014 where the operands contradict each other, PPC1003 for a result that is too large.
    """
    types: list[TensorType | None] = [None] * len(proto.output)
    rows = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    inferred = _by_schema(proto, node, schema, rows, operand_types, operand_data)
    for index, name in enumerate(proto.output):
        if name in inferred:
            types[index] = from_type_proto(inferred[name], node=node.loc, value=name)
    rule = ML_TYPES.get(node.op) if node.domain else None
    first = operand_types.get(proto.input[0]) if proto.input else None
    if None in types and rule and first:
        own = rule(node, [operand_types[i] for i in proto.input if i])
        types = [a or b for a, b in zip(types, (*own, *[None] * len(types)), strict=False)]
    elif None in types and node.op in SAME_AS_FIRST:
        types[0] = types[0] or first
    if node.op == "Dropout" and first:
        types[:] = [first, TensorType("bool", first.shape)][: len(types)]
    for type in types:
        if type and type.size > MAX_ELEMENTS:
            raise fail("PPC1003", f"{node.op} makes {type}: {type.size} elements; the limit is {MAX_ELEMENTS}",
                       node=node.loc)  # fmt: skip
    return tuple(types)


def _by_schema(
    proto: NodeProto,
    node: Node,
    schema: onnx.defs.OpSchema,
    opsets: list[OperatorSetIdProto],
    operand_types: Mapping[str, TensorType],
    operand_data: Mapping[str, Array],
) -> dict[str, onnx.TypeProto]:
    _survives(node, proto, operand_data)
    data = {name: tensor_proto(name, array) for name, array in operand_data.items() if array.size <= SMALL}
    try:
        found: dict[str, onnx.TypeProto] = onnx.shape_inference.infer_node_outputs(
            schema, proto, {n: type_proto(t) for n, t in operand_types.items()}, data, None, opsets, 10
        )
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        shapes = ", ".join(str(operand_types[i]) for i in proto.input if i in operand_types)
        raise fail(
            "PPC1014", f"{node.op}: {str(error).strip().splitlines()[-1][:300]}",
            node=node.loc, facts={"operands": shapes}, help="a wrong --batch or --dim is the usual reason",
        ) from error  # fmt: skip
    return found


def _survives(node: Node, proto: NodeProto, data: Mapping[str, Array]) -> None:
    """ONNX's inference is C++ that ends the process where a Split has other results than parts. Raises PPC1014."""
    if node.op != "Split" or node.domain:
        return
    sizes = data.get(proto.input[1]) if len(proto.input) > 1 else None
    parts = node.attrs.get("num_outputs") or (len(node.attrs["split"]) if node.attrs.get("split") else None)
    parts = parts if sizes is None else sizes.size
    if parts is not None and parts != len(proto.output):
        raise fail("PPC1014", f"Split into {parts} parts has {len(proto.output)} results", node=node.loc)


def tensor_proto(name: str, array: Array) -> TensorProto:
    if array.dtype.kind == "U":
        flat = [s.encode() for s in array.reshape(-1).tolist()]
        return onnx.helper.make_tensor(name, TensorProto.STRING, array.shape, flat)
    return onnx.numpy_helper.from_array(array, name)

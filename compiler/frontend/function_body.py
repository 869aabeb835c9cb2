"""Operators that the standard defines by a function of simpler ones, as the graph that they stand for."""

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import FunctionProto, GraphProto, NodeProto, TypeProto, inliner
from onnx.defs import OpSchema

from ppc.compiler.frontend.element_types import type_proto
from ppc.ir.diagnostic import UserError, fail
from ppc.ir.types import TensorType

#: Where the function is called from: a domain of its own, so that its name meets no operator's.
_DOMAIN = "ppc.function"


def has_body(schema: Any) -> bool:
    """Whether the schema of an operator has a function; of some it depends on the types of the operands."""
    return schema is not None and bool(schema.has_function or schema.has_context_dependent_function)


def body_of(
    proto: NodeProto, schema: OpSchema, opset: int, operands: Mapping[str, TensorType], loc: str
) -> tuple[GraphProto, dict[str, int]] | None:
    """The graph that a node stands for, reading and writing the same names, and the opsets that it is written in.

    None where the standard has no function for these operands. `operands` are the types of those that are present.
    Raises UserError PPC1014 where ONNX's own inliner refuses.
    """
    try:
        function = _function(proto, schema, opset, operands)
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError) as error:
        raise _refused(proto, error, loc) from error
    if function is None:
        return None
    call = NodeProto()
    call.CopyFrom(proto)
    call.domain = function.domain = _DOMAIN
    call.op_type = function.name = proto.op_type
    given = {attribute.name for attribute in call.attribute}
    for name, row in schema.attributes.items():  # the inliner knows no defaults of a schema
        if name not in given and row.default_value.type != onnx.AttributeProto.UNDEFINED:
            call.attribute.append(row.default_value)
    del function.attribute_proto[:]
    function.attribute[:] = list(schema.attributes)
    opsets = {row.domain: row.version for row in function.opset_import}
    rows = [onnx.helper.make_opsetid(domain, version) for domain, version in {**opsets, _DOMAIN: 1}.items()]
    infos = [onnx.helper.make_value_info(name, TypeProto()) for name in operands]
    outputs = [onnx.helper.make_value_info(name, TypeProto()) for name in proto.output if name]
    graph = onnx.helper.make_graph([call], "call", infos, outputs)
    try:
        inlined = inliner.inline_local_functions(
            onnx.helper.make_model(graph, opset_imports=rows, functions=[function])
        )
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise _refused(proto, error, loc) from error
    known = {name for node in inlined.graph.node for name in node.output} | {"", *proto.input}
    for missing in [name for node in inlined.graph.node for name in node.input if name not in known]:
        raise fail(
            "PPC1014", f"{proto.op_type}: an operand that its function reads is absent: {missing[:40]}", node=loc
        )
    for index, node in enumerate(inlined.graph.node):
        node.name = f"{loc}/{node.op_type}_{index}"
    return inlined.graph, opsets


def _refused(proto: NodeProto, error: Exception, loc: str) -> UserError:
    return fail("PPC1014", f"{proto.op_type}: {str(error).strip().splitlines()[-1][:300]}", node=loc)


def _function(proto: NodeProto, schema: Any, opset: int, operands: Mapping[str, TensorType]) -> FunctionProto | None:
    """The function of a schema (its stub lacks these members), in its newest form that is not newer than the opset."""
    versions = [v for v in schema.function_opset_versions if v <= opset]
    dependent = [v for v in schema.context_dependent_function_opset_versions if v <= opset]
    if dependent:
        types = [type_proto(operands[i]) if i in operands else TypeProto() for i in proto.input]
        data = schema.get_context_dependent_function_with_opset_version(
            max(dependent), proto.SerializeToString(), [t.SerializeToString() for t in types]
        )
    elif versions:
        data = schema.get_function_with_opset_version(max(versions))
    else:
        return None
    return FunctionProto.FromString(data) if data else None

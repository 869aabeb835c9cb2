"""Walk the nodes of a graph in order: fold what is constant, infer the types of the rest, normalise, emit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import GraphProto, NodeProto

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.contrib import BODY_OPSET, body_of_contrib
from ppc.compiler.frontend.contrib_rows import ROWS as FUSED
from ppc.compiler.frontend.control_flow import CONTROL_FLOW
from ppc.compiler.frontend.element_types import tensor_array
from ppc.compiler.frontend.evaluate import SHRINKING, can_evaluate, evaluate
from ppc.compiler.frontend.function_body import body_of, has_body
from ppc.compiler.frontend.infer import infer_types
from ppc.compiler.frontend.limits import MAX_FILLED, MAX_FOLDED, MAX_REPORTED
from ppc.compiler.frontend.node import Node, attributes, canonical_domain, schema_of
from ppc.compiler.frontend.normalize import BODY_FOR_MORE_RESULTS, DYNAMIC_SHAPE, normaliser
from ppc.compiler.frontend.normalize.words import Words, is_tokenizer, tokenizer
from ppc.compiler.frontend.sequences import SEQUENCES
from ppc.compiler.frontend.support import CONSTANTS, in_terms_of_ppc, is_fused, is_supported, unsupported
from ppc.ir.diagnostic import Diagnostic, UserError, fail
from ppc.ir.module import Array
from ppc.ir.types import TensorType

#: The operator is known, its operands are sound, and the IR cannot express it.
LACKING = frozenset({"PPC1011", "PPC1012", "PPC1013", "PPC1017"})

#: ONNX name → IR name; None for a value that an unsupported node makes.
Scope = dict[str, str | None]


class GraphImporter:
    """State of one import. Unsupported nodes are collected; every other error is raised at once."""

    def __init__(self, builder: Builder, opsets: Mapping[str, int], source: str | None, words: Words):
        self.builder = builder
        self.opsets = dict(opsets)
        self.source = source
        self.words = words
        self.unsupported: list[Diagnostic] = []
        self._index = 0

    def run(self, graph: GraphProto, scope: Scope) -> None:
        """Import the nodes of the main graph. Raises UserError with every unsupported node (at most 20)."""
        self.graph(graph, scope)
        if self.unsupported:
            rest = len(self.unsupported) - MAX_REPORTED
            shown = self.unsupported[:MAX_REPORTED]
            if rest > 0:
                shown[-1] = Diagnostic("PPC1010", f"{rest + 1} more nodes are not supported", source=self.source)
            raise UserError(*shown)

    def graph(self, graph: GraphProto, scope: Scope) -> None:
        """Import a graph into `scope`, which it extends (a subgraph gets a copy of the outer one)."""
        if graph.sparse_initializer:
            raise fail("PPC1009", "the tensor is sparse", value=graph.sparse_initializer[0].values.name,
                       help="export the model with dense weights")  # fmt: skip
        for tensor in graph.initializer:
            scope[tensor.name] = self.builder.constant(tensor_array(tensor), tensor.name)
        for node in graph.node:
            self._node(node, scope)

    def outputs(self, names: Sequence[str], scope: Scope) -> tuple[str, ...]:
        """IR names of the graph's outputs: each the result of an op, none twice."""
        made = {r for op in self.builder.ops for r in op.results}
        results: list[str] = []
        for name in names:
            ir = str(scope[name])
            if not ir or self.builder.elements(ir) is not None:
                raise fail("PPC1017", "the output is no tensor (a sequence or an empty optional)", value=name)
            if ir not in made or ir in results:
                type = self.builder.type_of(ir)
                loc = self.builder.unique_loc(f"output {name}")
                ir = self.builder.append("Identity", (ir,), (type,), loc, (name,))[0]
            results.append(ir)
        return tuple(results)

    def _node(self, proto: NodeProto, scope: Scope) -> None:
        loc = self.builder.unique_loc(proto.name or f"{proto.op_type}_{self._index}")
        self._index += 1
        domain = canonical_domain(proto.domain)
        schema = schema_of(proto, self.opsets)
        attrs = attributes(proto, schema, loc)
        bounded = is_tokenizer(proto.op_type, domain) and proto.output and proto.output[0] in self.words
        supported = bounded or is_supported(proto.op_type, domain, schema)
        if not supported:
            opset = self.opsets.get(domain, 0)
            self.unsupported.append(unsupported(proto.op_type, domain, opset, loc, self.source))
        if not supported or any(i and scope[i] is None for i in proto.input):
            scope.update(dict.fromkeys(filter(None, proto.output)))
            return
        inputs = tuple(str(scope[i]) if i else "" for i in proto.input)
        node = Node(
            proto.op_type, domain, self.opsets.get(domain, 1), loc, inputs, tuple(proto.output), attrs, (), schema
        )
        names = self._results(proto, node, schema, scope)
        for name, ir in zip(proto.output, names, strict=False):
            if name:
                scope[name] = ir

    def _results(
        self, proto: NodeProto, node: Node, schema: onnx.defs.OpSchema | None, scope: Scope
    ) -> Sequence[str | None]:
        """IR names of the results of a supported node."""
        standard = node.domain == ""
        if lacking := _required(node):
            raise fail("PPC1006", f"{node.op}: its operand {lacking!r} is absent", node=node.loc)
        if standard and node.op in CONTROL_FLOW:
            return CONTROL_FLOW[node.op](self, node, scope)
        if standard and node.op in SEQUENCES:
            return SEQUENCES[node.op](node, self.builder)
        if is_tokenizer(node.op, node.domain):
            return tokenizer(node, self.builder, self.words)
        if is_fused(node.op, node.domain):
            present = [self.builder.type_of(ir) if ir else None for ir in node.inputs]
            inner: Scope = {f"x{i}": ir for i, ir in enumerate(node.inputs)}
            made = [f"y{i}" if name else "" for i, name in enumerate(proto.output)]
            return self._inlined(body_of_contrib(node, present, FUSED), {"": BODY_OPSET}, inner, made)
        if schema is None:
            raise fail("PPC1006", f"{node.op} does not exist in opset {node.opset} of {node.domain or 'ai.onnx'}",
                       node=node.loc)  # fmt: skip
        if node.op == "Constant":
            return (self.builder.constant(self._constant(node), node.outputs[0]),)
        if any(self.builder.elements(ir) is not None for ir in node.inputs):
            if standard and node.op == "Identity":
                return node.inputs
            if not (standard and has_body(schema)):
                raise node.refuse("its operand is a sequence")
            return self._body(proto, node, {}, scope)
        types = {i: self.builder.type_of(ir) for i, ir in zip(proto.input, node.inputs, strict=True) if i}
        if self._stands_for_body(node, schema):
            return self._body(proto, node, types, scope)
        data = {
            i: a for i, ir in zip(proto.input, node.inputs, strict=True) if (a := self.builder.data(ir)) is not None
        }
        inferred = infer_types(proto, node, schema, self.opsets, types, data)
        if standard and node.op == "ConstantOfShape" and (filled := _filled(node, inferred[0])) is not None:
            return (self.builder.constant(filled, node.outputs[0]),)
        constant = len(data) == len(types) and can_evaluate(proto)
        if constant and not in_terms_of_ppc(node.op, node.domain):
            folded = self._evaluated(proto, node, inferred, data)
            if folded is not None:
                return folded
        try:
            return normaliser(node)(self._typed(node, inferred, types), self.builder)
        except UserError as error:  # a form that the IR lacks: of constants, ONNX itself may know the value
            lacks = constant and error.diagnostics[0].code in LACKING
            folded = self._evaluated(proto, node, inferred, data) if lacks else None
            if folded is None:
                raise
            return folded

    def _evaluated(
        self, proto: NodeProto, node: Node, inferred: Sequence[TensorType | None], data: Mapping[str, Array]
    ) -> list[str] | None:
        """The results of a node of constants as constants, by ONNX's reference; None where it cannot or should not."""
        known = all(
            (t is not None and t.size <= MAX_FOLDED) or not o for t, o in zip(inferred, proto.output, strict=True)
        )
        folded = evaluate(proto, self.opsets, data, node.loc) if known or node.op in SHRINKING else None
        if folded is None:
            return None
        return [self.builder.constant(a, o) if o else "" for a, o in zip(folded, proto.output, strict=True)]

    def _stands_for_body(self, node: Node, schema: onnx.defs.OpSchema) -> bool:
        """Whether a node is taken apart: an operator that the IR lacks, or a result that its row does not have."""
        if not has_body(schema):
            return False
        more_results = node.op in BODY_FOR_MORE_RESULTS and any(node.outputs[1:])
        return more_results or not (in_terms_of_ppc(node.op, node.domain) or node.op in CONSTANTS)

    def _body(
        self, proto: NodeProto, node: Node, types: Mapping[str, TensorType], scope: Scope
    ) -> Sequence[str | None]:
        """Import the function that defines an operator."""
        assert node.schema is not None
        found = body_of(proto, node.schema, node.opset, types, node.loc)
        if found is None:
            raise node.refuse("the standard has no function for these operands")
        graph, opsets = found
        return self._inlined(graph, opsets, {name: scope[name] for name in proto.input if name}, proto.output)

    def _inlined(
        self, graph: GraphProto, opsets: Mapping[str, int], inner: Scope, results: Sequence[str]
    ) -> Sequence[str | None]:
        """Import a graph that stands for a node, written at `opsets`, whose operands are in `inner`."""
        outside, self.opsets = self.opsets, {**self.opsets, **opsets}
        self.graph(graph, inner)
        self.opsets = outside
        return [inner[name] if name else "" for name in results]

    def _typed(self, node: Node, inferred: Sequence[TensorType | None], operands: Mapping[str, TensorType]) -> Node:
        """The node with the types of its results. Raises UserError PPC1013, PPC1014."""
        if node.op in DYNAMIC_SHAPE:
            raise fail("PPC1013", f"{node.op}: how many elements it returns depends on the data", node=node.loc,
                       help="use a mask of fixed shape (Where, Mul)")  # fmt: skip
        types = []
        for name, type in zip(node.outputs, inferred, strict=True):
            if type is None and name:
                shapes = ", ".join(map(str, operands.values()))
                raise fail("PPC1014", f"{node.op}: the shape of its result cannot be determined", node=node.loc,
                           value=name, facts={"operands": shapes},
                           help="an operand that decides the shape is not constant; fix the input that it comes from "
                           "(--fix NAME=VALUE), or export with constant shapes")  # fmt: skip
            types.append(type or TensorType("f32", (0,)))
        return replace(node, types=tuple(types))

    def _constant(self, node: Node) -> Array:
        attrs = node.attrs
        forms = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64,
                 "value_string": np.str_, "value_strings": np.str_}  # fmt: skip
        if isinstance(attrs.get("value"), np.ndarray):
            return np.asarray(attrs["value"])
        for name, dtype in forms.items():
            if name in attrs:
                return np.asarray(attrs[name], dtype)
        raise node.refuse("it has no value")


def _filled(node: Node, type: TensorType | None) -> Array | None:
    """The result of a ConstantOfShape; None where its shape or its value is not as the standard wants it."""
    value = node.attrs.get("value", np.zeros(1, np.float32))
    if type is None or not isinstance(value, np.ndarray) or value.size != 1:
        return None
    if type.size > MAX_FILLED:
        raise fail("PPC1003", f"{node.op} makes {type}; the limit is {MAX_FILLED} elements", node=node.loc)
    return np.broadcast_to(value.reshape(()), type.shape)


def _required(node: Node) -> str:
    """The name of an operand that the schema requires and the node leaves out, "" where there is none."""
    single = onnx.defs.OpSchema.FormalParameterOption.Single
    formal = node.schema.inputs if node.schema is not None else ()
    for given, row in zip(node.inputs, formal, strict=False):
        if row.option == single and not given:
            return row.name
    return ""

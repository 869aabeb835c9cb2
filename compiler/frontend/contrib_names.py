"""onnxruntime's optimiser writes some of its own operators into the standard's domain; the checker refuses them."""

import onnx
from onnx import GraphProto, ModelProto

from ppc.compiler.frontend.contrib import MICROSOFT
from ppc.compiler.frontend.graph_check import subgraphs

#: Operators without a domain that are onnxruntime's at opsets which do not have them.
UNNAMED = frozenset({"LayerNormalization", "SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization"})


def name_fused(model: ModelProto) -> None:
    """Give such nodes the domain that they belong to."""
    opset = next((row.version for row in model.opset_import if row.domain in ("", "ai.onnx")), 0)
    theirs = {name for name in UNNAMED if not onnx.defs.has(name, opset)}
    if _name(model.graph, theirs) and MICROSOFT not in {row.domain for row in model.opset_import}:
        model.opset_import.append(onnx.helper.make_opsetid(MICROSOFT, 1))


def _name(graph: GraphProto, theirs: set[str]) -> bool:
    found = False
    for node in graph.node:
        if node.op_type in theirs and node.domain in ("", "ai.onnx"):
            node.domain, found = MICROSOFT, True
        for inner in subgraphs(node):
            found = _name(inner, theirs) or found
    return found

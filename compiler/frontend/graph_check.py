"""Is a graph well formed: every name defined once, before it is read. Sharper messages than the ONNX checker's."""

from collections.abc import Iterable

from onnx import GraphProto, NodeProto

from ppc.compiler.frontend.limits import MAX_DEPTH, MAX_NODES
from ppc.ir.diagnostic import fail


def check_graph(graph: GraphProto) -> None:
    """Raises UserError PPC1008 (names), PPC1003 (too many nodes or too deep)."""
    _check(graph, frozenset(), 0)


def subgraphs(node: NodeProto) -> Iterable[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _check(graph: GraphProto, outer: frozenset[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise fail("PPC1003", f"graphs are nested more than {MAX_DEPTH} deep")
    if len(graph.node) > MAX_NODES:
        raise fail("PPC1003", f"the graph has {len(graph.node)} nodes; the limit is {MAX_NODES}")
    defined: set[str] = set()
    for kind, names in (
        ("input", [i.name for i in graph.input]),
        ("initialiser", [t.name for t in graph.initializer] + [s.values.name for s in graph.sparse_initializer]),
    ):
        seen: set[str] = set()
        for name in names:  # an initialiser may repeat an input: it is that input's default
            if name in seen:
                raise fail("PPC1008", f"two {kind}s have the same name", value=name)
            seen.add(name)
        defined |= seen
    later = {o for node in graph.node for o in node.output}
    for index, node in enumerate(graph.node):
        where = node.name or f"{node.op_type}_{index}"
        for name in node.input:
            if name and name not in defined and name not in outer:
                raise _undefined(name, name in later, where)
        for inner in subgraphs(node):
            _check(inner, outer | defined, depth + 1)
        for name in filter(None, node.output):
            if name in defined:
                raise fail("PPC1008", "the name is defined twice", node=where, value=name)
            defined.add(name)
    for output in graph.output:
        if output.name not in defined and output.name not in outer:
            raise fail("PPC1008", "the graph's output is defined nowhere", value=output.name)


def _undefined(name: str, later: bool, where: str) -> Exception:
    why = "is read before the node that makes it (a cycle, or nodes out of order)" if later else "is defined nowhere"
    return fail("PPC1008", f"an operand of the node {why}", node=where, value=name)

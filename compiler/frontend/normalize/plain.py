"""Helpers of every normaliser, and the one for operators that need no change."""

from collections.abc import Mapping, Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.known_ops import declaration
from ppc.compiler.frontend.node import Node, plain_attrs
from ppc.ir.diagnostic import fail
from ppc.ir.module import Attr

#: Attributes that change no result of inference.
IMMATERIAL = frozenset({"momentum", "saturate", "stash_type", "storage_order", "nodes_hitrates", "consumed_inputs"})


def plain(node: Node, b: Builder) -> Sequence[str]:
    """Same operator, all operands, all attributes with the defaults of its schema."""
    return emit(node, b, node.inputs, declared_attrs(node))


def declared_attrs(node: Node) -> dict[str, Attr]:
    """The attributes that the IR declares. Raises UserError PPC1011 for another one that matters."""
    attrs = plain_attrs(node)
    row = declaration(node.op)
    if row is not None:
        declared = {a.name for a in row.attrs}
        for name in [n for n in attrs if n not in declared]:
            if name not in IMMATERIAL and not node.is_default(name):
                raise node.refuse(f"attribute {name} = {str(attrs[name])[:40]}")
            del attrs[name]
    return attrs


def emit(node: Node, b: Builder, operands: Sequence[str], attrs: Mapping[str, Attr], op: str = "") -> tuple[str, ...]:
    """The op of a node, with as many results as the model uses."""
    last = max((i for i, name in enumerate(node.outputs) if name), default=0) + 1
    return b.emit(op or node.op, operands, node.types[:last], node.loc, node.outputs[:last], attrs)


def alias(node: Node, b: Builder) -> Sequence[str]:
    """The node does nothing: its result is its operand."""
    return (node.inputs[0],)


def axis_of(node: Node, b: Builder, default: int = 0) -> int:
    """Attribute `axis`, counted from the front."""
    rank = len(b.type_of(node.inputs[0]).shape)
    axis = int(node.attrs.get("axis", default))
    if not -max(rank, 1) <= axis < max(rank, 1):
        raise fail("PPC1014", f"{node.op}: axis {axis} of a value with {rank} axes", node=node.loc)
    return axis % max(rank, 1)


def ints(node: Node, b: Builder, index: int, what: str) -> tuple[int, ...] | None:
    """A static operand as ints, None where it is absent. Raises UserError PPC1012 where it is not constant."""
    values = _static(node, b, index, what)
    return None if values is None else tuple(int(v) for v in values)


def floats(node: Node, b: Builder, index: int, what: str) -> tuple[float, ...] | None:
    """A static operand as floats, None where it is absent. Raises UserError PPC1012 where it is not constant."""
    values = _static(node, b, index, what)
    return None if values is None else tuple(float(v) for v in values)


def _static(node: Node, b: Builder, index: int, what: str) -> list[float] | None:
    name = node.input(index)
    if not name:
        return None
    data = b.data(name)
    if data is None:
        raise fail("PPC1012", f"{node.op}: {what} must be known when compiling, and comes from value {name!r}",
                   node=node.loc, help="fix the input that it comes from: --fix NAME=VALUE")  # fmt: skip
    values: list[float] = data.reshape(-1).tolist()
    return values

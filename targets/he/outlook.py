"""What the steps after a value make of it, as far as its layout is concerned: seen from where it enters HE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ppc.targets.he.graph import Node

Factors = tuple[int, ...]

#: Nodes that leave elements where they are.
PLAIN = ("polynomial", "square", "add", "sub", "mul")


@dataclass(frozen=True)
class Outlook:
    """Of a value's first reader that is a linear map, and of those after it.

    `phases`: along each axis of space, the strides and windows to come, of one operator and of two; `rows`: channels
    of the first map's result, or its rows where it is no spatial operator; `dense`: rows of the next map that is none.
    """

    phases: tuple[Factors, ...] = ()
    rows: int = 1
    dense: int = 0


def outlooks(nodes: Sequence[Node]) -> Mapping[str, Outlook]:
    """The outlook of every value that enters HE."""
    readers: dict[str, Node] = {}
    for node in reversed(nodes):
        readers |= dict.fromkeys(node.operands, node)

    @cache
    def after(name: str) -> Outlook:
        node = readers.get(name)
        if node is None or node.kind == "leave":
            return Outlook()
        ahead = after(node.result)
        if node.kind in PLAIN or (node.kind == "view" and node.geometry is None):
            return ahead
        if node.kind != "linear" or node.map is None:
            return Outlook()
        if node.geometry is None:
            return Outlook((), node.map.out_size, node.map.out_size)
        window = node.pool.window if node.pool else (1,) * len(node.geometry.strides)
        own = tuple(s * w for s, w in zip(node.geometry.strides, window, strict=True))
        both = [tuple(a * b for a, b in zip(own, p, strict=True)) for p in ahead.phases[:1] if len(p) == len(own)]
        return Outlook((own, *both), node.geometry.channels, ahead.dense)

    return {node.result: after(node.result) for node in nodes if node.kind == "enter"}

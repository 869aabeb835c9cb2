"""Sequences and optionals leave no trace: they are lists of names while importing (`Builder.sequence`).

Their lengths and every position are known when compiling; an optional is its element, or the absent operand "".
"""

from collections.abc import Callable, Sequence

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, axis_of, ints
from ppc.ir.diagnostic import fail


def _elements(node: Node, b: Builder) -> tuple[str, ...]:
    found = b.elements(node.input(0))
    if found is None:
        raise node.refuse("its operand is no sequence whose length is known when compiling")
    return found


def _position(node: Node, b: Builder, operand: int, size: int, default: int) -> int:
    """A position in a sequence, counted from the front; `size` is one past the last that may be meant."""
    given = ints(node, b, operand, "position")
    at = given[0] if given else default
    if not -size <= at < size:
        raise fail("PPC1014", f"{node.op}: position {at} of a sequence of {size}", node=node.loc)
    return at % size


def construct(node: Node, b: Builder) -> Sequence[str]:
    return (b.sequence(node.inputs),)


def empty(node: Node, b: Builder) -> Sequence[str]:
    return (b.sequence(()),)


def at(node: Node, b: Builder) -> Sequence[str]:
    elements = _elements(node, b)
    return (elements[_position(node, b, 1, len(elements), 0)],)


def insert(node: Node, b: Builder) -> Sequence[str]:
    elements = _elements(node, b)
    place = _position(node, b, 2, len(elements) + 1, len(elements))
    return (b.sequence((*elements[:place], node.inputs[1], *elements[place:])),)


def erase(node: Node, b: Builder) -> Sequence[str]:
    elements = _elements(node, b)
    place = _position(node, b, 1, len(elements), len(elements) - 1)
    return (b.sequence((*elements[:place], *elements[place + 1 :])),)


def length(node: Node, b: Builder) -> Sequence[str]:
    return (b.constant(np.asarray(len(_elements(node, b)), np.int64), node.outputs[0]),)


def split(node: Node, b: Builder) -> Sequence[str]:
    """Pieces along an axis: of one size (the last may be smaller), of given sizes, or single and without the axis."""
    x, axis = node.inputs[0], axis_of(node, b)
    if not b.type_of(x).shape:
        raise fail("PPC1014", f"{node.op} of a scalar", node=node.loc)
    extent = b.type_of(x).shape[axis]
    given = ints(node, b, 1, "split")
    scalar = bool(given) and not b.type_of(node.inputs[1]).shape
    if given and scalar:
        if given[0] < 1:
            raise fail("PPC1014", f"{node.op}: pieces of {given[0]}", node=node.loc)
        given = (*(given[0],) * (extent // given[0]), *((extent % given[0],) if extent % given[0] else ()))
    sizes = given or (1,) * extent
    if sum(sizes) != extent or min(sizes, default=0) < 0:
        raise fail("PPC1014", f"{node.op}: pieces of {sizes} of an axis of {extent}", node=node.loc)
    pieces, start = [], 0
    for i, size in enumerate(sizes):
        piece = b.cut(x, axis, start, start + size, node.loc, f"{node.outputs[0]}_{i}")
        if given is None and not node.attrs.get("keepdims", 1):
            shape = b.type_of(piece).shape
            piece = b.reshape(piece, shape[:axis] + shape[axis + 1 :], node.loc, f"{node.outputs[0]}_row_{i}")
        pieces.append(piece)
        start += size
    return (b.sequence(pieces),)


def concat(node: Node, b: Builder) -> Sequence[str]:
    """Joined along an axis, or (`new_axis`) stacked along a new one."""
    elements = list(_elements(node, b))
    if not elements:
        raise node.refuse("its sequence is empty")
    stacked = int(node.attrs.get("new_axis", 0))
    rank = len(b.type_of(elements[0]).shape) + stacked
    axis = int(node.attrs["axis"])
    if not -rank <= axis < rank:
        raise fail("PPC1014", f"{node.op}: axis {axis} of a value with {rank} axes", node=node.loc)
    axis %= rank
    types = [b.type_of(e) for e in elements]
    free = None if stacked else axis  # the one axis on which they may differ
    if len({(t.dtype, *(0 if i == free else d for i, d in enumerate(t.shape))) for t in types}) > 1:
        raise fail("PPC1014", f"{node.op} of {', '.join(map(str, types))}", node=node.loc)
    if stacked:
        shape = types[0].shape
        new = (*shape[:axis], 1, *shape[axis:])
        elements = [b.reshape(e, new, node.loc, f"{node.outputs[0]}_{i}") for i, e in enumerate(elements)]
    return (b.concat(elements, axis, node.loc, node.outputs[0]),)


def optional(node: Node, b: Builder) -> Sequence[str]:
    return (node.input(0),)


def has_element(node: Node, b: Builder) -> Sequence[str]:
    return (b.constant(np.asarray(bool(node.input(0))), node.outputs[0]),)


def get_element(node: Node, b: Builder) -> Sequence[str]:
    if not node.input(0):
        raise node.refuse("its optional is empty")
    return alias(node, b)


SEQUENCES: dict[str, Callable[[Node, Builder], Sequence[str]]] = {
    "ConcatFromSequence": concat,
    "Optional": optional,
    "OptionalGetElement": get_element,
    "OptionalHasElement": has_element,
    "SequenceAt": at,
    "SequenceConstruct": construct,
    "SequenceEmpty": empty,
    "SequenceErase": erase,
    "SequenceInsert": insert,
    "SequenceLength": length,
    "SplitToSequence": split,
}

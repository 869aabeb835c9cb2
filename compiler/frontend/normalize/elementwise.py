"""Elementwise operators whose form changed between opsets."""

from collections.abc import Sequence

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.element_types import dtype_of
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, emit, floats, plain
from ppc.ir.diagnostic import fail
from ppc.ir.module import Attr


def clip(node: Node, b: Builder) -> Sequence[str]:
    """`min` and `max` are attributes, left out where there is no bound; bounds that are values give Max and Min."""
    if node.opset < 11:
        bounds = {"min": node.attrs["min"], "max": node.attrs["max"]}
        return emit(node, b, node.inputs, {k: float(v) for k, v in bounds.items() if abs(v) < 3.4e38})
    moving = [i for i in node.inputs[1:] if i and b.data(i) is None]
    if not moving:
        low, high = floats(node, b, 1, "min"), floats(node, b, 2, "max")
        attrs: dict[str, Attr] = {k: v[0] for k, v in (("min", low), ("max", high)) if v}
        return emit(node, b, node.inputs[:1], attrs) if attrs else alias(node, b)
    name = node.inputs[0]
    for bound, op in ((node.input(1), "Max"), (node.input(2), "Min")):
        if bound:
            name = b.emit(op, (name, bound), node.types, node.loc, node.outputs)[0]
    return (name,)


def cast(node: Node, b: Builder) -> Sequence[str]:
    source = b.type_of(node.inputs[0]).dtype
    if node.op == "CastLike":
        target = b.type_of(node.inputs[1]).dtype
    else:
        target = dtype_of(int(node.attrs["to"]), node=node.loc)
    if source == target:
        return alias(node, b)
    if "str" in (source, target):
        raise fail(
            "PPC1017", f"{node.op} from {source} to {target}: numbers and strings have no private conversion",
            node=node.loc, help="convert before the model's input or after its output",
        )  # fmt: skip
    return emit(node, b, node.inputs[:1], {"to": target}, "Cast")


def bit_cast(node: Node, b: Builder) -> Sequence[str]:
    attrs = {"source": b.type_of(node.inputs[0]).dtype, "to": dtype_of(int(node.attrs["to"]), node=node.loc)}
    return emit(node, b, node.inputs, attrs)


def dropout(node: Node, b: Builder) -> Sequence[str]:
    """Nothing at inference; a mask that is used is all true."""
    training = node.input(2)
    data = b.data(training) if training else None
    if training and (data is None or bool(data.reshape(-1)[0])):
        raise node.refuse("it is in training mode", "export with model.eval()")
    mask = ""
    if node.uses_output(1):
        mask = b.constant(np.ones(node.types[1].shape, np.bool_), node.outputs[1])
    return (node.inputs[0], mask)


def variadic(node: Node, b: Builder) -> Sequence[str]:
    return alias(node, b) if len(node.inputs) == 1 else plain(node, b)


TABLE = {
    "BitCast": bit_cast,
    "Cast": cast,
    "CastLike": cast,
    "Clip": clip,
    "Dropout": dropout,
    "Max": variadic,
    "Mean": variadic,
    "Min": variadic,
    "Sum": variadic,
}

"""Operators of ai.onnx.ml that change at import; the others keep their attributes, but for trained numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, declared_attrs, emit
from ppc.ir.diagnostic import fail
from ppc.ir.ops import opdef
from ppc.ir.parameters import PARAMETERS

_KINDS = ("int64s", "strings", "floats", "tensor")


def label_encoder(node: Node, b: Builder) -> Sequence[str]:
    """`keys`, `values`, `default`, whatever their type (ONNX has an attribute for each)."""
    if node.opset < 2:
        names = tuple(node.attrs["classes_strings"])
        numbers = tuple(range(len(names)))
        if b.type_of(node.inputs[0]).dtype == "str":
            return _encode(node, b, names, numbers, int(node.attrs["default_int64"]))
        return _encode(node, b, numbers, names, str(node.attrs["default_string"]))
    keys, values = _given(node, "keys"), _given(node, "values")
    defaults = {"i64": "default_int64", "str": "default_string", "f32": "default_float"}
    dtype = node.types[0].dtype
    if dtype not in defaults:
        raise node.refuse(f"labels of type {dtype}")
    tensor = node.attrs.get("default_tensor")
    default = node.attrs[defaults[dtype]] if tensor is None else tensor.reshape(-1).tolist()[0]
    return _encode(node, b, keys, values, default)


def _given(node: Node, what: str) -> tuple[int | float | str, ...]:
    for kind in _KINDS:
        found = node.attrs.get(f"{what}_{kind}")
        if found is not None and len(found):
            return tuple(found.reshape(-1).tolist() if kind == "tensor" else found)
    raise node.refuse(f"it has no {what}")


def _encode(
    node: Node,
    b: Builder,
    keys: tuple[int | float | str, ...],
    values: tuple[int | float | str, ...],
    default: int | float | str,
) -> Sequence[str]:
    return emit(node, b, node.inputs, {"keys": keys, "values": values, "default": default})


def lifted(node: Node, b: Builder) -> Sequence[str]:
    """Trained numbers become constants: weights of the server, where an attribute would stand in the public plan.

    The shape rule sees the values first, while they are attributes: a hostile table of trees ends here.
    """
    attrs: dict[str, Any] = declared_attrs(node)
    try:
        opdef(node.op).shape([b.type_of(i) for i in node.inputs], attrs)
    except ValueError as error:
        raise fail("PPC1014", str(error), node=node.loc) from error
    operands = list(node.inputs)
    for name in PARAMETERS[node.op]:
        values = attrs.pop(name, None)
        if not values:
            operands.append("")
            continue
        dtype = np.int64 if all(isinstance(v, int) for v in values) else np.float32
        operands.append(b.constant(np.asarray(values, dtype), f"{node.loc}_{name}"))
    return emit(node, b, operands, attrs)


TABLE = {
    **dict.fromkeys(PARAMETERS, lifted),
    "LabelEncoder": label_encoder,
    "ZipMap": alias,  # it only pairs probabilities with class names; their tensor is its result here
}

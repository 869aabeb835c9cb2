"""Operators of ai.onnx.ml that change at import; the others keep their attributes."""

from collections.abc import Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, emit

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


TABLE = {
    "LabelEncoder": label_encoder,
    "ZipMap": alias,  # it only pairs probabilities with class names; their tensor is its result here
}

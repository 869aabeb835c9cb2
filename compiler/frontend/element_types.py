"""ONNX element types, the IR's dtype names, and numpy."""

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, TypeProto

from ppc.ir.diagnostic import fail
from ppc.ir.module import Array
from ppc.ir.types import TensorType

#: bfloat16 is widened to f32, which holds each of its values exactly.
DTYPE_OF: dict[int, str] = {
    TensorProto.FLOAT: "f32",
    TensorProto.DOUBLE: "f64",
    TensorProto.FLOAT16: "f16",
    TensorProto.BFLOAT16: "f32",
    TensorProto.INT64: "i64",
    TensorProto.INT32: "i32",
    TensorProto.INT16: "i16",
    TensorProto.INT8: "i8",
    TensorProto.UINT64: "u64",
    TensorProto.UINT32: "u32",
    TensorProto.UINT16: "u16",
    TensorProto.UINT8: "u8",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "str",
}
ONNX_OF: dict[str, int] = {name: code for code, name in DTYPE_OF.items() if code != TensorProto.BFLOAT16}
NUMPY_OF: dict[str, str] = {
    "f32": "float32", "f64": "float64", "f16": "float16", "i64": "int64", "i32": "int32", "i16": "int16",
    "i8": "int8", "u64": "uint64", "u32": "uint32", "u16": "uint16", "u8": "uint8", "bool": "bool",
}  # fmt: skip
_NAME_OF = {numpy: name for name, numpy in NUMPY_OF.items()} | {"bfloat16": "f32"}


def dtype_of(element: int, *, node: str | None = None, value: str | None = None) -> str:
    """IR dtype of an ONNX element type. Raises UserError PPC1017."""
    if element not in DTYPE_OF:
        known = element in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(element) if known else f"number {element}"
        raise fail("PPC1017", f"element type {name} is not supported", node=node, value=value)
    return DTYPE_OF[element]


def array_type(data: Array) -> TensorType:
    """IR type of an array; the array's dtype is one that `plain` returns."""
    name = "str" if data.dtype.kind in "US" else _NAME_OF[data.dtype.name]
    return TensorType(name, data.shape)


def plain(data: Array) -> Array:
    """The array in a dtype of the IR: bfloat16 widened, strings as unicode (object arrays have no stable bytes)."""
    if data.dtype.name == "bfloat16":
        return data.astype(np.float32)
    if data.dtype.kind in "OSU":
        text = [s.decode("utf-8", "replace") if isinstance(s, bytes) else str(s) for s in data.reshape(-1)]
        return np.asarray(text, dtype=np.str_).reshape(data.shape)
    return data


def tensor_array(tensor: TensorProto, *, node: str | None = None) -> Array:
    """The array of a tensor. Raises UserError: PPC1017 for its type, PPC1009 where its bytes do not fit."""
    dtype_of(tensor.data_type, node=node, value=tensor.name)
    try:
        return plain(onnx.numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError, UnicodeError) as error:
        raise fail(
            "PPC1009", f"the data of a tensor of shape {tuple(tensor.dims)} does not fit: {error}",
            node=node, value=tensor.name, help="export the model again; the file may be damaged",
        ) from error  # fmt: skip


def type_proto(type: TensorType) -> TypeProto:
    return onnx.helper.make_tensor_type_proto(ONNX_OF[type.dtype], type.shape)


def from_type_proto(proto: TypeProto, *, node: str | None = None, value: str | None = None) -> TensorType | None:
    """IR type of a fully static tensor type, None where anything is unknown. Raises UserError PPC1017."""
    tensor = proto.tensor_type
    if not tensor.elem_type or not tensor.HasField("shape"):
        return None
    dtype = dtype_of(tensor.elem_type, node=node, value=value)
    dims: Iterable[int | None] = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    shape = tuple(d for d in dims if d is not None and d >= 0)
    return TensorType(dtype, shape) if len(shape) == len(tensor.shape.dim) else None

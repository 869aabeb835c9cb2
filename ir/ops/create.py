"""Rows that read nothing but shapes and attributes."""

from math import ceil, isfinite

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, is_public, need
from ppc.ir.ops.rules import at_least_all, one_of, text
from ppc.ir.types import TensorType
from ppc.runtime.kernels.cast import NUMPY

Dims = tuple[int, ...]


def _shape(types: Types, *, start: int, end: int | None) -> Result:
    return (TensorType("i64", (len(types[0].shape[start:end]),)),)


def _size(types: Types) -> Result:
    return (TensorType("i64", ()),)


def _range(types: Types, *, start: float, limit: float, delta: float) -> Result:
    if not delta or not all(map(isfinite, (start, limit, delta))):
        raise OpError(f"Range from {start} to {limit} by {delta}")
    whole = all(isinstance(v, int) for v in (start, limit, delta))
    return (TensorType("i64" if whole else "f32", (max(0, ceil((limit - start) / delta)),)),)


def _constant_of_shape(types: Types, *, shape: Dims, value: float) -> Result:
    at_least_all("shape", 0, shape)
    dtype = "bool" if isinstance(value, bool) else "i64" if isinstance(value, int) else "f32"
    return (TensorType(dtype, tuple(shape)),)


def _eye_like(types: Types, *, k: int, dtype: str | None) -> Result:
    x = types[0]
    if len(x.shape) != 2:
        raise OpError(f"EyeLike needs a matrix, not {text(x.shape)}")
    one_of("dtype", dtype or x.dtype, tuple(NUMPY))
    return (TensorType(dtype or x.dtype, x.shape),)


SHAPE = declare(
    "Shape",
    Kind.VIEW,
    1,
    _shape,
    "The dims, which are public.",
    attr("start", int, 0),
    attr("end", int),
    label=is_public,
)


SIZE = declare("Size", Kind.VIEW, 1, _size, "The number of elements, which is public.", label=is_public)


RANGE = declare(
    "Range",
    Kind.VIEW,
    0,
    _range,
    "start, start + delta, ... before limit: i64 where all three are ints, else f32.",
    need("start", float),
    need("limit", float),
    need("delta", float),
)


CONSTANTOFSHAPE = declare(
    "ConstantOfShape",
    Kind.VIEW,
    0,
    _constant_of_shape,
    "A tensor filled with one value: bool, i64 or f32 as the value is.",
    need("shape", tuple),
    attr("value", float, 0.0),
)


EYELIKE = declare(
    "EyeLike",
    Kind.VIEW,
    1,
    _eye_like,
    "Ones on a diagonal of a matrix of the operand's shape.",
    attr("k", int, 0),
    attr("dtype", str),
    label=is_public,
)

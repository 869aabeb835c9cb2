"""Rows of quantised nets."""

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare
from ppc.ir.ops.linalg import matmul_dims
from ppc.ir.ops.rules import axis_of, of_dtypes, one_of, text
from ppc.ir.types import TensorType

QUANTISED = "i8 u8 i16 u16 i32"


def _scales(x: TensorType, scale: TensorType, zero: TensorType | None, axis: int, block_size: int) -> None:
    if zero is not None and zero.shape != scale.shape:
        raise OpError(f"scale {text(scale.shape)} and zero point {text(zero.shape)} differ in shape")
    if scale.size == 1:
        return
    at = axis_of(axis, len(x.shape))
    blocks = -(-x.shape[at] // block_size) if block_size else 0
    wanted = (*x.shape[:at], blocks, *x.shape[at + 1 :]) if block_size else (x.shape[at],)
    if scale.shape != wanted:
        raise OpError(f"scale is {text(scale.shape)}, not {text(wanted)}, for {text(x.shape)} on axis {axis}")


def _quantize(types: Types, *, axis: int, block_size: int, output_dtype: str | None, saturate: int) -> Result:
    zero = types[2] if len(types) > 2 else None
    _scales(types[0], types[1], zero, axis, block_size)
    dtype = zero.dtype if zero is not None else output_dtype or "u8"
    one_of("output type", dtype, QUANTISED.split())
    return (TensorType(dtype, types[0].shape),)


def _dequantize(types: Types, *, axis: int, block_size: int) -> Result:
    _scales(types[0], types[1], types[2] if len(types) > 2 else None, axis, block_size)
    return (TensorType(types[1].dtype, types[0].shape),)


def _mat_mul_integer(types: Types) -> Result:
    return (TensorType("i32", matmul_dims(types[0].shape, types[1].shape)),)


QUANTIZELINEAR = declare(
    "QuantizeLinear",
    Kind.COMPARISON,
    (2, 3),
    of_dtypes("f16 f32 i32", _quantize),
    "round(x / scale) + zero point, saturated to an integer type.",
    attr("axis", int, 1),
    attr("block_size", int, 0),
    attr("output_dtype", str),
    attr("saturate", int, 1),
)
DEQUANTIZELINEAR = declare(
    "DequantizeLinear",
    Kind.LINEAR,
    (2, 3),
    of_dtypes(QUANTISED, _dequantize),
    "(x - zero point) times scale.",
    attr("axis", int, 1),
    attr("block_size", int, 0),
)
MATMULINTEGER = declare(
    "MatMulInteger",
    Kind.BILINEAR,
    (2, 4),
    of_dtypes("i8 u8", _mat_mul_integer),
    "Matrix product of integers less their zero points, in i32.",
)

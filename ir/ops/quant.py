"""Rows of quantised nets."""

from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare
from ppc.ir.ops.linalg import matmul_dims
from ppc.ir.ops.rules import axis_of, of_dtypes, one_of, text
from ppc.ir.ops.window import CONV_ATTRS, conv_rule
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


def _parameters(scale: TensorType | None, zero: TensorType | None, channels: int) -> None:
    """Scales and zero points must be one number, or (channels > 1) one a channel."""
    for t in (scale, zero):
        if t is not None and t.shape not in ((), (1,), (channels,)):
            raise OpError(f"scale or zero point {text(t.shape)}; one number or {channels} are needed")


def _q_linear_mat_mul(types: Types) -> Result:
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = types
    dims = matmul_dims(a.shape, b.shape)
    _parameters(a_scale, a_zero, 1)
    _parameters(b_scale, b_zero, b.shape[-1] if len(b.shape) > 1 else 1)
    _parameters(y_scale, y_zero, 1)
    one_of("output type", y_zero.dtype, ("i8", "u8"))
    return (TensorType(y_zero.dtype, dims),)


def _conv_integer(types: Types, **attrs: Any) -> Result:
    x, w = types[:2]
    (y,) = conv_rule((x, w), **attrs)
    _parameters(None, types[2] if len(types) > 2 else None, 1)
    _parameters(None, types[3] if len(types) > 3 else None, w.shape[0])
    return (TensorType("i32", y.shape),)


def _q_linear_conv(types: Types, **attrs: Any) -> Result:
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = types[:8]
    (y,) = conv_rule((x, w, *types[8:]), **attrs)
    _parameters(x_scale, x_zero, 1)
    _parameters(w_scale, w_zero, w.shape[0])
    _parameters(y_scale, y_zero, 1)
    one_of("output type", y_zero.dtype, ("i8", "u8"))
    return (TensorType(y_zero.dtype, y.shape),)


def _dynamic(types: Types) -> Result:
    (x,) = types
    if not x.size:
        raise OpError(f"DynamicQuantizeLinear of {text(x.shape)}: there is nothing to take a range of")
    return (TensorType("u8", x.shape), TensorType(x.dtype, ()), TensorType("u8", ()))


QLINEARMATMUL = declare(
    "QLinearMatMul",
    Kind.COMPARISON,
    8,
    of_dtypes("i8 u8", _q_linear_mat_mul),
    "Matrix product of quantised tensors, quantised again.",
)
CONVINTEGER = declare(
    "ConvInteger",
    Kind.BILINEAR,
    (2, 4),
    of_dtypes("i8 u8", _conv_integer),
    "Convolution of integers less their zero points, in i32.",
    *CONV_ATTRS,
)
QLINEARCONV = declare(
    "QLinearConv",
    Kind.COMPARISON,
    (8, 9),
    of_dtypes("i8 u8", _q_linear_conv),
    "Convolution of quantised tensors, quantised again.",
    *CONV_ATTRS,
)
DYNAMICQUANTIZELINEAR = declare(
    "DynamicQuantizeLinear",
    Kind.COMPOUND,
    1,
    of_dtypes("f32", _dynamic),
    "u8 with the scale and zero point that fit the data: result, scale, zero point.",
)

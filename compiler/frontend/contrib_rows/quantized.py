"""Quantised operators of onnxruntime: dequantised, computed, quantised again."""

from ppc.compiler.frontend.contrib import Call, Row, added, floats


def _opened(i: int, name: str) -> str:
    """Operands i (data), i + 1 (scale), i + 2 (zero point)."""
    return f"{name} = DequantizeLinear (x{i}, x{i + 1}, x{i + 2})"


def _closed(i: int, operand: str) -> str:
    return f"y0 = QuantizeLinear ({operand}, x{i}, x{i + 1})"


def _binary(op: str) -> Row:
    def row(call: Call) -> list[str]:
        call.known()
        return [_opened(0, "a"), _opened(3, "b"), f"c = {op} (a, b)", _closed(6, "c")]

    return row


def sigmoid(call: Call) -> list[str]:
    call.known()
    return [_opened(0, "a"), "b = Sigmoid (a)", _closed(3, "b")]


def leaky_relu(call: Call) -> list[str]:
    call.known("alpha")
    return [_opened(0, "a"), f"b = LeakyRelu {floats(alpha=call.attrs.get('alpha', 0.01))} (a)", _closed(3, "b")]


def global_average_pool(call: Call) -> list[str]:
    call.known()
    return [_opened(0, "a"), "b = GlobalAveragePool (a)", _closed(3, "b")]


def concat(call: Call) -> list[str]:
    """Operands: scale and zero point of the result, then data, scale and zero point of each part."""
    call.known("axis")
    starts = range(2, len(call.types), 3)
    parts = [_opened(i, f"p{i}") for i in starts]
    joined = f"c = Concat <axis = {int(call.attrs['axis'])}> ({', '.join(f'p{i}' for i in starts)})"
    return [*parts, joined, _closed(0, "c")]


def gemm(call: Call) -> list[str]:
    """alpha A B + C, where C (int32) has the scale alpha a_scale b_scale; a float without a scale of the result."""
    call.known("alpha", "transA", "transB")
    alpha = float(call.attrs.get("alpha", 1.0))
    said = ", ".join(f"{k} = {int(call.attrs.get(k, 0))}" for k in ("transA", "transB"))
    per_column = f"axis = {0 if call.attrs.get('transB', 0) else 1}"
    b = f"b = DequantizeLinear <{per_column}> (x3, x4, x5)"
    lines = [_opened(0, "a"), b, f"p = Gemm <alpha = {alpha!r}, {said}> (a, b)"]
    if call.has(6):
        scale = ["ab = Mul (x1, x4)", f"al = Constant {floats(value_float=alpha)} ()", "abl = Mul (ab, al)"]
        lines += [*scale, "ci = CastLike (x6, abl)", "c = Mul (ci, abl)", "s = Add (p, c)"]
    else:
        lines.append("s = Identity (p)")
    return [*lines, _closed(7, "s") if call.has(7) else "y0 = Identity (s)"]


def _zeroed(call: Call, i: int) -> str:
    return f", x{i}" if call.has(i) else ""


def mat_mul_integer_to_float(call: Call) -> list[str]:
    """Operands a, b, a_scale, b_scale, a_zero, b_zero, bias."""
    call.known()
    a = f"a = DequantizeLinear (x0, x2{_zeroed(call, 4)})"
    axis = len(call.shape(1)) - 1
    b = f"b = DequantizeLinear <axis = {axis}> (x1, x3{_zeroed(call, 5)})"
    return added([a, b, "p = MatMul (a, b)"], "p", call, 6, "y0")


def dynamic_quantize_mat_mul(call: Call) -> list[str]:
    """Operands a (float, quantised by its own range), b, b_scale, b_zero, bias."""
    call.known()
    axis = len(call.shape(1)) - 1
    b = f"b = DequantizeLinear <axis = {axis}> (x1, x2{_zeroed(call, 3)})"
    lines = ["q, qs, qz = DynamicQuantizeLinear (x0)", "a = DequantizeLinear (q, qs, qz)", b, "p = MatMul (a, b)"]
    return added(lines, "p", call, 4, "y0")


def _same(op: str) -> Row:
    """QuantizeLinear and DequantizeLinear from before the standard had all of their types."""

    def row(call: Call) -> list[str]:
        call.known("axis")
        axis = f"<axis = {int(call.attrs['axis'])}>" if "axis" in call.attrs else ""
        return [f"y0 = {op} {axis} (x0, x1{_zeroed(call, 2)})"]

    return row


ROWS: dict[str, Row] = {
    "DequantizeLinear": _same("DequantizeLinear"),
    "DynamicQuantizeMatMul": dynamic_quantize_mat_mul,
    "MatMulIntegerToFloat": mat_mul_integer_to_float,
    "QGemm": gemm,
    "QLinearAdd": _binary("Add"),
    "QLinearConcat": concat,
    "QLinearGlobalAveragePool": global_average_pool,
    "QLinearLeakyRelu": leaky_relu,
    "QLinearMul": _binary("Mul"),
    "QLinearSigmoid": sigmoid,
    "QuantizeLinear": _same("QuantizeLinear"),
}

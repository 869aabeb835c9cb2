"""Activations, products, convolutions and normalisations that onnxruntime fuses."""

from ppc.compiler.frontend.contrib import Call, Row, added, floats, number


def gelu(call: Call) -> list[str]:
    call.known()
    return ["y0 = Gelu (x0)"]


def fast_gelu(call: Call) -> list[str]:
    call.known()
    return [*added([], "x0", call, 1, "s"), 'y0 = Gelu <approximate = "tanh"> (s)']


def bias_gelu(call: Call) -> list[str]:
    call.known()
    return ["s = Add (x0, x1)", "y0 = Gelu (s)"]


def quick_gelu(call: Call) -> list[str]:
    call.known("alpha")
    alpha = number("a", call.attrs.get("alpha", 1.702), "x0")
    return [*alpha, "ax = Mul (a, x0)", "g = Sigmoid (ax)", "y0 = Mul (x0, g)"]


def _transposed(name: str, rank: int, wanted: int, result: str) -> str:
    order = [*range(rank - 2), rank - 1, rank - 2] if wanted else range(rank)
    return f"{result} = Transpose <perm = [{', '.join(map(str, order))}]> ({name})"


def fused_mat_mul(call: Call) -> list[str]:
    call.known("alpha", "transA", "transB")
    ranks = [len(call.shape(i)) for i in range(2)]
    flags = [int(call.attrs.get(name, 0)) for name in ("transA", "transB")]
    turned = [_transposed(f"x{i}", r, f and r > 1, f"t{i}") for i, (r, f) in enumerate(zip(ranks, flags, strict=True))]
    alpha = float(call.attrs.get("alpha", 1.0))
    if alpha == 1.0:
        return [*turned, "y0 = MatMul (t0, t1)"]
    return [*turned, "p = MatMul (t0, t1)", *number("a", alpha, "p"), "y0 = Mul (p, a)"]


def _activation(call: Call, name: str, values: tuple[float, ...], operand: str) -> list[str]:
    simple = {"Relu", "Tanh", "Sigmoid"}
    if not name:
        return [f"y0 = Identity ({operand})"]
    if name in simple:
        return [f"y0 = {name} ({operand})"]
    if name == "LeakyRelu" and len(values) == 1:
        return [f"y0 = LeakyRelu {floats(alpha=values[0])} ({operand})"]
    if name == "HardSigmoid" and len(values) == 2:
        return [f"y0 = HardSigmoid {floats(alpha=values[0], beta=values[1])} ({operand})"]
    if name == "Clip" and len(values) == 2:
        low, high = number("low", values[0], operand), number("high", values[1], operand)
        return [*low, *high, f"y0 = Clip ({operand}, low, high)"]
    raise call.node.refuse(f"activation {name[:40]!r} with {len(values)} parameters")


def fused_conv(call: Call) -> list[str]:
    """act(Conv(x, w, b) + z)."""
    window = ("kernel_shape", "pads", "strides", "dilations")
    call.known("activation", "activation_params", "group", "auto_pad", *window)
    said = [f"{k} = [{', '.join(map(str, call.attrs[k]))}]" for k in window if call.attrs.get(k)]
    said.append(f"group = {int(call.attrs.get('group', 1))}")
    auto = str(call.attrs.get("auto_pad", "NOTSET"))
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise call.node.refuse(f"auto_pad {auto[:40]!r}")
    said.append(f'auto_pad = "{auto}"')
    operands = "x0, x1, x2" if call.has(2) else "x0, x1"
    lines = added([f"c = Conv <{', '.join(said)}> ({operands})"], "c", call, 3, "s")
    values = tuple(call.attrs.get("activation_params", ()))
    return [*lines, *_activation(call, str(call.attrs.get("activation", "")), values, "s")]


def fused_gemm(call: Call) -> list[str]:
    """act(Gemm)."""
    own = ("activation_alpha", "activation_beta", "activation_gamma")
    call.known("activation", "alpha", "beta", "transA", "transB", *own)
    a = call.attrs
    said = [f"{k} = {float(a.get(k, 1.0))!r}" for k in ("alpha", "beta")]
    said += [f"{k} = {int(a.get(k, 0))}" for k in ("transA", "transB")]
    operands = "x0, x1, x2" if call.has(2) else "x0, x1"
    values = tuple(float(a[k]) for k in own if k in a)
    return [f"g = Gemm <{', '.join(said)}> ({operands})", *_activation(call, str(a.get("activation", "")), values, "g")]


def _normalised(call: Call, epsilon: float, bias: int | None, operand: str, scale: int) -> str:
    behind = f", x{bias}" if bias is not None and call.has(bias) else ""
    return f"y0 = LayerNormalization <axis = -1, epsilon = {epsilon!r}> ({operand}, x{scale}{behind})"


def skip_layer_normalization(call: Call) -> list[str]:
    """LayerNormalization of the sum of an operand, a skipped one and a bias; the sum is result 3."""
    call.known("epsilon")
    lines = added(["s = Add (x0, x1)"], "s", call, 4, "y3")
    return [*lines, _normalised(call, float(call.attrs.get("epsilon", 1e-12)), 3, "y3", 2)]


def skip_simplified_layer_normalization(call: Call) -> list[str]:
    call.known("epsilon")
    epsilon = float(call.attrs.get("epsilon", 1e-12))
    lines = added(["s = Add (x0, x1)"], "s", call, 3, "y3")
    return [*lines, f"y0 = RMSNormalization <axis = -1, epsilon = {epsilon!r}> (y3, x2)"]


def simplified_layer_normalization(call: Call) -> list[str]:
    call.known("epsilon", "axis", "stash_type")
    axis, epsilon = int(call.attrs.get("axis", -1)), float(call.attrs.get("epsilon", 1e-5))
    return [f"y0 = RMSNormalization <axis = {axis}, epsilon = {epsilon!r}> (x0, x1)"]


def layer_normalization(call: Call) -> list[str]:
    """LayerNormalization before opset 17, where it is onnxruntime's."""
    call.known("epsilon", "axis", "stash_type")
    axis, epsilon = int(call.attrs.get("axis", -1)), float(call.attrs.get("epsilon", 1e-5))
    behind = ", x2" if call.has(2) else ""
    return [f"y0 = LayerNormalization <axis = {axis}, epsilon = {epsilon!r}> (x0, x1{behind})"]


ROWS: dict[str, Row] = {
    "BiasGelu": bias_gelu,
    "FastGelu": fast_gelu,
    "FusedConv": fused_conv,
    "FusedGemm": fused_gemm,
    "FusedMatMul": fused_mat_mul,
    "Gelu": gelu,
    "LayerNormalization": layer_normalization,
    "QuickGelu": quick_gelu,
    "SimplifiedLayerNormalization": simplified_layer_normalization,
    "SkipLayerNormalization": skip_layer_normalization,
    "SkipSimplifiedLayerNormalization": skip_simplified_layer_normalization,
    "TransposeMatMul": fused_mat_mul,
}

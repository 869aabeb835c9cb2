"""Attention of onnxruntime's transformer optimiser. B sequences, S positions, N heads of H."""

from math import sqrt

from ppc.compiler.frontend.contrib import Call, Row, floats, ints, number

#: What a masked score is lowered by where the node does not say.
FILTER = -10000.0


def _heads(name: str, batch: int, length: int, heads: int, size: int, result: str) -> list[str]:
    """(B, S, N H) -> (B, N, S, H)."""
    return [
        ints(f"{result}_shape", (batch, length, heads, size)),
        f"{result}_split = Reshape ({name}, {result}_shape)",
        f"{result} = Transpose <perm = [0, 2, 1, 3]> ({result}_split)",
    ]


def _attended(call: Call, q: tuple[int, int, int], kv: int, size: int, mask: int, bias: int) -> list[str]:
    """From q, k, v in heads to y0. `q` is (B, S, N); `mask` (B, keys) holds 1 where a key is seen; `bias` is added."""
    batch, length, _ = q
    scale = float(call.attrs.get("scale", 0.0)) or 1.0 / sqrt(size)
    lines = ["kt = Transpose <perm = [0, 1, 3, 2]> (k)", "raw = MatMul (q, kt)", *number("scale", scale, "q"),
             "scores = Mul (raw, scale)"]  # fmt: skip
    last = "scores"
    if call.has(mask):
        if call.shape(mask) != (batch, kv):
            raise call.node.refuse(f"a mask of shape {call.shape(mask)}; one of {(batch, kv)} is known")
        filter_ = float(call.attrs.get("mask_filter_value", FILTER))
        lines += [f"m = CastLike (x{mask}, q)", *number("one", 1.0, "q"), "off = Sub (one, m)"]
        lines += [*number("filter", filter_, "q"), "low = Mul (off, filter)", ints("m_shape", (batch, 1, 1, kv))]
        lines += ["wide = Reshape (low, m_shape)", f"masked = Add ({last}, wide)"]
        last = "masked"
    if call.attrs.get("unidirectional", 0):
        lines += [ints("square", (length, kv)), f"fill = Constant {floats(value_float=FILTER)} ()"]
        lines += ["filled = Expand (fill, square)", "k1 = Constant <value_int = 1> ()"]
        lines += ["above = Trilu <upper = 1> (filled, k1)", "causal = CastLike (above, q)"]
        lines += [f"seen = Add ({last}, causal)"]
        last = "seen"
    if call.has(bias):
        lines.append(f"biased = Add ({last}, x{bias})")
        last = "biased"
    return [
        *lines,
        f"weights = Softmax <axis = -1> ({last})",
        "mixed = MatMul (weights, v)",
        "together = Transpose <perm = [0, 2, 1, 3]> (mixed)",
        ints("y_shape", (batch, length, -1)),
        "y0 = Reshape (together, y_shape)",
    ]


def attention(call: Call) -> list[str]:
    """Operands: input (B, S, D), weights (D, 3 N H), bias, mask, past, attention bias."""
    call.known("num_heads", "unidirectional", "scale", "mask_filter_value")
    call.absent(4, 6)
    batch, length, _ = call.shape(0)
    heads, width = int(call.attrs["num_heads"]), call.shape(1)[1] // 3
    if heads < 1 or width % heads:
        raise call.node.refuse(f"{heads} heads of a width of {width}")
    size = width // heads
    lines = ["plain = MatMul (x0, x1)", "all = Add (plain, x2)" if call.has(2) else "all = Identity (plain)",
             "q3, k3, v3 = Split <axis = -1, num_outputs = 3> (all)"]  # fmt: skip
    for part in "qkv":
        lines += _heads(f"{part}3", batch, length, heads, size, part)
    return lines + _attended(call, (batch, length, heads), length, size, 3, 5)


def multi_head_attention(call: Call) -> list[str]:
    """Operands: query (B, S, N H), key, value, bias (3 N H), key mask (B, keys), attention bias."""
    call.known("num_heads", "unidirectional", "scale", "mask_filter_value")
    call.absent(6, 7)
    if not (call.has(1) and call.has(2)) or {len(call.shape(i)) for i in range(3)} != {3}:
        raise call.node.refuse("packed or split forms of query, key and value")
    (batch, length, width), kv, v_width = call.shape(0), call.shape(1)[1], call.shape(2)[2]
    heads = int(call.attrs["num_heads"])
    if heads < 1 or width % heads or v_width % heads:
        raise call.node.refuse(f"{heads} heads of a width of {width}")
    lines, names = list[str](), ["x0", "x1", "x2"]
    if call.has(3):
        lines += [ints("parts", (width, width, v_width)), "bq, bk, bv = Split <axis = 0> (x3, parts)"]
        lines += [f"s{i} = Add (x{i}, b{part})" for i, part in enumerate("qkv")]
        names = ["s0", "s1", "s2"]
    sizes = ((length, width), (kv, width), (kv, v_width))
    for part, name, (steps, w) in zip("qkv", names, sizes, strict=True):
        lines += _heads(name, batch, steps, heads, w // heads, part)
    return lines + _attended(call, (batch, length, heads), kv, width // heads, 4, 5)


def embed_layer_normalization(call: Call) -> list[str]:
    """Operands: ids, segment ids, word, position and segment embedding, gamma, beta, mask; result 1 is its lengths."""
    call.known("epsilon")
    call.absent(8)
    batch, length = call.shape(0)
    lines = ["words = Gather (x2, x0)", ints("zero", (0,)), ints("end", (length,)), "places = Slice (x3, zero, end)"]
    lines.append("s = Add (words, places)")
    if call.has(1):
        lines += ["segments = Gather (x4, x1)", "y2 = Add (s, segments)"]
    else:
        lines.append("y2 = Identity (s)")
    epsilon = float(call.attrs.get("epsilon", 1e-12))
    lines.append(f"y0 = LayerNormalization <axis = -1, epsilon = {epsilon!r}> (y2, x5, x6)")
    if call.has(7):
        return [*lines, ints("last", (1,)), "n = ReduceSum <keepdims = 0> (x7, last)", "y1 = Cast <to = 6> (n)"]
    return [*lines, ints("b", (batch,)), "none = Constant <value_int = 0> ()", "f = Expand (none, b)",
            "y1 = Cast <to = 6> (f)"]  # fmt: skip


ROWS: dict[str, Row] = {
    "Attention": attention,
    "EmbedLayerNormalization": embed_layer_normalization,
    "MultiHeadAttention": multi_head_attention,
}

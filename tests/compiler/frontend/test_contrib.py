"""The fused operators of onnxruntime's optimiser mean here what they mean in onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from ppc.compiler.frontend.contrib_rows import ROWS
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
Evaluate = Callable[..., list[np.ndarray]]
RNG = np.random.default_rng(5)
U8, I8 = np.uint8, np.int8


def f(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def q(*shape: int, dtype: Any = U8) -> np.ndarray:
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min // 2, limits.max // 2, shape).astype(dtype)


def s(value: float) -> np.ndarray:
    return np.asarray(value, np.float32)


def z(value: int, dtype: Any = U8) -> np.ndarray:
    return np.asarray(value, dtype)


QUANTISED = [q(2, 3), s(0.02), z(100)]
MASK = np.asarray([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
CASES: list[tuple[str, list[Any], dict[str, Any], int]] = [
    ("Gelu", [f(2, 3)], {}, 1),
    ("FastGelu", [f(2, 3)], {}, 1),
    ("FastGelu", [f(2, 3), f(3)], {}, 1),
    ("BiasGelu", [f(2, 3), f(3)], {}, 1),
    ("QuickGelu", [f(2, 3)], {"alpha": 1.5}, 1),
    ("FusedMatMul", [f(2, 4, 3), f(2, 4, 5)], {"transA": 1, "alpha": 0.5}, 1),
    ("TransposeMatMul", [f(3, 4), f(5, 4)], {"transB": 1}, 1),
    ("FusedGemm", [f(3, 4), f(4, 5), f(5)], {"activation": "LeakyRelu", "activation_alpha": 0.2}, 1),
    ("FusedConv", [f(1, 2, 5, 5), f(3, 2, 3, 3), f(3)], {"activation": "Relu", "pads": [1, 1, 1, 1]}, 1),
    ("FusedConv", [f(1, 2, 5, 5), f(4, 1, 3, 3), f(4), f(1, 4, 3, 3)], {"activation": "Relu", "group": 2}, 1),
    ("FusedConv", [f(1, 2, 5, 5), f(3, 2, 3, 3)], {"activation": "Clip", "activation_params": [0.0, 1.0]}, 1),
    ("LayerNormalization", [f(2, 4), f(4), f(4)], {}, 1),
    ("SimplifiedLayerNormalization", [f(2, 4), f(4)], {}, 1),
    ("SkipLayerNormalization", [f(2, 3, 4), f(2, 3, 4), f(4), f(4), f(4)], {"epsilon": 1e-5}, 4),
    ("SkipLayerNormalization", [f(2, 3, 4), f(2, 3, 4), f(4)], {}, 1),
    ("SkipSimplifiedLayerNormalization", [f(2, 3, 4), f(2, 3, 4), f(4)], {}, 4),
    ("Attention", [f(2, 4, 6), f(6, 18), f(18)], {"num_heads": 3}, 1),
    ("Attention", [f(2, 4, 6), f(6, 18), f(18), MASK], {"num_heads": 2}, 1),
    ("Attention", [f(2, 4, 6), f(6, 18), f(18)], {"num_heads": 2, "unidirectional": 1}, 1),
    ("MultiHeadAttention", [f(2, 4, 6), f(2, 5, 6), f(2, 5, 6), f(18)], {"num_heads": 3}, 1),
    ("EmbedLayerNormalization",
     [np.asarray([[1, 2, 0]], np.int32), np.asarray([[0, 1, 1]], np.int32), f(5, 4), f(6, 4), f(2, 4), f(4), f(4),
      np.asarray([[1, 1, 0]], np.int32)], {}, 2),
    ("QLinearAdd", [*QUANTISED, q(2, 3), s(0.03), z(90), s(0.04), z(110)], {}, 1),
    ("QLinearMul", [*QUANTISED, q(2, 3), s(0.03), z(90), s(0.04), z(110)], {}, 1),
    ("QLinearSigmoid", [*QUANTISED, s(0.004), z(0)], {}, 1),
    ("QLinearLeakyRelu", [*QUANTISED, s(0.03), z(100)], {"alpha": 0.3}, 1),
    ("QLinearGlobalAveragePool", [q(1, 2, 3, 3), s(0.02), z(100), s(0.02), z(90)], {}, 1),
    ("QLinearConcat", [s(0.03), z(100), *QUANTISED, q(2, 2), s(0.03), z(90)], {"axis": 1}, 1),
    ("QGemm", [q(2, 3), s(0.02), z(100), q(3, 4, dtype=I8), s(0.03), z(0, I8), np.arange(4, dtype=np.int32),
               s(0.05), z(100)], {"alpha": 1.0}, 1),
    ("MatMulIntegerToFloat", [q(2, 3), q(3, 4, dtype=I8), s(0.02), s(0.03), z(100), z(3, I8), f(4)], {}, 1),
    ("DynamicQuantizeMatMul", [f(2, 3), q(3, 4, dtype=I8), s(0.03), z(2, I8), f(4)], {}, 1),
    ("DequantizeLinear", QUANTISED, {}, 1),
    ("QuantizeLinear", [f(2, 3), s(0.02), z(100)], {}, 1),
]  # fmt: skip

#: Operators that onnxruntime keeps in the standard's domain.
UNNAMED = {"LayerNormalization", "SimplifiedLayerNormalization"}


def one(op: str, arrays: list[Any], attrs: dict[str, Any], results: int) -> tuple[onnx.ModelProto, dict[str, Any]]:
    feeds = {f"x{i}": a for i, a in enumerate(arrays)}
    names = [f"y{i}" if i in (0, results - 1) else "" for i in range(results)]
    domain = "" if op in UNNAMED else "com.microsoft"
    node = onnx.helper.make_node(op, list(feeds), names, domain=domain, **attrs)
    make, code = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
    inputs = [make(n, code(a.dtype), a.shape) for n, a in feeds.items()]
    kind = U8 if op.startswith("Q") and op != "QuickGelu" else np.float32
    kinds = {n: np.int32 if op.startswith("Embed") and n == "y1" else kind for n in names if n}
    outputs = [make(n, code(np.dtype(k)), None) for n, k in kinds.items()]
    rows = [onnx.helper.make_opsetid("", 16), onnx.helper.make_opsetid("com.microsoft", 1)]
    graph = onnx.helper.make_graph([node], "g", inputs, outputs)
    return onnx.helper.make_model(graph, opset_imports=rows, ir_version=8), feeds


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{len(c[1])}-{','.join(c[2])}")
def test_as_onnxruntime(case: tuple[Any, ...], evaluate: Evaluate) -> None:
    model, feeds = one(*case)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = session.run(None, feeds)
    module = import_model(model)
    for got, want in zip(evaluate(module, *feeds.values()), wanted, strict=True):
        step = 1 if want.dtype in (U8, I8) else 2e-4  # of quantised numbers: ties fall as float32 has them
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=1e-3, atol=step)


def test_every_row_has_a_case() -> None:
    assert set(ROWS) == {case[0] for case in CASES}


def test_a_form_that_is_not_known_is_refused() -> None:
    for attrs in ({"num_heads": 2, "do_rotary": 1}, {}, {"num_heads": "two"}, {"num_heads": 0}, {"num_heads": 5}):
        with pytest.raises(UserError) as caught:
            import_model(one("Attention", [f(2, 4, 6), f(6, 18), f(18)], attrs, 1)[0])
        assert caught.value.diagnostics[0].code == "PPC1011"


def test_a_tokenizer_is_refused_with_what_to_do() -> None:
    model = one("Gelu", [f(1, 2)], {}, 1)[0]
    model.graph.node[0].op_type = "Tokenizer"
    with pytest.raises(UserError) as caught:
        import_model(model)
    assert "before the model" in str(caught.value.diagnostics[0].help)

"""Operators that the standard defines by functions are taken apart, at every opset that has them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from ppc.compiler.frontend import support
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
Evaluate = Callable[..., list[np.ndarray]]
node = onnx.helper.make_node
RNG = np.random.default_rng(3)


def random(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("opset", [23, 24, 25, 28])
def test_attention_becomes_products_and_softmax(make_model: Make, evaluate: Evaluate, opset: int) -> None:
    shapes = {"q": (1, 2, 3, 4), "k": (1, 2, 5, 4), "v": (1, 2, 5, 4)}
    model = make_model([node("Attention", ["q", "k", "v"], ["y"], is_causal=1)], shapes, ["y"], opset=opset)
    feeds = {name: random(*shape) for name, shape in shapes.items()}
    module = import_model(model)
    assert {"MatMul", "Softmax"} <= {op.name for op in module.ops}
    (got,) = evaluate(module, *feeds.values())
    np.testing.assert_allclose(got, ReferenceEvaluator(model).run(None, feeds)[0], rtol=1e-5, atol=1e-6)


def test_defaults_of_a_function_are_those_of_its_schema(make_model: Make, evaluate: Evaluate) -> None:
    nodes = [node("HannWindow", ["n"], ["w"]), node("Mul", ["x", "w"], ["y"])]
    model = make_model(nodes, {"x": (1, 8)}, ["y"], {"n": np.asarray(8, np.int64)}, opset=17)
    x = random(1, 8)
    (got,) = evaluate(import_model(model), x)
    np.testing.assert_allclose(got, ReferenceEvaluator(model).run(None, {"x": x})[0], rtol=1e-5, atol=1e-6)


def test_mean_and_deviation_of_a_layer_normalization(make_model: Make, evaluate: Evaluate) -> None:
    """Its row in the IR has one result that targets know, so that reading the others takes it apart."""
    model = make_model([node("LayerNormalization", ["x", "s"], ["y", "m", "d"])], {"x": (2, 5)}, ["y", "m", "d"],
                       {"s": random(5)})  # fmt: skip
    x = random(2, 5)
    module = import_model(model)
    assert "LayerNormalization" not in {op.name for op in module.ops}
    for got, want in zip(evaluate(module, x), ReferenceEvaluator(model).run(None, {"x": x}), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_form_that_nobody_has_read_is_refused(make_model: Make, monkeypatch: Any) -> None:
    """A later version of the standard may give an operator another meaning."""
    model = make_model([node("Relu", ["x"], ["h"]), node("Pad", ["h", "p"], ["y"])], {"x": (1, 4)}, ["y"],
                       {"p": np.zeros(4, np.int64)}, opset=24)  # fmt: skip
    import_model(model)
    monkeypatch.setattr(support, "REVIEWED_OPSET", 23)
    with pytest.raises(UserError) as caught:
        import_model(model)
    assert [d.facts["op"] for d in caught.value.diagnostics] == ["Pad"]


def test_random_numbers_are_refused_with_a_way_out(make_model: Make) -> None:
    with pytest.raises(UserError) as caught:
        import_model(make_model([node("Bernoulli", ["x"], ["y"])], {"x": (1, 4)}, ["y"]))
    assert caught.value.diagnostics[0].code == "PPC1010" and "as an input" in str(caught.value.diagnostics[0].help)

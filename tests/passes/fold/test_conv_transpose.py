"""A transposed convolution becomes a convolution and views, with the same results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper

from ppc.compiler.frontend.onnx_import import import_model
from ppc.passes.fold import Fold

RNG = np.random.default_rng(4)
CASES: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5, 6), (3, 4, 2, 2), {"strides": [2, 2]}),
    ((1, 3, 5, 6), (3, 2, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((1, 3, 5, 6), (3, 2, 3, 4), {"strides": [1, 3], "pads": [0, 1, 2, 0]}),
    ((1, 4, 7), (4, 3, 5), {"strides": [2], "dilations": [2], "group": 2, "pads": [1, 2]}),
    ((1, 2, 3, 4, 2), (2, 3, 2, 3, 1), {"strides": [1, 2, 2]}),
    ((1, 2, 4, 4), (2, 2, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ((1, 2, 4, 4), (2, 2, 3, 3), {"strides": [3, 2], "output_shape": [12, 8]}),
    ((1, 2, 4, 4), (2, 2, 1, 1), {"strides": [2, 2]}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}{c[1]}")
@pytest.mark.parametrize("bias", [False, True])
def test_it_becomes_a_convolution(
    case: Any, bias: bool, make_model: Callable[..., Any], evaluate: Callable[..., Any]
) -> None:
    shape, weights, attrs = case
    w, b = RNG.normal(size=weights).astype("f"), RNG.normal(size=weights[1] * attrs.get("group", 1)).astype("f")
    names = ["x", "w", "b"] if bias else ["x", "w"]
    node = helper.make_node("ConvTranspose", names, ["y"], **attrs)
    module = import_model(make_model([node], {"x": shape}, ["y"], {"w": w, "b": b} if bias else {"w": w}))
    folded = Fold()(module)
    assert {op.name for op in folded.ops} <= {"Conv", "Reshape", "Transpose", "Slice"}
    x = RNG.normal(size=shape).astype("f")
    np.testing.assert_allclose(evaluate(folded, x)[0], evaluate(module, x)[0], atol=1e-5)


def test_a_batch_normalisation_goes_into_it_first(make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    constants = {"w": RNG.normal(size=(3, 4, 2, 2)).astype("f")}
    constants |= {n: RNG.uniform(0.5, 2, 4).astype("f") for n in ("scale", "bias", "mean", "var")}
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["h"], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["h", "scale", "bias", "mean", "var"], ["y"]),
    ]
    module = import_model(make_model(nodes, {"x": (1, 3, 4, 4)}, ["y"], constants))
    folded = Fold()(module)
    assert sorted(op.name for op in folded.ops) == ["Conv", "Reshape", "Reshape", "Transpose"]
    x = RNG.normal(size=(1, 3, 4, 4)).astype("f")
    np.testing.assert_allclose(evaluate(folded, x)[0], evaluate(module, x)[0], atol=1e-4)


def test_what_the_last_tap_does_not_reach_stays(make_model: Callable[..., Any]) -> None:
    attrs = {"strides": [3], "output_padding": [2]}
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attrs)
    module = import_model(make_model([node], {"x": (1, 2, 4)}, ["y"], {"w": np.ones((2, 2, 3), "f")}))
    assert [op.name for op in Fold()(module).ops] == ["ConvTranspose"]

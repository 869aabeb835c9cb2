"""Support vector machines become ordinary operators, with the results of the kernel."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper

from ppc.compiler.frontend.onnx_import import import_model
from ppc.passes.fold import Fold

RNG = np.random.default_rng(12)
KERNELS = [("LINEAR", ()), ("RBF", (0.3, 0.0, 3.0)), ("POLY", (0.5, 1.0, 3.0)), ("SIGMOID", (0.2, 0.1, 3.0))]
FEATURES = 4
X = RNG.normal(size=(40, FEATURES)).astype("f")


def machine(op: str, kernel: Any, results: list[str], **attrs: Any) -> Any:
    kind, params = kernel
    given = {"kernel_params": list(params)} if params else {}
    return helper.make_node(op, ["x"], results, domain="ai.onnx.ml", kernel_type=kind, **given, **attrs)


def folded(make_model: Callable[..., Any], node: Any, results: dict[str, int]) -> tuple[Any, Any]:
    model = make_model([node], {"x": X.shape}, list(results), types=results, domains={"ai.onnx.ml": 3})
    before = import_model(model)
    return before, Fold()(before)


def classifier(kernel: Any, counts: tuple[int, ...], **attrs: Any) -> Any:
    total, classes = sum(counts), len(counts)
    return machine(
        "SVMClassifier", kernel, ["label", "scores"],
        coefficients=RNG.normal(size=(classes - 1) * total).tolist(),
        support_vectors=RNG.normal(size=total * FEATURES).tolist(),
        rho=RNG.normal(size=classes * (classes - 1) // 2).tolist(),
        vectors_per_class=list(counts), classlabels_ints=list(range(3, 3 + classes)), **attrs,
    )  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k[0])
@pytest.mark.parametrize(
    ("counts", "attrs"),
    [
        ((3, 2), {}),
        ((2, 3, 2), {}),
        ((3, 2), {"post_transform": "LOGISTIC"}),
    ],
)
def test_a_classifier(
    kernel: Any, counts: Any, attrs: Any, make_model: Callable[..., Any], evaluate: Callable[..., Any]
) -> None:
    before, after = folded(make_model, classifier(kernel, counts, **attrs), {"label": 7, "scores": 1})
    assert not any("SVM" in op.name for op in after.ops)
    (label, scores), (want, wanted) = evaluate(after, X), evaluate(before, X)
    np.testing.assert_array_equal(label, want)
    np.testing.assert_allclose(scores, wanted, atol=1e-4)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k[0])
def test_a_regressor(kernel: Any, make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    node = machine(
        "SVMRegressor", kernel, ["y"], coefficients=RNG.normal(size=5).tolist(), rho=[0.4], n_supports=5,
        support_vectors=RNG.normal(size=5 * FEATURES).tolist(),
    )  # fmt: skip
    before, after = folded(make_model, node, {"y": 1})
    assert not any("SVM" in op.name for op in after.ops)
    np.testing.assert_allclose(evaluate(after, X)[0], evaluate(before, X)[0], atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "counts", "attrs"),
    [
        (("POLY", (0.5, 1.0, 2.5)), (3, 2), {}),
        (KERNELS[1], (3, 2), {"prob_a": [-1.2], "prob_b": [0.3]}),
        (KERNELS[1], (3, 2), {"post_transform": "SOFTMAX"}),
    ],
)
def test_what_stays(kernel: Any, counts: Any, attrs: Any, make_model: Callable[..., Any]) -> None:
    _, after = folded(make_model, classifier(kernel, counts, **attrs), {"label": 7, "scores": 1})
    assert [op.name for op in after.ops] == ["SVMClassifier"]

"""Rows of linear models and support vector machines (ai.onnx.ml)."""

from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.ml_post import NUMERIC, POST, TRANSFORMS, classified, labels_of, need_length, samples
from ppc.ir.ops.rules import at_least_all, of_dtypes, one_of
from ppc.ir.types import TensorType


def _linear_classifier(
    types: Types,
    *,
    coefficients: Any,
    intercepts: Any,
    classlabels_ints: Any,
    classlabels_strings: Any,
    post_transform: str,
    **_: Any,
) -> Result:
    n, features = samples(types[0])
    dtype, classes = labels_of(classlabels_ints, classlabels_strings)
    rows = len(coefficients) // features
    if len(coefficients) % features or rows not in (classes, 1):
        raise OpError(f"{len(coefficients)} coefficients for {features} features and {classes} classes")
    need_length("intercepts", intercepts, 0, rows)
    binary = rows == 1 and classes == 2 and post_transform != "PROBIT"
    return classified(n, dtype, 2 if binary else rows, post_transform)


def _linear_regressor(types: Types, *, coefficients: Any, intercepts: Any, targets: int, post_transform: str) -> Result:
    n, features = samples(types[0])
    one_of("post_transform", post_transform, TRANSFORMS)
    at_least_all("targets", 1, (targets,))
    need_length("intercepts", intercepts, 0, targets)
    if len(coefficients) != features * targets:
        raise OpError(f"{len(coefficients)} coefficients for {features} features and {targets} targets")
    return (TensorType("f32", (n, targets)),)


def _svm(kernel_type: str, kernel_params: Any) -> None:
    one_of("kernel_type", kernel_type, ("LINEAR", "POLY", "RBF", "SIGMOID"))
    need_length("kernel_params", kernel_params, 0, 3)


def _svm_classifier(
    types: Types,
    *,
    coefficients: Any,
    rho: Any,
    support_vectors: Any,
    vectors_per_class: Any,
    kernel_type: str,
    kernel_params: Any,
    prob_a: Any,
    prob_b: Any,
    classlabels_ints: Any,
    classlabels_strings: Any,
    post_transform: str,
) -> Result:
    n, features = samples(types[0])
    dtype, classes = labels_of(classlabels_ints, classlabels_strings)
    _svm(kernel_type, kernel_params)
    if not vectors_per_class:
        need_length("coefficients", coefficients, classes * features)
        need_length("rho", rho, 1, classes)
        return classified(n, dtype, classes, post_transform)
    pairs, supports = classes * (classes - 1) // 2, sum(vectors_per_class)
    at_least_all("vectors_per_class", 0, vectors_per_class)
    need_length("vectors_per_class", vectors_per_class, classes)
    need_length("classlabels", range(classes), *range(2, classes + 1))
    need_length("support_vectors", support_vectors, supports * features)
    need_length("coefficients", coefficients, (classes - 1) * supports)
    need_length("rho", rho, pairs)
    need_length("prob_a", prob_a, 0, pairs)
    need_length("prob_b", prob_b, len(prob_a or ()))
    one_column = classes == 2 and post_transform == "PROBIT" and not prob_a
    columns = 1 if one_column else classes if prob_a or classes == 2 else pairs
    return classified(n, dtype, columns, post_transform)


def _svm_regressor(
    types: Types,
    *,
    coefficients: Any,
    rho: Any,
    support_vectors: Any,
    n_supports: int,
    kernel_type: str,
    kernel_params: Any,
    one_class: int,
    post_transform: str,
) -> Result:
    n, features = samples(types[0])
    _svm(kernel_type, kernel_params)
    one_of("post_transform", post_transform, TRANSFORMS)
    at_least_all("n_supports", 0, (n_supports,))
    need_length("support_vectors", support_vectors, n_supports * features)
    need_length("coefficients", coefficients, n_supports or features)
    need_length("rho", rho, 1)
    return (TensorType("f32", (n, 1)),)


LINEARCLASSIFIER = declare(
    "LinearClassifier",
    Kind.INDEX,
    1,
    of_dtypes(NUMERIC, _linear_classifier),
    "Linear scores of classes: labels (N,), scores (N, C).",
    need("coefficients", tuple),
    attr("intercepts", tuple),
    attr("classlabels_ints", tuple),
    attr("classlabels_strings", tuple),
    attr("multi_class", int, 0),
    POST,
)


LINEARREGRESSOR = declare(
    "LinearRegressor",
    Kind.LINEAR,
    1,
    of_dtypes(NUMERIC, _linear_regressor),
    "Linear model: (N, targets).",
    need("coefficients", tuple),
    attr("intercepts", tuple),
    attr("targets", int, 1),
    POST,
)


_SVM = (
    need("coefficients", tuple),
    need("rho", tuple),
    attr("support_vectors", tuple),
    attr("kernel_type", str, "LINEAR"),
    attr("kernel_params", tuple),
    POST,
)


SVMCLASSIFIER = declare(
    "SVMClassifier",
    Kind.INDEX,
    1,
    of_dtypes(NUMERIC, _svm_classifier),
    "Support vector machine: labels (N,), scores (N, C).",
    *_SVM,
    attr("vectors_per_class", tuple),
    attr("prob_a", tuple),
    attr("prob_b", tuple),
    attr("classlabels_ints", tuple),
    attr("classlabels_strings", tuple),
)


SVMREGRESSOR = declare(
    "SVMRegressor",
    Kind.COMPOUND,
    1,
    of_dtypes(NUMERIC, _svm_regressor),
    "Support vector regression: (N, 1).",
    *_SVM,
    attr("n_supports", int, 0),
    attr("one_class", int, 0),
)

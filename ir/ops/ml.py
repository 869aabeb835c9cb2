"""Rows of ai.onnx.ml: classical models and feature preparation."""

from math import prod
from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import MANY, OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import at_least, at_least_all, of_dtypes, one_of, text
from ppc.ir.types import TensorType
from ppc.runtime.kernels.ml_tree import MODES

NUMERIC = "f32 f64 i64 i32"
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def _samples(x: TensorType) -> tuple[int, int]:
    """(N, F); a vector is one sample."""
    if len(x.shape) not in (1, 2) or not x.shape[-1]:
        raise OpError(f"features are {text(x.shape)}, not N x F")
    return (1, x.shape[0]) if len(x.shape) == 1 else (x.shape[0], x.shape[1])


def _labels(ints: Any, strings: Any) -> tuple[str, int]:
    """(element type, number) of the class labels."""
    if bool(ints) == bool(strings):
        raise OpError("a classifier needs its labels as integers or as strings, not both and not none")
    return ("str", len(strings)) if strings else ("i64", len(ints))


def _classified(n: int, dtype: str, columns: int, transform: str) -> Result:
    one_of("post_transform", transform, TRANSFORMS)
    return (TensorType(dtype, (n,)), TensorType("f32", (n, columns)))


def _length(what: str, values: Any, *allowed: int) -> None:
    """Raise OpError where a list has another length."""
    if len(values or ()) not in allowed:
        raise OpError(f"{what} has {len(values or ())} entries; {' or '.join(map(str, allowed))} are needed")


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
    n, features = _samples(types[0])
    dtype, classes = _labels(classlabels_ints, classlabels_strings)
    rows = len(coefficients) // features
    if len(coefficients) % features or rows not in (classes, 1):
        raise OpError(f"{len(coefficients)} coefficients for {features} features and {classes} classes")
    _length("intercepts", intercepts, 0, rows)
    binary = rows == 1 and classes == 2 and post_transform != "PROBIT"
    return _classified(n, dtype, 2 if binary else rows, post_transform)


def _linear_regressor(types: Types, *, coefficients: Any, intercepts: Any, targets: int, post_transform: str) -> Result:
    n, features = _samples(types[0])
    one_of("post_transform", post_transform, TRANSFORMS)
    at_least_all("targets", 1, (targets,))
    _length("intercepts", intercepts, 0, targets)
    if len(coefficients) != features * targets:
        raise OpError(f"{len(coefficients)} coefficients for {features} features and {targets} targets")
    return (TensorType("f32", (n, targets)),)


def _forest(features: int, prefix: str, outputs: int, given: dict[str, Any]) -> None:
    """Checks the node and leaf tables of an ensemble. A hostile model may hold cycles: the kernel would never end."""
    lists = {k: len(v) for k, v in given.items() if k.startswith("nodes_") and v is not None}
    if len(set(lists.values())) > 1 or not lists["nodes_treeids"]:
        raise OpError(f"the node lists are empty or differ in length: {lists}")
    for mode in set(given["nodes_modes"]):
        one_of("nodes_modes", mode, MODES)
    used = given["nodes_featureids"]
    if max(used) >= features or min(used) < 0:
        raise OpError(f"a tree asks for feature {max(used)} of {features}")
    _length("base_values", given["base_values"], 0, 1, outputs)
    rows = _tree_rows(given)
    leaves = [given[f"{prefix}_{name}"] for name in ("treeids", "nodeids", "ids", "weights")]
    if len(set(map(len, leaves))) > 1 or not leaves[0]:
        raise OpError(f"the leaf lists are empty or differ in length: {list(map(len, leaves))}")
    for tree, node, target, _ in zip(*leaves, strict=True):
        if (tree, node) not in rows or not 0 <= target < outputs:
            raise OpError(f"a weight is for output {target} of {outputs} at node {node} of tree {tree}")


def _tree_rows(given: dict[str, Any]) -> set[tuple[int, int]]:
    """(tree, node) of every node, after a walk that meets each node at most once."""
    names = list(zip(given["nodes_treeids"], given["nodes_nodeids"], strict=True))
    children = {
        (tree, node): () if mode == "LEAF" else ((tree, yes), (tree, no))
        for (tree, node), mode, yes, no in zip(
            names, given["nodes_modes"], given["nodes_truenodeids"], given["nodes_falsenodeids"], strict=True
        )
    }
    if len(children) < len(names):
        raise OpError("two nodes of a tree have the same id")
    roots = {tree: (tree, node) for tree, node in reversed(names)}  # the first node of a tree is its root
    waiting, met = list(roots.values()), set(roots.values())
    while waiting:
        for child in children[waiting.pop()]:
            if child in met or child not in children:
                raise OpError(f"node {child[1]} of tree {child[0]} is missing, or is reached twice")
            met.add(child)
            waiting.append(child)
    return set(children)


def _tree_classifier(types: Types, *, post_transform: str, class_ids: Any, **rest: Any) -> Result:
    n, features = _samples(types[0])
    dtype, classes = _labels(rest["classlabels_int64s"], rest["classlabels_strings"])
    _forest(features, "class", classes, {**rest, "class_ids": class_ids})
    one_column = classes == 2 and len(set(class_ids)) == 1
    if not one_column:
        _length("base_values", rest["base_values"], 0, classes)
    return _classified(n, dtype, 1 if one_column and post_transform == "PROBIT" else classes, post_transform)


def _tree_regressor(
    types: Types, *, n_targets: int, aggregate_function: str, post_transform: str, **rest: Any
) -> Result:
    n, features = _samples(types[0])
    at_least_all("n_targets", 1, (n_targets,))
    _forest(features, "target", n_targets, rest)
    one_of("post_transform", post_transform, TRANSFORMS)
    one_of("aggregate_function", aggregate_function, ("SUM", "AVERAGE", "MIN", "MAX"))
    return (TensorType("f32", (n, n_targets)),)


def _svm(kernel_type: str, kernel_params: Any) -> None:
    one_of("kernel_type", kernel_type, ("LINEAR", "POLY", "RBF", "SIGMOID"))
    _length("kernel_params", kernel_params, 0, 3)


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
    n, features = _samples(types[0])
    dtype, classes = _labels(classlabels_ints, classlabels_strings)
    _svm(kernel_type, kernel_params)
    if not vectors_per_class:
        _length("coefficients", coefficients, classes * features)
        _length("rho", rho, 1, classes)
        return _classified(n, dtype, classes, post_transform)
    pairs, supports = classes * (classes - 1) // 2, sum(vectors_per_class)
    at_least_all("vectors_per_class", 0, vectors_per_class)
    _length("vectors_per_class", vectors_per_class, classes)
    _length("classlabels", range(classes), *range(2, classes + 1))
    _length("support_vectors", support_vectors, supports * features)
    _length("coefficients", coefficients, (classes - 1) * supports)
    _length("rho", rho, pairs)
    _length("prob_a", prob_a, 0, pairs)
    _length("prob_b", prob_b, len(prob_a or ()))
    one_column = classes == 2 and post_transform == "PROBIT" and not prob_a
    columns = 1 if one_column else classes if prob_a or classes == 2 else pairs
    return _classified(n, dtype, columns, post_transform)


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
    n, features = _samples(types[0])
    _svm(kernel_type, kernel_params)
    one_of("post_transform", post_transform, TRANSFORMS)
    at_least_all("n_supports", 0, (n_supports,))
    _length("support_vectors", support_vectors, n_supports * features)
    _length("coefficients", coefficients, n_supports or features)
    _length("rho", rho, 1)
    return (TensorType("f32", (n, 1)),)


def _features(x: TensorType) -> int:
    at_least(x, 1, "the input")
    return x.shape[-1]


def _scaler(types: Types, *, offset: Any, scale: Any) -> Result:
    for values in (offset, scale):
        if values and len(values) not in (1, _features(types[0])):
            raise OpError(f"Scaler: {len(values)} values for {types[0].shape} features")
    return (TensorType("f32", types[0].shape),)


def _normalizer(types: Types, *, norm: str) -> Result:
    one_of("norm", norm, ("MAX", "L1", "L2"))
    return (TensorType("f32", types[0].shape),)


def _imputer(types: Types, *, imputed_value_floats: Any, imputed_value_int64s: Any, **_: Any) -> Result:
    x = types[0]
    values = imputed_value_floats if x.dtype.startswith("f") else imputed_value_int64s
    if not values or len(values) not in (1, _features(x)):
        raise OpError(f"Imputer: {len(values or ())} values for {x.shape[-1]} features of type {x.dtype}")
    return (x,)


def _one_hot(types: Types, *, cats_int64s: Any, cats_strings: Any, zeros: int) -> Result:
    x = types[0]
    categories = cats_strings if x.dtype == "str" else cats_int64s
    if not categories:
        raise OpError(f"OneHotEncoder has no categories for operands of type {x.dtype}")
    return (TensorType("f32", (*x.shape, len(categories))),)


def _label_encoder(types: Types, *, keys: Any, values: Any, default: Any) -> Result:
    if len(keys) != len(values):
        raise OpError(f"LabelEncoder: {len(keys)} keys for {len(values)} values")
    kinds = {str: "str", float: "f32", int: "i64"}
    return (TensorType(kinds[type(default)], types[0].shape),)


def _feature_vectorizer(types: Types, *, inputdimensions: Any) -> Result:
    for t in types:
        at_least(t, 1, "an input of FeatureVectorizer")
    at_least_all("inputdimensions", 0, inputdimensions)
    widths = inputdimensions or [prod(t.shape[1:]) for t in types]
    if len(widths) != len(types) or len({t.shape[0] for t in types}) > 1:
        raise OpError(f"FeatureVectorizer: widths {widths} for {', '.join(map(str, types))}")
    return (TensorType("f32", (types[0].shape[0], sum(widths))),)


def _extractor(types: Types) -> Result:
    x, indices = types
    return (TensorType(x.dtype, (*(x.shape[:-1] or (1,)), indices.size)),)


_POST = attr("post_transform", str, "NONE")
_TREE = (
    *(need(f"nodes_{name}", tuple) for name in ("treeids", "nodeids", "featureids", "values", "modes")),
    *(need(f"nodes_{name}", tuple) for name in ("truenodeids", "falsenodeids")),
    attr("nodes_missing_value_tracks_true", tuple),
    attr("nodes_hitrates", tuple),
    attr("base_values", tuple),
    _POST,
)

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
    _POST,
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
    _POST,
)
TREEENSEMBLECLASSIFIER = declare(
    "TreeEnsembleClassifier",
    Kind.INDEX,
    1,
    of_dtypes(NUMERIC, _tree_classifier),
    "Votes of decision trees: labels (N,), scores (N, C).",
    *_TREE,
    *(need(name, tuple) for name in ("class_treeids", "class_nodeids", "class_ids", "class_weights")),
    attr("classlabels_int64s", tuple),
    attr("classlabels_strings", tuple),
)
TREEENSEMBLEREGRESSOR = declare(
    "TreeEnsembleRegressor",
    Kind.INDEX,
    1,
    of_dtypes(NUMERIC, _tree_regressor),
    "Sum (or mean, least, largest) of the leaves that a sample reaches: (N, targets).",
    *_TREE,
    *(need(name, tuple) for name in ("target_treeids", "target_nodeids", "target_ids", "target_weights")),
    need("n_targets", int),
    attr("aggregate_function", str, "SUM"),
)
_SVM = (
    need("coefficients", tuple),
    need("rho", tuple),
    attr("support_vectors", tuple),
    attr("kernel_type", str, "LINEAR"),
    attr("kernel_params", tuple),
    _POST,
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
SCALER = declare(
    "Scaler",
    Kind.LINEAR,
    1,
    of_dtypes(NUMERIC, _scaler),
    "(x - offset) scale, feature by feature.",
    attr("offset", tuple),
    attr("scale", tuple),
)
NORMALIZER = declare(
    "Normalizer", Kind.COMPOUND, 1, of_dtypes(NUMERIC, _normalizer), "Rows over their norm.", attr("norm", str, "MAX")
)
BINARIZER = declare(
    "Binarizer",
    Kind.COMPARISON,
    1,
    of_dtypes(NUMERIC, lambda types, threshold: (types[0],)),
    "One above the threshold, else zero.",
    attr("threshold", float, 0.0),
)
IMPUTER = declare(
    "Imputer",
    Kind.OTHER,
    1,
    of_dtypes(NUMERIC, _imputer),
    "Replaces missing values feature by feature.",
    attr("imputed_value_floats", tuple),
    attr("imputed_value_int64s", tuple),
    attr("replaced_value_float", float, float("nan")),
    attr("replaced_value_int64", int, 0),
)
ONEHOTENCODER = declare(
    "OneHotEncoder",
    Kind.INDEX,
    1,
    _one_hot,
    "A new last axis with a one at the category.",
    attr("cats_int64s", tuple),
    attr("cats_strings", tuple),
    attr("zeros", int, 1),
)
LABELENCODER = declare(
    "LabelEncoder",
    Kind.INDEX,
    1,
    _label_encoder,
    "values[i] where an element equals keys[i], else the default.",
    need("keys", tuple),
    need("values", tuple),
    need("default", object),
)
FEATUREVECTORIZER = declare(
    "FeatureVectorizer",
    Kind.VIEW,
    (1, MANY),
    of_dtypes(NUMERIC, _feature_vectorizer),
    "Feature matrices side by side.",
    attr("inputdimensions", tuple),
)
ARRAYFEATUREEXTRACTOR = declare(
    "ArrayFeatureExtractor", Kind.INDEX, 2, _extractor, "Columns that the second operand names."
)

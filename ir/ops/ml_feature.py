"""Rows that prepare features (ai.onnx.ml)."""

from math import prod
from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import MANY, OpError, Result, Types, attr, declare, need
from ppc.ir.ops.ml_post import NUMERIC
from ppc.ir.ops.rules import at_least, at_least_all, of_dtypes, one_of
from ppc.ir.types import TensorType


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

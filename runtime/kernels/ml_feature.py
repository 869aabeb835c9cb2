"""Kernels that prepare features (ai.onnx.ml)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import Array
from ppc.runtime.kernels.index import gather

Floats = Sequence[float]


def scaler(x: Array, offset: Floats | None = None, scale: Floats | None = None) -> Array:
    """(x - offset) * scale, one of each a feature or one for all."""
    y = x.astype(np.float64, copy=False)
    y = y if offset is None or not len(offset) else y - np.asarray(offset)
    return y if scale is None or not len(scale) else y * np.asarray(scale)


def normalizer(x: Array, *, norm: str = "MAX") -> Array:
    """Each row over its largest element (MAX), sum of absolutes (L1) or Euclidean length (L2); a zero row stays."""
    y = x.astype(np.float64, copy=False)
    if norm == "MAX":
        size: Array = y.max(axis=-1, keepdims=True)
    else:
        size = np.linalg.norm(y, ord=1 if norm == "L1" else 2, axis=-1, keepdims=True)
    out: Array = np.divide(y, size, out=y.copy(), where=size != 0)
    return out


def binarizer(x: Array, *, threshold: float = 0.0) -> Array:
    return (x > threshold).astype(x.dtype)


def imputer(
    x: Array,
    imputed_value_floats: Floats | None = None,
    imputed_value_int64s: Sequence[int] | None = None,
    *,
    replaced_value_float: float = float("nan"),
    replaced_value_int64: int = 0,
) -> Array:
    """Replaces one value (NaN as a rule) by one imputed value a feature, or one for all."""
    if x.dtype.kind == "f":
        hit = np.isnan(x) if np.isnan(replaced_value_float) else x == replaced_value_float
        return np.where(hit, np.asarray(imputed_value_floats), x)
    return np.where(x == replaced_value_int64, np.asarray(imputed_value_int64s), x).astype(x.dtype)


def one_hot_encoder(
    x: Array, *, cats_int64s: Sequence[int] | None = None, cats_strings: Sequence[str] | None = None, zeros: int = 1
) -> Array:
    """A new last axis with a one at the category. With `zeros` = 0 an unknown category is an error (PartyError)."""
    categories: Array = np.array(cats_strings) if cats_strings else np.array(cats_int64s)
    whole = x.astype(np.int64) if x.dtype.kind == "f" else x
    hot = whole[..., None] == categories
    if not zeros and not hot.any(axis=-1).all():
        raise PartyError("PPC6005", f"a value is none of the {len(categories)} categories of a OneHotEncoder")
    one_hot: Array = hot.astype(np.float64)
    return one_hot


def label_encoder(x: Array, *, keys: Sequence[Any], values: Sequence[Any], default: Any) -> Array:
    """values[i] where x == keys[i], else `default`. Import gathers the typed attributes of ONNX in these three."""
    out = np.full(x.shape, default, np.result_type(np.array(values), np.array([default])))
    for key, value in zip(reversed(keys), reversed(values), strict=True):  # of equal keys the first counts
        hit = np.isnan(x) if isinstance(key, float) and np.isnan(key) else x == key
        out[hit] = value
    return out


def feature_vectorizer(*xs: Array, inputdimensions: Sequence[int] | None = None) -> Array:
    """Joins the feature columns of matrices (N, f_i) -> (N, sum f_i), each cut or padded to its declared width."""
    widths = inputdimensions or [x.reshape(len(x), -1).shape[1] for x in xs]
    parts = []
    for x, width in zip(xs, widths, strict=True):
        flat = x.reshape(len(x), -1).astype(np.float64)[:, :width]
        parts.append(np.pad(flat, [(0, 0), (0, width - flat.shape[1])]))
    return np.concatenate(parts, 1)


def array_feature_extractor(x: Array, indices: Array) -> Array:
    """Columns of the last axis: (..., F) -> (..., I); a vector becomes one row."""
    return gather(np.atleast_2d(x), indices.reshape(-1), axis=-1)

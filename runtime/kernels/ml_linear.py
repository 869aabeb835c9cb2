"""Kernels of linear models (ai.onnx.ml)."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.ml_post import class_labels, two_columns
from ppc.runtime.kernels.ml_post import post_transform as transform_scores

Floats = Sequence[float]


def _affine(x: Array, coefficients: Floats, intercepts: Floats | None, outputs: int) -> Array:
    """(N, F) -> (N, outputs); the coefficients are row-major (outputs, F)."""
    x = x.reshape(1, -1) if x.ndim == 1 else x
    y: Array = x.astype(np.float64) @ np.asarray(coefficients, np.float64).reshape(outputs, -1).T
    return y if intercepts is None or not len(intercepts) else y + np.asarray(intercepts, np.float64)


def linear_classifier(
    x: Array,
    coefficients: Floats,
    intercepts: Floats | None = None,
    *,
    classlabels_ints: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None,
    multi_class: int = 0,
    post_transform: str = "NONE",
) -> tuple[Array, Array]:
    """Labels (N,) and scores (N, C). One row of coefficients with two labels is a binary classifier."""
    labels = class_labels(classlabels_ints, classlabels_strings)
    features = x.shape[-1]
    rows = len(coefficients) // features
    scores = _affine(x, coefficients, intercepts, rows)
    if rows == 1 and len(labels) == 2:
        pick = (scores[:, 0] > 0).astype(np.int64)
        return labels[pick], two_columns(scores, post_transform, probability=True)
    return labels[scores.argmax(axis=1)], transform_scores(scores, post_transform)


def linear_regressor(
    x: Array,
    coefficients: Floats,
    intercepts: Floats | None = None,
    *,
    targets: int = 1,
    post_transform: str = "NONE",
) -> Array:
    """(N, F) -> (N, targets)."""
    return transform_scores(_affine(x, coefficients, intercepts, targets), post_transform)

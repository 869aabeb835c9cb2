"""What the ai.onnx.ml classifiers share: class labels and the transforms of scores."""

from collections.abc import Sequence

import numpy as np
from scipy.special import erfinv

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.activation import sigmoid
from ppc.runtime.kernels.softmax import softmax


def class_labels(ints: Sequence[int] | None, strings: Sequence[str] | None) -> Array:
    """The labels, in the order of the score columns."""
    return np.array(strings, np.str_) if strings else np.array(ints or (), np.int64)


def post_transform(scores: Array, transform: str) -> Array:
    """Scores (N, C) after NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO (zeros stay zero) or PROBIT."""
    if transform == "SOFTMAX":
        return softmax(scores, axis=1)
    if transform == "LOGISTIC":
        return sigmoid(scores)
    if transform == "SOFTMAX_ZERO":
        live = np.abs(scores) > 1e-7
        e = np.where(live, np.exp(scores - scores.max(axis=1, keepdims=True)), 0.0)
        total = e.sum(axis=1, keepdims=True)
        return np.where(live, e / np.where(total == 0, 1.0, total), scores)
    if transform == "PROBIT":
        return np.asarray(np.sqrt(2.0) * erfinv(2.0 * scores - 1.0))
    return scores


def two_columns(score: Array, transform: str, probability: bool) -> Array:
    """Both columns of a binary classifier that has one score (N, 1), as onnxruntime writes them.

    The first column is 1 - score where the score is a probability, else its negative; of the transforms only
    LOGISTIC applies (PROBIT leaves one column).
    """
    if transform == "LOGISTIC":
        return np.concatenate([sigmoid(-score), sigmoid(score)], 1)
    if transform == "PROBIT":
        return post_transform(score, transform)
    return np.concatenate([1.0 - score if probability else -score, score], 1)

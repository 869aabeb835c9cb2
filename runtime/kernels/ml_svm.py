"""Kernels of support vector machines (ai.onnx.ml), with the conventions of LIBSVM.

Chang and Lin, "LIBSVM: a library for support vector machines", ACM TIST 2011.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ppc.runtime.kernels import Array
from ppc.runtime.kernels.activation import sigmoid
from ppc.runtime.kernels.ml_post import class_labels, two_columns
from ppc.runtime.kernels.ml_post import post_transform as transform_scores

Ints = Sequence[int]
Floats = Sequence[float]


def _kernel(x: Array, vectors: Array, kernel_type: str, params: Floats | None) -> Array:
    """k(x_n, v_s): (N, S). params are gamma, coef0, degree."""
    gamma, coef0, degree = params or (0.0, 0.0, 3.0)
    if kernel_type == "RBF":
        squares = (x * x).sum(1)[:, None] + (vectors * vectors).sum(1) - 2.0 * x @ vectors.T
        k: Array = np.exp(-gamma * np.maximum(squares, 0.0))
        return k
    dot: Array = x @ vectors.T
    if kernel_type == "LINEAR":
        return dot
    if kernel_type == "POLY":
        return (gamma * dot + coef0) ** degree
    assert kernel_type == "SIGMOID", kernel_type
    return np.tanh(gamma * dot + coef0)


def svm_regressor(
    x: Array,
    coefficients: Floats,
    support_vectors: Floats | None = None,
    rho: Floats = (0.0,),
    *,
    n_supports: int = 0,
    kernel_type: str = "LINEAR",
    kernel_params: Floats | None = None,
    one_class: int = 0,
    post_transform: str = "NONE",
) -> Array:
    """(N, F) -> (N, 1); without support vectors the coefficients are the weights of a linear model."""
    x = x.astype(np.float64, copy=False)
    vectors = np.asarray(support_vectors).reshape(n_supports, -1) if n_supports else np.eye(x.shape[1])
    kernel_type = kernel_type if n_supports else "LINEAR"
    y = _kernel(x, vectors, kernel_type, kernel_params) @ np.asarray(coefficients) + rho[0]
    y = np.where(y > 0, 1.0, -1.0) if one_class else y
    return transform_scores(y[:, None], post_transform)


def _pairs(k: Array, alpha: Array, per_class: Ints, rho: Floats) -> Array:
    """Decision value of each pair of classes (i < j): (N, pairs). alpha is (classes - 1, S)."""
    edges = np.concatenate([[0], np.cumsum(per_class)])
    own = [slice(edges[c], edges[c + 1]) for c in range(len(per_class))]
    columns = [
        k[:, own[i]] @ alpha[j - 1, own[i]] + k[:, own[j]] @ alpha[i, own[j]]
        for i, j in combinations(range(len(own)), 2)
    ]
    decisions: Array = np.stack(columns, 1) + np.asarray(rho)
    return decisions


def _votes(decisions: Array, classes: int) -> Array:
    """Wins of each class over the others: (N, classes)."""
    votes = np.zeros((len(decisions), classes))
    for column, (i, j) in enumerate(combinations(range(classes), 2)):
        first = decisions[:, column] > 0
        votes[:, i] += first
        votes[:, j] += ~first
    return votes


def _coupled(decisions: Array, prob_a: Floats, prob_b: Floats, classes: int) -> Array:
    """Class probabilities from pairwise ones: method 2 of Wu, Lin and Weng (JMLR 2004), as LIBSVM iterates it."""
    pair = np.clip(sigmoid(-(decisions * np.asarray(prob_a) + np.asarray(prob_b))), 1e-7, 1 - 1e-7)
    r = np.zeros((len(decisions), classes, classes))
    for column, (i, j) in enumerate(combinations(range(classes), 2)):
        r[:, i, j], r[:, j, i] = pair[:, column], 1.0 - pair[:, column]
    q = -np.swapaxes(r, 1, 2) * r
    q[:, range(classes), range(classes)] = (np.swapaxes(r, 1, 2) ** 2).sum(2)
    p = np.full((len(decisions), classes), 1.0 / classes)
    for _ in range(max(100, classes)):
        qp = np.einsum("ncd,nd->nc", q, p)
        pqp = (p * qp).sum(1)
        moving = (np.abs(qp - pqp[:, None]) >= 0.005 / classes).any(axis=1)  # each sample stops on its own
        if not moving.any():
            break
        for t in range(classes):
            step = np.where(moving, (pqp - qp[:, t]) / q[:, t, t], 0.0)
            p[:, t] += step
            scale = 1.0 + step
            pqp = (pqp + step * (step * q[:, t, t] + 2.0 * qp[:, t])) / scale**2
            qp = (qp + step[:, None] * q[:, t]) / scale[:, None]
            p /= scale[:, None]
    return p


def svm_classifier(
    x: Array,
    coefficients: Floats,
    support_vectors: Floats | None = None,
    rho: Floats = (0.0,),
    prob_a: Floats | None = None,
    prob_b: Floats | None = None,
    *,
    vectors_per_class: Ints | None = None,
    kernel_type: str = "LINEAR",
    kernel_params: Floats | None = None,
    classlabels_ints: Ints | None = None,
    classlabels_strings: Sequence[str] | None = None,
    post_transform: str = "NONE",
) -> tuple[Array, Array]:
    """Labels (N,) and scores (N, C).

    The label is the class that wins most pairs. Scores are probabilities where prob_a is given, else pairwise
    decision values (both signs for two classes). Without support vectors each row of coefficients is one linear
    class score.
    """
    x = x.astype(np.float64, copy=False)
    labels = class_labels(classlabels_ints, classlabels_strings)
    if not vectors_per_class:
        weights = np.asarray(coefficients).reshape(len(labels), -1)
        scores = x @ weights.T + rho[0]
        return labels[scores.argmax(1)], transform_scores(scores, post_transform)
    supports, classes = sum(vectors_per_class), len(vectors_per_class)
    vectors = np.asarray(support_vectors).reshape(supports, -1)
    alpha = np.asarray(coefficients).reshape(classes - 1, supports)
    decisions = _pairs(_kernel(x, vectors, kernel_type, kernel_params), alpha, vectors_per_class, rho)
    picked = labels[_votes(decisions, classes).argmax(1)]
    if prob_a is not None and len(prob_a):
        offsets = () if prob_b is None else prob_b
        return picked, transform_scores(_coupled(decisions, prob_a, offsets, classes), post_transform)
    if classes == 2:
        return picked, two_columns(decisions, post_transform, probability=post_transform != "NONE")
    return picked, transform_scores(decisions, post_transform)

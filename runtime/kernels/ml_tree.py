"""Kernels of tree ensembles (ai.onnx.ml, opset 3 attributes): all samples walk all trees level by level."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import Array
from ppc.runtime.kernels.ml_post import class_labels, two_columns
from ppc.runtime.kernels.ml_post import post_transform as transform_scores

Ints = Sequence[int]
Floats = Sequence[float]

MODES = ("LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


@dataclass(frozen=True)
class Forest:
    """Nodes of all trees in one table; children are row numbers, a leaf points to itself."""

    feature: Array
    threshold: Array
    mode: Array
    true: Array
    false: Array
    missing_true: Array
    roots: Array
    leaves: Array  # (node, target) dense weights
    votes: Array  # (node, target) true where a leaf has a weight for the target, be it zero

    def walk(self, x: Array) -> Array:
        """The leaf that each sample reaches in each tree: (N, trees)."""
        at = np.broadcast_to(self.roots, (len(x), len(self.roots)))
        sample = np.arange(len(x))[:, None]
        for _ in range(len(self.mode)):  # no path is longer, so that a table with a cycle ends as well
            if not self.mode[at].any():
                break
            v, t, m = x[sample, self.feature[at]], self.threshold[at], self.mode[at]
            tests = [m == 0, v <= t, v < t, v >= t, v > t, v == t, v != t]
            goes = np.choose(m, tests) | (np.isnan(v) & self.missing_true[at])
            at = np.where(goes, self.true[at], self.false[at])
        return at


@lru_cache(maxsize=8)
def _forest(
    treeids: tuple[int, ...],
    nodeids: tuple[int, ...],
    featureids: tuple[int, ...],
    values: tuple[float, ...],
    modes: tuple[str, ...],
    trues: tuple[int, ...],
    falses: tuple[int, ...],
    missing: tuple[int, ...],
    weights: tuple[tuple[int, int, int, float], ...],
    targets: int,
) -> Forest:
    rows = {key: i for i, key in enumerate(zip(treeids, nodeids, strict=True))}
    leaf = [m == "LEAF" for m in modes]
    true = [i if leaf[i] else rows[t, n] for i, (t, n) in enumerate(zip(treeids, trues, strict=True))]
    false = [i if leaf[i] else rows[t, n] for i, (t, n) in enumerate(zip(treeids, falses, strict=True))]
    first: dict[int, int] = {}
    for i, tree in enumerate(treeids):
        first.setdefault(tree, i)
    leaves, votes = np.zeros((len(modes), targets)), np.zeros((len(modes), targets), np.bool_)
    for tree, node, target, weight in weights:
        leaves[rows[tree, node], target] += weight
        votes[rows[tree, node], target] = True
    return Forest(
        np.array(featureids),
        np.array(values),
        np.array([MODES.index(m) for m in modes]),
        np.array(true),
        np.array(false),
        np.array(missing or [0] * len(modes), np.bool_),
        np.array(list(first.values())),
        leaves,
        votes,
    )


def _features(ids: Ints, x: Array) -> tuple[int, ...]:
    """The feature of each node. Raises PartyError where the sample has no such feature."""
    found = tuple(map(int, ids))
    if found and not 0 <= min(found) <= max(found) < x.shape[-1]:
        raise PartyError("PPC6005", f"a tree asks for feature {max(found)}, and a sample has {x.shape[-1]}")
    return found


def _scores(x: Array, forest: Forest, aggregate: str, base: Floats | None) -> Array:
    votes = forest.leaves[forest.walk(x.astype(np.float64, copy=False))]  # (N, trees, targets)
    combine: Any = {"SUM": np.sum, "AVERAGE": np.mean, "MIN": np.min, "MAX": np.max}[aggregate]
    scores: Array = combine(votes, axis=1)
    return scores + np.asarray(base) if base is not None and len(base) else scores


def tree_ensemble_regressor(
    x: Array,
    nodes_values: Floats,
    nodes_featureids: Ints,
    target_weights: Floats,
    base_values: Floats | None = None,
    *,
    nodes_treeids: Ints,
    nodes_nodeids: Ints,
    nodes_modes: Sequence[str],
    nodes_truenodeids: Ints,
    nodes_falsenodeids: Ints,
    target_treeids: Ints,
    target_nodeids: Ints,
    target_ids: Ints,
    n_targets: int,
    nodes_missing_value_tracks_true: Ints | None = None,
    nodes_hitrates: Floats | None = None,
    aggregate_function: str = "SUM",
    post_transform: str = "NONE",
) -> Array:
    """(N, F) -> (N, n_targets)."""
    forest = _forest(
        tuple(nodes_treeids),
        tuple(nodes_nodeids),
        _features(nodes_featureids, x),
        tuple(map(float, nodes_values)),
        tuple(nodes_modes),
        tuple(nodes_truenodeids),
        tuple(nodes_falsenodeids),
        tuple(nodes_missing_value_tracks_true or ()),
        tuple(zip(target_treeids, target_nodeids, target_ids, map(float, target_weights), strict=True)),
        n_targets,
    )
    return transform_scores(_scores(x, forest, aggregate_function, base_values), post_transform)


def tree_ensemble_classifier(
    x: Array,
    nodes_values: Floats,
    nodes_featureids: Ints,
    class_weights: Floats,
    base_values: Floats | None = None,
    *,
    nodes_treeids: Ints,
    nodes_nodeids: Ints,
    nodes_modes: Sequence[str],
    nodes_truenodeids: Ints,
    nodes_falsenodeids: Ints,
    class_treeids: Ints,
    class_nodeids: Ints,
    class_ids: Ints,
    nodes_missing_value_tracks_true: Ints | None = None,
    nodes_hitrates: Floats | None = None,
    classlabels_int64s: Ints | None = None,
    classlabels_strings: Sequence[str] | None = None,
    post_transform: str = "NONE",
) -> tuple[Array, Array]:
    """Labels (N,) and scores (N, C). Two labels with weights for one class only is a binary classifier:
    its score is a probability where no weight is negative, else a margin around zero (as onnxruntime decides)."""
    labels = class_labels(classlabels_int64s, classlabels_strings)
    forest = _forest(
        tuple(nodes_treeids),
        tuple(nodes_nodeids),
        _features(nodes_featureids, x),
        tuple(map(float, nodes_values)),
        tuple(nodes_modes),
        tuple(nodes_truenodeids),
        tuple(nodes_falsenodeids),
        tuple(nodes_missing_value_tracks_true or ()),
        tuple(zip(class_treeids, class_nodeids, class_ids, map(float, class_weights), strict=True)),
        len(labels),
    )
    based = base_values is not None and len(base_values) > 0
    binary = len(labels) == 2 and len(set(class_ids)) == 1
    if not binary:
        scores = _scores(x, forest, "SUM", base_values)
        voted = forest.votes[forest.walk(x.astype(np.float64, copy=False))].any(axis=1)
        eligible = scores if based else np.where(voted, scores, -np.inf)  # no tree voted: not a candidate
        return labels[eligible.argmax(axis=1)], transform_scores(scores, post_transform)
    column = class_ids[0]
    score = _scores(x, forest, "SUM", None)[:, column : column + 1]
    if based:
        score = score + np.asarray(base_values)[-1]
    probability = min(class_weights) >= 0
    pick = (score[:, 0] > (0.5 if probability else 0.0)).astype(np.int64)
    return labels[pick], two_columns(score, post_transform, probability)

"""Rows of tree ensembles (ai.onnx.ml)."""

from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.ml_post import NUMERIC, POST, TRANSFORMS, classified, labels_of, need_length, samples
from ppc.ir.ops.rules import at_least_all, of_dtypes, one_of
from ppc.ir.types import TensorType
from ppc.runtime.kernels.ml_tree import MODES


def _forest(features: int, prefix: str, outputs: int, given: dict[str, Any]) -> None:
    """Checks the node and leaf tables of an ensemble. A hostile model may hold cycles: the kernel would never end."""
    lists = {k: len(v) for k, v in given.items() if k.startswith("nodes_") and v is not None}
    if len(set(lists.values())) > 1 or not lists["nodes_treeids"]:
        raise OpError(f"the node lists are empty or differ in length: {lists}")
    for mode in set(given["nodes_modes"]):
        one_of("nodes_modes", mode, MODES)
    used = given["nodes_featureids"]
    if not isinstance(used, range) and (max(used) >= features or min(used) < 0):  # of an operand, the kernel checks it
        raise OpError(f"a tree asks for feature {max(used)} of {features}")
    need_length("base_values", given["base_values"], 0, 1, outputs)
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
    n, features = samples(types[0])
    dtype, classes = labels_of(rest["classlabels_int64s"], rest["classlabels_strings"])
    _forest(features, "class", classes, {**rest, "class_ids": class_ids})
    one_column = classes == 2 and len(set(class_ids)) == 1
    if not one_column:
        need_length("base_values", rest["base_values"], 0, classes)
    return classified(n, dtype, 1 if one_column and post_transform == "PROBIT" else classes, post_transform)


def _tree_regressor(
    types: Types, *, n_targets: int, aggregate_function: str, post_transform: str, **rest: Any
) -> Result:
    n, features = samples(types[0])
    at_least_all("n_targets", 1, (n_targets,))
    _forest(features, "target", n_targets, rest)
    one_of("post_transform", post_transform, TRANSFORMS)
    one_of("aggregate_function", aggregate_function, ("SUM", "AVERAGE", "MIN", "MAX"))
    return (TensorType("f32", (n, n_targets)),)


_TREE = (
    *(need(f"nodes_{name}", tuple) for name in ("treeids", "nodeids", "featureids", "values", "modes")),
    *(need(f"nodes_{name}", tuple) for name in ("truenodeids", "falsenodeids")),
    attr("nodes_missing_value_tracks_true", tuple),
    attr("nodes_hitrates", tuple),
    attr("base_values", tuple),
    POST,
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

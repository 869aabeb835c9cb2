"""Tree ensembles as matrix products, which hide the path that a sample takes from every party.

    v = x·S              the feature that each inner node looks at          S: one-hot columns (features x nodes)
    b = v <= thresholds  one bit a node
    c = b·P + q          0 where every turn leads to the leaf, else <= -1   P: +1 leaf on the yes side, -1 no side
    y = (c >= -1/2)·W + base

Trained thresholds lie as near as a unit in the last place to numbers that occur, where 16 fractional bits do not tell
which is larger: an input of the model is taken times 2^8, by the client in clear, and so are the thresholds.

Trees are padded to one size, so that P is one batch of matrices. All tables are weights of the server: the plan shows
how many trees, nodes and leaves there are, not how they hang together.
Nakandala et al., "A tensor compiler for unified machine learning prediction serving", OSDI 2020 (the GEMM strategy).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ppc.ir.module import Array, Attr, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.canonicalize_gemm import PLAIN
from ppc.passes.labels import finish_classifier
from ppc.passes.rewrite import Rewriter, rewrite
from ppc.passes.trained import trained

COMPARE = {
    "BRANCH_LEQ": "LessOrEqual", "BRANCH_LT": "Less", "BRANCH_GTE": "GreaterOrEqual", "BRANCH_GT": "Greater"
}  # fmt: skip
MOST_ENTRIES = 1 << 24  # of P
#: An input is added up so many times, so often, and limited in size: thresholds are smaller. (Sums, since a constant
#: that a pass makes is as secret as the weights: the client could not multiply by it in clear.)
TIMES, SUMS, LIMIT = 4, 4, 2.0**17


@dataclass(frozen=True)
class CanonicalizeTrees(Pass):
    """Ensembles with one kind of comparison and sums or means of leaves. What is left stays compound.

    A NaN has no meaning in the form made here. Where a way is set for missing values, the ensemble must read an input
    of the model: no party takes a NaN for an input (PPC6005), while one that is computed may be meant.
    """

    name: ClassVar[str] = "canonicalize-trees"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        rules = {"TreeEnsembleClassifier": (_classifier,), "TreeEnsembleRegressor": (_regressor,)}
        return rewrite(module, rules)


@dataclass(frozen=True)
class _Tables:
    """T trees of at most I inner nodes and L leaves, F features."""

    compare: str
    select: Array  # (F, T·I)
    thresholds: Array  # (T·I,)
    paths: Array  # (T, I, L)
    bias: Array  # (T, 1, L)
    leaves: dict[tuple[int, int], int]  # (tree, node) -> row of W
    rows: int  # of W: T·L


def _tables(op: Op, r: Rewriter) -> _Tables | None:
    a: Any = op.attrs
    x = r.type_of(op.operands[0])
    values, features = trained(op, r, "nodes_values"), trained(op, r, "nodes_featureids")
    modes = set(a["nodes_modes"]) - {"LEAF"}
    if x.dtype != "f32" or len(x.shape) != 2 or len(modes) != 1 or values is None or features is None:
        return None
    (mode,) = modes
    if mode not in COMPARE or not np.isfinite(values).all():
        return None
    if any(a.get("nodes_missing_value_tracks_true") or ()) and op.operands[0] not in r.module.inputs:
        return None
    keys = list(zip(a["nodes_treeids"], a["nodes_nodeids"], strict=True))
    at = {key: i for i, key in enumerate(keys)}
    roots = {tree: i for i, (tree, _) in reversed(list(enumerate(keys)))}
    found = [_walk(i, tree, a, at) for tree, i in sorted(roots.items())]
    inner = max(len({n for _, turns in leaves for n, _ in turns}) for leaves in found)
    width = max(map(len, found))
    count = len(found)
    if inner == 0 or count * inner * width > MOST_ENTRIES:
        return None
    select, thresholds = np.zeros((x.shape[1], count * inner)), np.zeros(count * inner)
    paths, bias = np.zeros((count, inner, width)), np.full((count, 1, width), -1.0)
    rows = {}
    for t, leaves in enumerate(found):
        place = {n: k for k, n in enumerate(dict.fromkeys(n for _, turns in leaves for n, _ in turns))}
        for n, k in place.items():
            select[int(features[n]), t * inner + k] = 1.0
            thresholds[t * inner + k] = values[n]
        for j, (leaf, turns) in enumerate(leaves):
            rows[keys[leaf]] = t * width + j
            bias[t, 0, j] = -sum(yes for _, yes in turns)
            for n, yes in turns:
                paths[t, place[n], j] = 1.0 if yes else -1.0
    return _Tables(COMPARE[mode], select, thresholds, paths, bias, rows, count * width)


def _walk(root: int, tree: int, a: Any, at: dict[tuple[int, int], int]) -> list[tuple[int, list[tuple[int, bool]]]]:
    """The leaves below a root with the turns that lead there, as (node, yes). Import has refused cycles."""
    found, waiting = [], [(root, list[tuple[int, bool]]())]
    while waiting:
        node, turns = waiting.pop()
        if a["nodes_modes"][node] == "LEAF":
            found.append((node, turns))
            continue
        for yes, children in ((True, "nodes_truenodeids"), (False, "nodes_falsenodeids")):
            waiting.append((at[tree, a[children][node]], [*turns, (node, yes)]))
    return found


def _weights(op: Op, r: Rewriter, tables: _Tables, prefix: str, outputs: int) -> Array | None:
    """(rows, outputs) contributions of the leaves; None where a node that is no leaf has one."""
    a: Any = op.attrs
    values = trained(op, r, f"{prefix}_weights")
    table = np.zeros((tables.rows, outputs))
    keys = zip(a[f"{prefix}_treeids"], a[f"{prefix}_nodeids"], strict=True)
    for key, output, value in zip(keys, a[f"{prefix}_ids"], values if values is not None else (), strict=True):
        if key not in tables.leaves:
            return None
        table[tables.leaves[key], output] += value
    return table


def _reached(op: Op, r: Rewriter, t: _Tables) -> str:
    """(N, rows): one where a sample reaches the leaf, else zero."""
    x, hint = op.operands[0], op.results[0]
    n, (count, inner, width) = r.type_of(x).shape[0], t.paths.shape

    def step(
        name: str, operands: tuple[str, ...], to_shape: tuple[int, ...], dtype: str = "f32", /, **attrs: Attr
    ) -> str:
        return r.insert_before(op, name, operands, TensorType(dtype, to_shape), f"{hint}_{name.lower()}", attrs)

    def table(data: Array, what: str) -> str:
        return r.constant(data, "f32", f"@{hint}_{what}", *(o for o in op.operands if o.startswith("@")))

    thresholds = t.thresholds
    if x in r.module.inputs and np.abs(thresholds).max() < LIMIT:
        scale = float(TIMES**SUMS)
        thresholds = thresholds * scale
        for _ in range(SUMS):
            x = step("Sum", (x,) * TIMES, r.type_of(x).shape)
        x = step("Clip", (x,), r.type_of(x).shape, min=-LIMIT * scale, max=LIMIT * scale)
    looked = step("Gemm", (x, table(t.select, "select")), (n, count * inner), "f32", **PLAIN)
    turn = step(t.compare, (looked, table(thresholds, "thresholds")), (n, count * inner), "bool")
    bits = step("Cast", (turn,), (n, count * inner), to="f32")
    apart = step("Reshape", (bits,), (n, count, inner), shape=(n, count, inner))
    by_tree = step("Transpose", (apart,), (count, n, inner), perm=(1, 0, 2))
    walked = step("MatMul", (by_tree, table(t.paths, "paths")), (count, n, width))
    missed = step("Add", (walked, table(t.bias, "turns")), (count, n, width))
    hit = step("GreaterOrEqual", (missed, table(np.array([-0.5]), "half")), (count, n, width), "bool")
    ones = step("Cast", (hit,), (count, n, width), to="f32")
    by_sample = step("Transpose", (ones,), (n, count, width), perm=(1, 0, 2))
    return step("Reshape", (by_sample,), (n, t.rows), shape=(n, t.rows))


def _sum(op: Op, r: Rewriter, t: _Tables, weights: Array, base: Array | None, hint: str) -> tuple[str, ...]:
    """Operands of the Gemm that adds up the leaves."""
    like = [o for o in op.operands if o.startswith("@")]
    operands = [_reached(op, r, t), r.constant(weights, "f32", f"@{hint}_leaves", *like)]
    if base is not None and base.any():
        operands.append(r.constant(base, "f32", f"@{hint}_base", *like))
    return tuple(operands)


def _regressor(op: Op, r: Rewriter) -> None:
    a: Any = op.attrs
    aggregate = a.get("aggregate_function", "SUM")
    if a.get("post_transform", "NONE") != "NONE" or aggregate not in ("SUM", "AVERAGE"):
        return
    tables = _tables(op, r)
    weights = None if tables is None else _weights(op, r, tables, "target", int(a["n_targets"]))
    if tables is None or weights is None:
        return
    weights = weights / len(tables.paths) if aggregate == "AVERAGE" else weights
    base = trained(op, r, "base_values")
    base = None if base is None else np.broadcast_to(base, weights.shape[1:])
    r.replace(op, "Gemm", _sum(op, r, tables, weights, base, op.results[0]), PLAIN)


def _classifier(op: Op, r: Rewriter) -> None:
    a: Any = op.attrs
    labels, transform = a.get("classlabels_int64s") or (), a.get("post_transform", "NONE")
    if not labels or transform not in ("NONE", "LOGISTIC", "SOFTMAX"):
        return
    tables = _tables(op, r)
    weights = None if tables is None else _weights(op, r, tables, "class", len(labels))
    if tables is None or weights is None:
        return
    base, given = trained(op, r, "base_values"), trained(op, r, "class_weights")
    assert given is not None
    used = set(a["class_ids"])
    if len(labels) == 2 and len(used) == 1:  # one score s for two columns: 1 - s, s of probabilities, else -s, s
        probability = bool(given.min() >= 0)
        score, shift = weights[:, min(used)], 0.0 if base is None else float(base[-1])
        weights = np.stack([-score, score], 1)
        base = np.array([probability - shift, shift])
        transform = transform if transform == "LOGISTIC" else "NONE"
        if probability and transform == "LOGISTIC":  # the label is then decided by s > 1/2, the columns by s and -s
            return
    elif base is None and given.min() < 0 and not _all_vote(a, tables, len(labels)):
        return
    operands = _sum(op, r, tables, weights, base, op.results[0])
    finish_classifier(op, r, operands, labels, transform)


def _all_vote(a: Any, tables: _Tables, classes: int) -> bool:
    """Whether every class gets a vote from every sample: one tree with a vote for it in each of its leaves."""
    votes = set(zip(a["class_treeids"], a["class_nodeids"], a["class_ids"], strict=True))
    trees: dict[int, list[int]] = {}
    for tree, node in tables.leaves:
        trees.setdefault(tree, []).append(node)
    return all(any(all((t, n, c) in votes for n in nodes) for t, nodes in trees.items()) for c in range(classes))

"""The end of a classifier: scores, their transform, and the label of the largest."""

from collections.abc import Sequence

import numpy as np

from ppc.ir.module import Attr, Op
from ppc.ir.types import TensorType
from ppc.passes.canonicalize_gemm import PLAIN
from ppc.passes.rewrite import Rewriter

#: Transform → the operator that does it; the others keep the compound operator.
TRANSFORMS: dict[str, tuple[str, dict[str, Attr]]] = {"SOFTMAX": ("Softmax", {"axis": 1}), "LOGISTIC": ("Sigmoid", {})}


def finish_classifier(op: Op, r: Rewriter, affine: Sequence[str], labels: tuple[int, ...], transform: str) -> None:
    """`op` (labels, scores) becomes Gemm(affine), its transform, ArgMax and, unless labels are 0, 1, ..., a Gather."""
    label, n = op.results[0], r.type_of(op.results[0]).shape[0]
    wide = TensorType("f32", (n, len(labels)))
    scores = r.insert_before(op, "Gemm", affine, wide, f"{label}_scores", PLAIN)
    if len(op.results) > 1:
        name, attrs = TRANSFORMS.get(transform, ("Identity", {}))
        r.insert_before(op, name, (scores,), wide, "", attrs, result=op.results[1])
    pick_label(op, r, scores, labels)


def pick_label(op: Op, r: Rewriter, scores: str, labels: tuple[int, ...], last: bool = False) -> None:
    """`op` becomes the label of the largest score: of equals the first, or the last."""
    label, rows, sources = op.results[0], r.type_of(scores).shape[0], [o for o in op.operands if o.startswith("@")]
    chosen: dict[str, Attr] = {"axis": 1, "keepdims": 0, "select_last_index": int(last)}
    if labels == tuple(range(len(labels))):
        r.replace(op, "ArgMax", (scores,), chosen, results=1)
        return
    index = r.insert_before(op, "ArgMax", (scores,), TensorType("i64", (rows,)), f"{label}_index", chosen)
    table = r.constant(np.asarray(labels, np.int64), "i64", f"@{label}_labels", *sources)
    r.replace(op, "Gather", (table, index), {"axis": 0}, results=1)

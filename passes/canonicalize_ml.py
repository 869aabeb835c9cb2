"""Linear operators of ai.onnx.ml in terms of ordinary ones, which encrypted targets have.

Scaler            (x + (-offset)) · scale
LinearRegressor   x·Wᵀ + b
LinearClassifier  s = x·Wᵀ + b;  scores = transform(s);  label = labels[argmax s]
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Array, Attr, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.canonicalize_gemm import PLAIN
from ppc.passes.rewrite import Rewriter, rewrite

#: Transform → the operator that does it; the others keep the compound operator.
TRANSFORMS: dict[str, tuple[str, dict[str, Attr]]] = {"SOFTMAX": ("Softmax", {"axis": 1}), "LOGISTIC": ("Sigmoid", {})}


@dataclass(frozen=True)
class CanonicalizeMl(Pass):
    """f32 operands of two axes; integer labels; transforms NONE, SOFTMAX, LOGISTIC. What is left stays compound."""

    name: ClassVar[str] = "canonicalize-ml"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        rules = {"Scaler": (_scaler,), "LinearRegressor": (_regressor,), "LinearClassifier": (_classifier,)}
        return rewrite(module, rules)


def _floats(op: Op, name: str) -> Array | None:
    given = op.attrs.get(name)
    return np.asarray(given, np.float64) if isinstance(given, tuple) and given else None


def _is_matrix(op: Op, r: Rewriter) -> bool:
    type = r.type_of(op.operands[0])
    return type.dtype == "f32" and len(type.shape) == 2


def _scaler(op: Op, r: Rewriter) -> None:
    offset, scale = _floats(op, "offset"), _floats(op, "scale")
    if not _is_matrix(op, r) or offset is None or scale is None:
        return
    x, like = op.operands[0], "@" + op.results[0]
    minus, factor = r.constant(-offset, "f32", f"{like}_offset"), r.constant(scale, "f32", f"{like}_scale")
    shifted = r.insert_before(op, "Add", (x, minus), r.type_of(x), f"{op.results[0]}_shifted")
    r.replace(op, "Mul", (shifted, factor))


def _affine(op: Op, r: Rewriter, weights: Array, intercepts: Array | None) -> list[str]:
    """Operands of the Gemm; weights have a row an output."""
    like = "@" + op.results[0]
    operands = [op.operands[0], r.constant(weights.T, "f32", f"{like}_weights")]
    if intercepts is not None:
        operands.append(r.constant(intercepts, "f32", f"{like}_bias"))
    return operands


def _regressor(op: Op, r: Rewriter) -> None:
    weights = _floats(op, "coefficients")
    if _is_matrix(op, r) and weights is not None and op.attrs.get("post_transform", "NONE") == "NONE":
        targets = r.type_of(op.results[0]).shape[1]
        r.replace(op, "Gemm", _affine(op, r, weights.reshape(targets, -1), _floats(op, "intercepts")), PLAIN)


def _classifier(op: Op, r: Rewriter) -> None:
    labels, weights = op.attrs.get("classlabels_ints"), _floats(op, "coefficients")
    transform = op.attrs.get("post_transform", "NONE")
    if not _is_matrix(op, r) or weights is None or not isinstance(labels, tuple) or not labels:
        return
    if transform != "NONE" and transform not in TRANSFORMS:
        return
    n, features = r.type_of(op.operands[0]).shape
    if weights.size % features:
        return
    weights, intercepts = weights.reshape(-1, features), _floats(op, "intercepts")
    if len(weights) == 1 and len(labels) == 2 and transform == "LOGISTIC":  # sigmoid(-s), sigmoid(s)
        weights = np.concatenate([-weights, weights])
        intercepts = np.concatenate([-intercepts, intercepts]) if intercepts is not None else None
    if len(weights) != len(labels):
        return
    wide = TensorType("f32", (n, len(labels)))
    label = op.results[0]
    scores = r.insert_before(op, "Gemm", _affine(op, r, weights, intercepts), wide, f"{label}_scores", PLAIN)
    if len(op.results) > 1:
        name, attrs = TRANSFORMS.get(str(transform), ("Identity", {}))
        r.insert_before(op, name, (scores,), wide, "", attrs, result=op.results[1])
    chosen: dict[str, Attr] = {"axis": 1, "keepdims": 0, "select_last_index": 0}
    if labels == tuple(range(len(labels))):
        r.replace(op, "ArgMax", (scores,), chosen, results=1)
        return
    index = r.insert_before(op, "ArgMax", (scores,), TensorType("i64", (n,)), f"{label}_index", chosen)
    table = r.constant(np.asarray(labels, np.int64), "i64", f"@{label}_labels")
    r.replace(op, "Gather", (table, index), {"axis": 0}, results=1)

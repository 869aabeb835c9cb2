"""Operators of ai.onnx.ml in terms of ordinary ones, which encrypted targets have.

Scaler                 (x + (-offset)) · scale
LinearRegressor        x·Wᵀ + b
LinearClassifier       s = x·Wᵀ + b;  scores = transform(s);  label = labels[argmax s]
Normalizer (L1, L2)    LpNormalization: a row of zeros stays
ArrayFeatureExtractor  Gather
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ppc.ir.module import Array, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.canonicalize_gemm import PLAIN
from ppc.passes.labels import TRANSFORMS, finish_classifier
from ppc.passes.rewrite import Rewriter, rewrite
from ppc.passes.trained import trained


@dataclass(frozen=True)
class CanonicalizeMl(Pass):
    """f32 operands of two axes; integer labels; transforms NONE, SOFTMAX, LOGISTIC. What is left stays compound."""

    name: ClassVar[str] = "canonicalize-ml"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(
            module,
            {
                "Scaler": (_scaler,),
                "LinearRegressor": (_regressor,),
                "LinearClassifier": (_classifier,),
                "Normalizer": (_normalizer,),
                "ArrayFeatureExtractor": (_extractor,),
            },
        )


def _is_matrix(op: Op, r: Rewriter) -> bool:
    type = r.type_of(op.operands[0])
    return type.dtype == "f32" and len(type.shape) == 2


def _scaler(op: Op, r: Rewriter) -> None:
    offset, scale = trained(op, r, "offset"), trained(op, r, "scale")
    if not _is_matrix(op, r) or offset is None or scale is None:
        return
    x, like, sources = op.operands[0], "@" + op.results[0], op.operands[1:]
    minus = r.constant(-offset, "f32", f"{like}_offset", *sources)
    factor = r.constant(scale, "f32", f"{like}_scale", *sources)
    shifted = r.insert_before(op, "Add", (x, minus), r.type_of(x), f"{op.results[0]}_shifted")
    r.replace(op, "Mul", (shifted, factor))


def _affine(op: Op, r: Rewriter, weights: Array, intercepts: Array | None) -> list[str]:
    """Operands of the Gemm; weights have a row an output."""
    like, sources = "@" + op.results[0], op.operands[1:]
    operands = [op.operands[0], r.constant(weights.T, "f32", f"{like}_weights", *sources)]
    if intercepts is not None:
        operands.append(r.constant(intercepts, "f32", f"{like}_bias", *sources))
    return operands


def _regressor(op: Op, r: Rewriter) -> None:
    weights = trained(op, r, "coefficients")
    if _is_matrix(op, r) and weights is not None and op.attrs.get("post_transform", "NONE") == "NONE":
        targets = r.type_of(op.results[0]).shape[1]
        r.replace(op, "Gemm", _affine(op, r, weights.reshape(targets, -1), trained(op, r, "intercepts")), PLAIN)


def _classifier(op: Op, r: Rewriter) -> None:
    labels, weights = op.attrs.get("classlabels_ints"), trained(op, r, "coefficients")
    transform = str(op.attrs.get("post_transform", "NONE"))
    if not _is_matrix(op, r) or weights is None or not isinstance(labels, tuple) or not labels:
        return
    if transform != "NONE" and transform not in TRANSFORMS:
        return
    features = r.type_of(op.operands[0]).shape[1]
    if weights.size % features:
        return
    weights, intercepts = weights.reshape(-1, features), trained(op, r, "intercepts")
    if len(weights) == 1 and len(labels) == 2 and transform == "LOGISTIC":  # sigmoid(-s), sigmoid(s)
        weights = np.concatenate([-weights, weights])
        intercepts = np.concatenate([-intercepts, intercepts]) if intercepts is not None else None
    if len(weights) == len(labels):
        numbers = tuple(int(str(label)) for label in labels)
        finish_classifier(op, r, _affine(op, r, weights, intercepts), numbers, transform)


def _normalizer(op: Op, r: Rewriter) -> None:
    orders = {"L1": 1, "L2": 2}
    norm = str(op.attrs.get("norm", "MAX"))
    if _is_matrix(op, r) and norm in orders:
        r.replace(op, "LpNormalization", op.operands, {"axis": 1, "p": orders[norm]})


def _extractor(op: Op, r: Rewriter) -> None:
    x, index = op.operands
    type, out, hint = r.type_of(x), r.type_of(op.results[0]), op.results[0]
    if type.dtype == "str":
        return
    flat = r.data(index)
    if flat is not None and not r.is_constant(x) and len(type.shape) > 1:
        columns = r.constant(flat.reshape(-1), "i64", f"@{hint}_columns", index)
        r.replace(op, "Gather", (x, columns), {"axis": len(type.shape) - 1})
    elif (table := r.data(x)) is not None and flat is None and table.size == type.shape[-1]:
        row = r.constant(table.reshape(-1), type.dtype, f"@{hint}_table", x)
        found = r.insert_before(
            op, "Gather", (row, index), TensorType(type.dtype, r.type_of(index).shape), f"{hint}_found", {"axis": 0}
        )
        r.replace(op, "Reshape", (found,), {"shape": out.shape})

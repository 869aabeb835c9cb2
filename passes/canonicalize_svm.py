"""Support vector machines in terms of ordinary operators, which encrypted targets have.

kernels    LINEAR x·Vᵀ      POLY (γ x·Vᵀ + c)^d      SIGMOID tanh(γ x·Vᵀ + c)      RBF exp(2γ x·Vᵀ − γ|v|² − γ|x|²)
decisions  kernels · coefficients + rho, for every pair of classes; the label is the class that wins most pairs
"""

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from ppc.ir.module import Array, Attr, Module, Op, Stage
from ppc.ir.types import TensorType
from ppc.passes.base import Pass
from ppc.passes.canonicalize_gemm import PLAIN
from ppc.passes.labels import pick_label
from ppc.passes.rewrite import Rewriter, rewrite
from ppc.passes.trained import trained

_DEGREES = range(1, 9)


@dataclass(frozen=True)
class CanonicalizeSvm(Pass):
    """f32 operands of two axes, with support vectors; integer labels; whole degrees; no transform but LOGISTIC of two
    classes; no probabilities (LIBSVM iterates until they change by less than half a percent, and so does
    onnxruntime). What is left stays compound."""

    name: ClassVar[str] = "canonicalize-svm"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        return rewrite(module, {"SVMClassifier": (_classifier,), "SVMRegressor": (_regressor,)})


@dataclass(frozen=True)
class _Machine:
    """Inserts the ops of one machine before it."""

    op: Op
    r: Rewriter

    @property
    def rows(self) -> int:
        return self.r.type_of(self.op.operands[0]).shape[0]

    def step(self, name: str, operands: tuple[str, ...], columns: int, **attrs: Attr) -> str:
        type = TensorType("f32", (self.rows, columns))
        return self.r.insert_before(self.op, name, operands, type, f"{self.op.results[0]}_{name.lower()}", attrs)

    def affine(self, x: str, weights: Array, bias: Array) -> str:
        """x · weights + bias."""
        like, sources = f"@{self.op.results[0]}", self.op.operands[1:]
        b, c = (self.r.constant(a, "f32", f"{like}_{n}", *sources) for a, n in ((weights, "weights"), (bias, "bias")))
        return self.step("Gemm", (x, b, c), weights.shape[1], **PLAIN)

    def kernel(self, vectors: Array) -> str | None:
        """k(x, v) for every support vector, or None for a degree that is not whole."""
        x, count = self.op.operands[0], len(vectors)
        kind, params = self.op.attrs.get("kernel_type", "LINEAR"), self.op.attrs.get("kernel_params")
        gamma, offset, degree = (float(str(p)) for p in params) if isinstance(params, tuple) and params else (0, 0, 3)
        if kind == "LINEAR":
            return self.affine(x, vectors.T, np.zeros(count))
        if kind == "POLY" and degree not in _DEGREES:
            return None
        if kind != "RBF":
            dot = self.affine(x, gamma * vectors.T, np.full(count, offset))
            return self.step("Tanh", (dot,), count) if kind == "SIGMOID" else self._power(dot, count, int(degree))
        cross = self.affine(x, 2 * gamma * vectors.T, -gamma * (vectors**2).sum(1))
        squares = self.step("ReduceSumSquare", (x,), 1, axes=(1,), keepdims=1)
        size = self.affine(squares, np.full((1, 1), -gamma), np.zeros(1))
        return self.step("Exp", (self.step("Add", (cross, size), count),), count)

    def _power(self, x: str, columns: int, degree: int) -> str:
        result = x
        for bit in bin(degree)[3:]:
            result = self.step("Mul", (result, result), columns)
            result = self.step("Mul", (result, x), columns) if bit == "1" else result
        return result


def _vectors(op: Op, r: Rewriter) -> Array | None:
    found, type = trained(op, r, "support_vectors"), r.type_of(op.operands[0])
    matrix = type.dtype == "f32" and len(type.shape) == 2 and type.shape[1] > 0
    return found.reshape(-1, type.shape[1]) if matrix and found is not None and found.size else None


def _regressor(op: Op, r: Rewriter) -> None:
    vectors, alpha, rho = _vectors(op, r), trained(op, r, "coefficients"), trained(op, r, "rho")
    usual = op.attrs.get("post_transform", "NONE") == "NONE" and not op.attrs.get("one_class")
    if vectors is None or alpha is None or rho is None or not usual:
        return
    machine = _Machine(op, r)
    kernel = machine.kernel(vectors)
    if kernel is not None:
        y = machine.affine(kernel, alpha.reshape(-1, 1), rho)
        r.replace(op, "Identity", (y,))


def _pairs(alpha: Array, per_class: tuple[int, ...]) -> Array:
    """(support vectors, pairs): what each pair of classes takes of each kernel. alpha is (classes − 1, vectors)."""
    edges = np.concatenate([[0], np.cumsum(per_class)])
    own = [slice(edges[c], edges[c + 1]) for c in range(len(per_class))]
    pairs = list(combinations(range(len(own)), 2))
    found = np.zeros((alpha.shape[1], len(pairs)))
    for column, (i, j) in enumerate(pairs):
        found[own[i], column], found[own[j], column] = alpha[j - 1, own[i]], alpha[i, own[j]]
    return found


def _classifier(op: Op, r: Rewriter) -> None:
    vectors, labels, per_class = _vectors(op, r), op.attrs.get("classlabels_ints"), op.attrs.get("vectors_per_class")
    alpha, rho = trained(op, r, "coefficients"), trained(op, r, "rho")
    odds = trained(op, r, "prob_a")
    if vectors is None or alpha is None or rho is None or not isinstance(labels, tuple) or not labels:
        return
    transform, classes = op.attrs.get("post_transform", "NONE"), len(labels)
    if not isinstance(per_class, tuple) or len(per_class) != classes or classes < 2 or (odds is not None and odds.size):
        return
    if transform != "NONE" and (transform != "LOGISTIC" or classes > 2):
        return
    machine = _Machine(op, r)
    kernel = machine.kernel(vectors)
    if kernel is None:
        return
    counts = tuple(int(str(n)) for n in per_class)
    decisions = machine.affine(kernel, _pairs(alpha.reshape(classes - 1, -1), counts), rho)
    signs = np.array([[1.0, -1.0]])
    if len(op.results) > 1:
        name = "Sigmoid" if transform == "LOGISTIC" else "Identity"
        scores = machine.affine(decisions, -signs, np.zeros(2)) if classes == 2 else decisions
        columns = 2 if classes == 2 else rho.size
        r.insert_before(op, name, (scores,), TensorType("f32", (machine.rows, columns)), "", {}, result=op.results[1])
    numbers = tuple(int(str(label)) for label in labels)
    if classes == 2:  # a tie is the second class's
        pick_label(op, r, machine.affine(decisions, signs, np.zeros(2)), numbers, last=True)
        return
    pairs = list(combinations(range(classes), 2))
    votes, base = np.zeros((len(pairs), classes)), np.zeros(classes)
    for row, (i, j) in enumerate(pairs):
        votes[row, i], votes[row, j] = 1, -1
        base[j] += 1
    zero = r.constant(np.zeros(1), "f32", f"@{op.results[0]}_zero", *op.operands[1:])
    won = r.insert_before(
        op, "Greater", (decisions, zero), TensorType("bool", (machine.rows, len(pairs))), f"{op.results[0]}_won"
    )
    won = machine.step("Cast", (won,), len(pairs), to="f32")
    pick_label(op, r, machine.affine(won, votes, base), numbers)

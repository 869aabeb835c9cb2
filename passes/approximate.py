"""Polynomials for HE beside the activations that CKKS cannot evaluate."""

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ppc.ir.approximation import without_polynomial
from ppc.ir.module import Attr, Module, Op, Stage
from ppc.ir.opdef import Kind
from ppc.ir.ops import opdef
from ppc.passes.base import Pass
from ppc.passes.minimax import Function, Polynomial, cheapest
from ppc.runtime import kernels

#: Elementwise comparisons that a polynomial may stand for (with an error that the report states).
_ELEMENTWISE = {
    "Relu",
    "LeakyRelu",
    "Clip",
    "Abs",
    "HardSigmoid",
    "HardSwish",
    "Elu",
    "Selu",
    "Celu",
    "ThresholdedRelu",
}

#: What is assumed of an activation's input where no data was given; the report says so (PPC4001).
ASSUMED_RANGE = (-8.0, 8.0)


def approximable(op: Op) -> bool:
    """True where `op` is a function of one real variable, applied to each element."""
    data = [o for o in op.operands if o]
    return len(data) == 1 and (opdef(op.name).kind is Kind.SMOOTH or op.name in _ELEMENTWISE)


@dataclass(frozen=True)
class Approximate(Pass):
    """Fit a minimax polynomial to every elementwise activation and write it on the op as attributes
    `he_coefficients`, `he_lo`, `he_hi`, `he_error`. The op itself stays: only HE will use the polynomial.

    `tolerance` is the error wanted, relative to the largest output on the range.
    """

    name: ClassVar[str] = "approximate"
    requires: ClassVar[Stage] = Stage.LABELLED
    ensures: ClassVar[Stage] = Stage.APPROXIMATED
    tolerance: float = 0.002

    def run(self, module: Module) -> Module:
        ops = tuple(self._with_polynomial(op, module) if approximable(op) else op for op in module.ops)
        return replace(module, ops=ops, stage=Stage.APPROXIMATED)

    def _with_polynomial(self, op: Op, module: Module) -> Op:
        operand = next(o for o in op.operands if o)
        if operand.startswith("@"):
            return op
        lo, hi = module.values[operand].range or ASSUMED_RANGE
        if hi - lo < 1e-6:
            lo, hi = lo - 1e-3, hi + 1e-3
        f = activation(op)
        try:
            largest = float(np.abs(f(np.linspace(lo, hi, 257))).max()) or 1.0
            p = cheapest(f, lo, hi, self.tolerance * largest)
        except ValueError:  # not finite on the range (Log, Sqrt of negatives): HE stays impossible, and says why
            return op
        return with_polynomial(op, p)


def with_polynomial(op: Op, p: Polynomial) -> Op:
    """`op` with this polynomial beside it, and no other."""
    found: dict[str, Attr] = dict(he_coefficients=p.coefficients, he_lo=p.lo, he_hi=p.hi, he_error=p.error)
    if p.inner or p.gate:
        found |= dict(he_inner=p.inner, he_gate=p.gate)
    return replace(op, attrs={**without_polynomial(op).attrs, **found})


def activation(op: Op) -> Function:
    """The real function that `op` applies to each element; the same object for the same function."""
    return _function(op.name, tuple(sorted(without_polynomial(op).attrs.items())))


@cache
def _function(name: str, attrs: tuple[tuple[str, Any], ...]) -> Function:
    return partial(_apply, name, dict(attrs))


def _apply(name: str, attrs: dict[str, Any], x: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(all="ignore"):
        return kernels.run(name, [x], attrs)[0]

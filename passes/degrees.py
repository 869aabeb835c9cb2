"""Degrees of the polynomials for HE, each as low as the error of the whole model allows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ppc.ir.approximation import as_polynomial
from ppc.ir.interpret import interpret
from ppc.ir.module import Array, Module, Op, Stage
from ppc.passes.approximate import activation, with_polynomial
from ppc.passes.base import Pass
from ppc.passes.minimax import DEGREES, minimax
from ppc.passes.upgrade import best, upgraded

#: Samples on which sensitivity is measured, and activations beyond which it would take too long.
MOST_SAMPLES, MOST_NODES = 64, 32

Outputs = list[NDArray[np.float64]]


@dataclass(frozen=True)
class ChooseDegrees(Pass):
    """Lower the degrees that `Approximate` fitted, one at a time and the least harmful first, while the outputs on the
    calibration data stay within `budget` of the exact model's, relative to the range of each output.

    Where they are beyond it with all of these and `deeper` is set, polynomials that take more levels stand for the
    activations that need them most (`upgrade`); where the best ones leave too much, those that were fitted stay.

    Every polynomial then also tells `he_loss`: the error of the outputs, relative to their ranges, that it causes
    alone.
    Does nothing where there is no data, or where there are more than MOST_NODES activations.
    """

    name: ClassVar[str] = "choose-degrees"
    requires: ClassVar[Stage] = Stage.APPROXIMATED
    ensures: ClassVar[Stage] = Stage.APPROXIMATED
    batches: tuple[Mapping[str, Array], ...] = ()
    budget: float = 0.01
    deeper: bool = True

    def run(self, module: Module) -> Module:
        nodes, few = _nodes(module), _few(module, self.batches)
        if not nodes or not few or len(nodes) > MOST_NODES:
            return module
        return _Search(module, few, self.budget).run(nodes, self.deeper)


def output_error(module: Module, batches: tuple[Mapping[str, Array], ...]) -> float:
    """What all polynomials together change of the outputs on the data, relative to the range of each output."""
    search = _Search(module, _few(module, batches), 0.0)
    return search.error({name: search.ops[name] for name in _nodes(module)})


def _nodes(module: Module) -> list[str]:
    """First results of the activations that have a polynomial."""
    return [op.results[0] for op in module.ops if "he_coefficients" in op.attrs]


def _few(module: Module, batches: tuple[Mapping[str, Array], ...]) -> tuple[Mapping[str, Array], ...]:
    size = module.attrs.get("batch", 1)
    return batches[: max(1, MOST_SAMPLES // (size if isinstance(size, int) else 1))]


class _Search:
    def __init__(self, module: Module, batches: tuple[Mapping[str, Array], ...], budget: float):
        self.module, self.batches, self.budget = module, batches, budget
        self.ops = {op.results[0]: op for op in module.ops}
        self.exact = self._outputs({})

    def run(self, nodes: list[str], deeper: bool) -> Module:
        chosen = {name: self.ops[name] for name in nodes}
        error = self.error(chosen)
        if error > self.budget and deeper:
            chosen = self._deeper(chosen)
            error = self.error(chosen)
        open_ = {name for name in nodes if chosen[name] is self.ops[name]}  # what was raised stays where it is
        while open_ and error <= self.budget:
            tried = {name: low for name in sorted(open_) if (low := _lower(chosen[name])) is not None}
            rated = [(self.error({**chosen, name: low}), name) for name, low in tried.items()]
            good = [(e, name) for e, name in rated if e <= self.budget]
            open_ = {name for _, name in good}
            if good:
                error, name = min(good)
                chosen[name] = tried[name]
        found = {name: self._with_loss(op) for name, op in chosen.items()}
        return replace(self.module, ops=tuple(found.get(op.results[0], op) for op in self.module.ops))

    def _deeper(self, fitted: dict[str, Op]) -> dict[str, Op]:
        """Better polynomials, of the activation that alone does most harm first, until the budget is met; `fitted`
        where it cannot be."""
        if self.error({name: best(op) for name, op in fitted.items()}) > self.budget:
            return fitted
        chosen = dict(fitted)
        harm = {name: self.error({name: op}) for name, op in fitted.items()}
        while harm and self.error(chosen) > self.budget:
            name = max(sorted(harm), key=lambda n: harm[n])
            better = upgraded(chosen[name])
            if better is None:
                del harm[name]
                continue
            chosen[name], harm[name] = better, self.error({name: better})
        return chosen

    def _with_loss(self, op: Op) -> Op:
        return replace(op, attrs={**op.attrs, "he_loss": self.error({op.results[0]: op})})

    def error(self, polynomials: Mapping[str, Op]) -> float:
        """The largest difference from the exact outputs, relative to the range of each output."""
        worst = 0.0
        for exact, got in zip(self.exact, self._outputs(polynomials), strict=True):
            span = float(np.ptp(exact)) if exact.size else 0.0
            worst = max(worst, float(np.abs(exact - got).max(initial=0.0)) / (span or 1.0))
        return worst if np.isfinite(worst) else float("inf")

    def _outputs(self, polynomials: Mapping[str, Op]) -> Outputs:
        """The floating-point outputs of all batches with these activations as polynomials."""
        ops = tuple(as_polynomial(polynomials.get(op.results[0], op)) if op.results[0] in polynomials else op
                    for op in self.module.ops)  # fmt: skip
        module = replace(self.module, ops=ops)
        runs = [interpret(module, dict(batch)) for batch in self.batches]
        arrays = [np.stack([np.asarray(run[name]) for run in runs]) for name in self.module.outputs]
        return [a.astype(np.float64) for a in arrays if a.dtype.kind == "f"]


def _lower(op: Op) -> Op | None:
    """The activation with the next lower degree, or None where there is none."""
    coefficients = op.attrs["he_coefficients"]
    assert isinstance(coefficients, tuple), "Approximate writes a tuple"
    below = [d for d in DEGREES if d < len(coefficients) - 1]
    if not below:
        return None
    f, lo, hi = activation(op), op.attrs["he_lo"], op.attrs["he_hi"]
    assert isinstance(lo, float) and isinstance(hi, float)
    return with_polynomial(op, _fitted(f, lo, hi, below[-1]))


_fitted = cache(minimax)  # the same step down is tried again after every other node's

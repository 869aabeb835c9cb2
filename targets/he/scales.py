"""Scales: an exact scale for every value, so that precision is enough everywhere and nothing outgrows its modulus.

A value of bound b at scale s has log2(s·b) bits. Values that a linear map reads have the bits of the `waterline` of
their level. What a product reads is raised so far that the product, rescaled once, has the bits that its
own readers want: s' = s²/q. What a polynomial reads has the scale of the prime of its level, so that the powers keep
theirs. A map, a polynomial and an encryption can give their result any scale, since it is their weights, coefficients
or encoding that bring it about; where no such producer is at hand, a copy is scaled up by an integer, which is exact
and takes no level. The scales of what sums read are powers of two (but for the primes, which are near to some), so that
the operands can meet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import Protocol

from ppc.runtime.levels import MATCHED, MOST_SCALE_BITS, Chain
from ppc.targets.he.graph import masks, polynomial
from ppc.targets.he.levels import Leveled, LevelPlan

#: Bits between a value's bound and its modulus: sign, and what lies in slots without an element.
HEADROOM = 3
#: Bits between a value that leaves for shares and its modulus: it wraps with a chance of about 2^-40 a coefficient.
SHARE_HEADROOM = 44
#: Fewest bits that the weights of a last linear map add to a scale, where the modulus has room: more where what it
#: reads has more, since the weights would spoil it otherwise.
LAST_WEIGHTS = 26
#: Bits by which a comparison of logarithms may be wrong.
ROUNDING = 1e-9


class Bounded(Leveled, Protocol):
    """A step whose result has a bound."""

    @property
    def largest(self) -> float: ...  # absolute value of the result, from its calibrated range


@dataclass(frozen=True, slots=True)
class ScalePlan:
    """`of`: the exact scale of each value; `weights`: of the weights of each linear map, by result.

    `raised`: (step index, operand index) -> the scale that this operand is scaled up to first.
    """

    of: Mapping[str, float]
    weights: Mapping[str, float]
    raised: Mapping[tuple[int, int], float]

    def read(self, step: int, operand: int, name: str) -> float:
        """The scale at which a step reads an operand."""
        return self.raised.get((step, operand), self.of[name])


def plan_scales(
    steps: Sequence[Bounded], plan: LevelPlan, chain: Chain, waterlines: Sequence[float]
) -> ScalePlan | None:
    """Scales for these levels, primes and waterlines (bits, by level); None where a value does not fit its modulus."""
    try:
        return _Scaling(steps, plan, chain, waterlines).run()
    except _DoesNotFit:
        return None


class _DoesNotFit(Exception):
    pass


class _Scaling:
    def __init__(self, steps: Sequence[Bounded], plan: LevelPlan, chain: Chain, waterlines: Sequence[float]):
        self.steps, self.plan, self.chain, self.waterlines = steps, plan, chain, waterlines
        self.prime = [log2(q) for q in chain.primes]
        self.modulus = [sum(self.prime[: level + 1]) for level in range(len(self.prime))]
        self.bits = {s.result: log2(s.largest) for s in steps if s.kind != "leave"}
        self.summed = _summed(steps)
        self.height = {s.result: self._height(s) for s in steps if s.kind != "leave"}
        self.most = self._most()
        self.of: dict[str, float] = {}
        self.weights: dict[str, float] = {}
        self.raised: dict[tuple[int, int], float] = {}

    def run(self) -> ScalePlan:
        wanted = self._wanted()
        for i, step in enumerate(self.steps):
            if step.kind != "leave":
                self._step(i, step, self.plan.run[i], wanted.get(step.result))
        return ScalePlan(self.of, self.weights, self.raised)

    def _height(self, step: Bounded) -> float:
        """Bits above a value's scale that it takes of its modulus: at least 0, since the scale itself has to fit.

        A product may be larger than what becomes of it (a square and the constant that is added to it, say).
        """
        bits = self.bits[step.result]
        if step.kind in ("square", "mul"):
            bits = max(bits, self.bits[step.operands[0]] + self.bits[step.operands[-1]])
        return max(bits, 0.0)

    def _most(self) -> dict[str, float]:
        """log2 of the largest scale at which a value has room where it is made, and at every level it is read at."""
        found: dict[str, float] = {}
        for step, level in zip(reversed(self.steps), reversed(self.plan.run), strict=True):
            leaves = step.kind == "leave" and masks(step.op)
            if step.kind != "leave":
                here = self.modulus[self.plan.after(step, level)] - HEADROOM - self.height[step.result]
                here = min(here, MOST_SCALE_BITS)
                found[step.result] = min(found.get(step.result, here), here)
            for name in step.operands:
                limit = self.modulus[level] - (SHARE_HEADROOM if leaves else HEADROOM) - self.height[name]
                if step.kind in ("add", "sub", "view"):
                    limit = min(limit, found[step.result])
                found[name] = min(found.get(name, limit), limit)
        return found

    def _wanted(self) -> dict[str, float]:
        """log2 of the scale that the readers of each value want; absent where it only leaves."""
        found: dict[str, float] = {}
        lined: set[str] = set()  # what a map or a polynomial reads: other readers raise a copy
        powers: set[str] = set()  # what a polynomial reads: each power doubles the bits that it has above the prime's
        for i in reversed(range(len(self.steps))):
            step, level = self.steps[i], self.plan.run[i]
            for name in step.operands:
                want: float | None
                if step.kind == "polynomial":
                    want = self.prime[self._start(step, level)]
                    found[name] = self._even(name, min(found[name], want) if name in lined else want)
                    lined.add(name)
                    powers.add(name)
                elif step.kind == "linear":
                    want = self._water(name, level)
                    found[name] = self._even(name, min(found[name], want) if name in powers else want)
                    lined.add(name)
                elif step.kind != "leave" and name not in lined:
                    want = self._want(step, level, found)
                    if want is not None:
                        found[name] = self._even(name, max(found.get(name, want), want))
                    if step.result in lined and step.kind in ("add", "sub", "view"):
                        lined.add(name)
        return found

    def _want(self, step: Bounded, level: int, found: Mapping[str, float]) -> float | None:
        mine = found.get(step.result)
        if step.kind in ("square", "mul"):
            after = self._even(step.result, self._water(step.result, level - 1)) if mine is None else mine
            return (after + self.prime[level]) / 2
        return mine

    def _water(self, name: str, level: int) -> float:
        return self.waterlines[level] - self.bits[name]

    def _even(self, name: str, bits: float) -> float:
        return float(round(bits)) if name in self.summed else bits

    @staticmethod
    def _start(step: Bounded, level: int) -> int:
        """The level of the argument of a polynomial once it is in [-1, 1]."""
        _, lo, hi = polynomial(step.op)
        return level - int((lo, hi) != (-1.0, 1.0))

    def _step(self, i: int, step: Bounded, level: int, wanted: float | None) -> None:
        result, out = step.result, self.plan.after(step, level)
        if step.kind in ("enter", "polynomial"):
            if step.kind == "polynomial":
                self._raise(i, 0, step.operands[0], self.prime[self._start(step, level)], level)
            self.of[result] = self._given(result, self._water(result, out) if wanted is None else wanted)
        elif step.kind == "linear":
            self._linear(step, level, out, wanted)
        elif step.kind == "view":
            self.of[result] = self.of[step.operands[0]]
        elif step.kind in ("add", "sub"):
            self._sum(i, step, level)
        else:
            self._product(i, step, level, wanted)
        if log2(self.of[result]) > self.most[result] + ROUNDING:
            raise _DoesNotFit

    def _given(self, name: str, wanted: float) -> float:
        """The scale that a step gives which can give any."""
        bits = min(wanted, self.most[name])
        return 2.0 ** (min(round(wanted), floor(bits)) if name in self.summed else bits)

    def _linear(self, step: Bounded, level: int, out: int, wanted: float | None) -> None:
        scale = self.of[step.operands[0]]
        if wanted is None:
            wanted = log2(scale) + max(LAST_WEIGHTS, self.waterlines[level])
        target = self._given(step.result, wanted)
        weight = target / scale * (self.chain.primes[level] if out < level else 1)
        if weight < 2.0 or weight >= 2.0**100:
            raise _DoesNotFit
        self.of[step.result], self.weights[step.result] = target, weight
        self._fits(log2(scale * weight) + self.height[step.result], level)

    def _sum(self, i: int, step: Bounded, level: int) -> None:
        """At the larger scale; the other operand is raised to it."""
        largest = max(self.of[name] for name in step.operands)
        read = [self._raise(i, k, name, log2(largest), level) for k, name in enumerate(step.operands)]
        largest = max(read)  # what was raised may have come out a little above what it was raised to
        if any(abs(scale / largest - 1) > MATCHED for scale in read):
            raise _DoesNotFit
        self.of[step.result] = largest

    def _product(self, i: int, step: Bounded, level: int, wanted: float | None) -> None:
        after = self._even(step.result, self._water(step.result, level - 1)) if wanted is None else wanted
        raw = after + self.prime[level]
        first = self._raise(i, 0, step.operands[0], raw / 2, level)
        second = first if step.kind == "square" else self._raise(i, 1, step.operands[1], raw - log2(first), level)
        self._fits(log2(first) + log2(second) + self.height[step.result], level)
        self.of[step.result] = first * second / self.chain.primes[level]
        if self.of[step.result] <= 2.0:
            raise _DoesNotFit

    def _raise(self, i: int, k: int, name: str, wanted: float, level: int) -> float:
        """The scale at which operand k of step i is read, about 2^wanted or what it has already."""
        scale = self.of[name]
        factor = round(2.0 ** min(wanted - log2(scale), 100.0))
        if factor > 1:
            scale = self.raised[i, k] = scale * factor
            self._fits(log2(scale) + self.height[name], level)
        return scale

    def _fits(self, bits: float, level: int) -> None:
        if bits + HEADROOM > self.modulus[level] + ROUNDING:
            raise _DoesNotFit


def _summed(steps: Sequence[Bounded]) -> frozenset[str]:
    """Values that sums read, also through views."""
    found: set[str] = set()
    for step in reversed(steps):
        if step.kind in ("add", "sub") or (step.kind == "view" and step.result in found):
            found.update(step.operands)
    return frozenset(found)

"""How large the error of a lowered program is: standard deviations of slots, in units of the values.

Each source of noise is taken as a Gaussian in the canonical embedding (Costache et al., "On the precision loss in
approximate homomorphic encryption", SAC 2023), for a ternary key: a rounding of coefficients has N/6 in a slot, a
symmetric encryption 3.2 sqrt(N/2); a key switch over k digits has 3.2 N sqrt(k/24) q/p; an encoded vector
sqrt(N/12), not sqrt(N/24): of real slots, coefficients i and N-i are the same but for the sign, and so are their
roundings; all divided by the scale. A linear map grows independent noise by the Euclidean norm of its rows, a product
by the other operand.

SEAL's digits are not centred: a digit's mean of q/2 is a geometric sum in each slot, so a key switch puts
1.1 sqrt(N) deviations where a slot's root is nearest to 1, a third of that in the next slot, and so on. This `peak`
is carried beside the noise of all slots; a linear map multiplies one that it is given with one weight, not with a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor, hypot, log2, sqrt

import numpy as np

from ppc.ir.module import Op
from ppc.runtime.levels import MOST_HIDDEN_BITS, Chain
from ppc.runtime.schema import FRACTION_BITS
from ppc.targets.he.graph import polynomial, polynomial_levels
from ppc.targets.he.idle import idle_values
from ppc.targets.he.levels import LevelPlan
from ppc.targets.he.polynomial_noise import PolynomialNoise, polynomial_noise
from ppc.targets.he.scales import ScalePlan
from ppc.targets.he.select import Chosen

SIGMA = 3.2  # of SEAL's error distribution
#: Standard deviations that parameters are chosen by. A Gaussian exceeds them with 7e-6; a rounding times the key, in a
#: slot the product of two complex Gaussians, is Laplacian: exp(-sqrt(2) t), 2e-3.
TAIL = 4.5

#: A polynomial's noise depends on its argument; this share of the range has no more than what is taken of it. The ends,
#: where it may be many times that, are margin: few values of a run lie there.
STEEP = 0.9

#: Of the elements that a linear map reads for one result, one is taken to be this share of the bound of all.
SINGLE = 1 / 3

#: Rotations in a chain of the key tree, in the mean over the rotations of a step (at most `keytree.MOST_HOPS`).
TYPICAL_HOPS = 3

#: Statistical distance of flooding: the mask is 2^30 times the largest noise (Li, Micciancio, Schultz, Sorrell 2022).
FLOOD_SECURITY = 30


@dataclass(frozen=True, slots=True)
class Error:
    """Standard deviations of a value's error: in every slot, and what the worst slot has besides."""

    spread: float
    peak: float = 0.0

    @property
    def worst(self) -> float:
        return hypot(self.spread, self.peak)

    def plus(self, *others: "Error") -> "Error":
        """With independent errors."""
        return Error(hypot(self.spread, *(o.spread for o in others)), hypot(self.peak, *(o.peak for o in others)))

    def times(self, spread: float, peak: float | None = None) -> "Error":
        return Error(self.spread * spread, self.peak * (spread if peak is None else peak))


@dataclass(frozen=True)
class Noise:
    """Noise of CKKS at one ring degree and chain."""

    degree: int
    chain: Chain

    @property
    def rounding(self) -> float:
        """Of a rescale, or the end of a key switch, at scale 1."""
        return self.degree / 6

    @property
    def fresh(self) -> float:
        """Of a symmetric encryption of an encoded vector, at scale 1."""
        return hypot(SIGMA * sqrt(self.degree / 2), self.encoding)

    @property
    def encoding(self) -> float:
        """Of a plaintext vector, at scale 1."""
        return sqrt(self.degree / 12)

    def switching(self, level: int) -> Error:
        """Of a rotation or relinearisation, at scale 1."""
        digits = sum((q / self.chain.special) ** 2 for q in self.chain.primes[: level + 1])
        spread = SIGMA * self.degree * sqrt(digits / 24)
        return Error(hypot(spread, self.rounding), 1.1 * sqrt(self.degree) * spread)

    def propagate(self, steps: Sequence[Chosen], plan: LevelPlan, scales: ScalePlan) -> Mapping[str, Error]:
        """The error of each value."""
        of: dict[str, Error] = {}
        size = {s.result: s.typical for s in steps if s.kind != "leave"}
        largest = {s.result: s.largest for s in steps}
        idle = idle_values(steps)
        for i, (step, level) in enumerate(zip(steps, plan.run, strict=True)):
            if step.kind == "leave":
                continue
            inputs = [of[name] for name in step.operands]
            sizes = [size[name] for name in step.operands]
            read = [scales.read(i, k, name) for k, name in enumerate(step.operands)]
            if step.kind == "linear":
                x = step.operands[0]
                lying = size[x], idle[x], SINGLE * largest[x]
                of[step.result] = self._linear(step, level, inputs[0], lying, read[0], scales)
            else:
                of[step.result] = self._step(step, level, inputs, sizes, read, scales)
        return of

    def _step(
        self,
        step: Chosen,
        level: int,
        inputs: list[Error],
        sizes: list[float],
        read: list[float],
        scales: ScalePlan,
    ) -> Error:
        out = scales.of[step.result]
        if step.kind == "enter":
            return Error(self.fresh / out)
        if step.kind in ("square", "mul"):
            if step.kind == "square":
                grown = inputs[0].times(2 * sizes[0])
            else:
                grown = inputs[0].times(sizes[1]).plus(inputs[1].times(sizes[0]))
            switched = self.switching(level).times(1 / (read[0] * read[-1]))
            return grown.plus(switched, Error(self.rounding / out))
        if step.kind == "polynomial":
            return self.polynomial(step.op, level, inputs[0], read[0], out)
        if step.kind in ("add", "sub"):
            gaps = [Error(abs(s / out - 1) * b) for s, b in zip(read, sizes, strict=True)]
            return inputs[0].plus(*inputs[1:], *gaps)
        return inputs[0]

    def polynomial(self, op: Op, level: int, error: Error, scale: float, out: float) -> Error:
        """Of a polynomial of an argument at this level and scale, with this error; the result has scale `out`."""
        coefficients, lo, hi = polynomial(op)
        found = self._polynomial(coefficients, (lo, hi), (level, level - polynomial_levels(op)), (scale, out))
        spread = np.sort(np.hypot(found.slope * error.spread, found.spread))
        peak = np.sort(np.hypot(found.slope * error.peak, found.peak))
        at = int(STEEP * (len(spread) - 1))
        return Error(float(spread[at]), float(peak[at]))

    @lru_cache(maxsize=1024)  # noqa: B019 - the search for parameters tries most steps again as they were
    def _polynomial(
        self,
        coefficients: tuple[float, ...],
        interval: tuple[float, float],
        levels: tuple[int, int],
        scales: tuple[float, float],
    ) -> PolynomialNoise:
        return polynomial_noise(self, coefficients, interval, levels, scales)

    def prime(self, level: int) -> float:
        return float(self.chain.primes[level])

    def finish(self, level: int, raw_scale: float | None, scale: float) -> tuple[float, float]:
        """(spread, peak) of a rescale from `level` to `scale`, and of relinearising at `raw_scale` (None: not)."""
        found = Error(self.rounding / scale)
        if raw_scale is not None:
            found = found.plus(self.switching(level).times(1 / raw_scale))
        return found.spread, found.peak

    def _linear(
        self,
        step: Chosen,
        level: int,
        error: Error,
        lying: tuple[float, float, float],
        scale: float,
        scales: ScalePlan,
    ) -> Error:
        """`lying`: size of the elements, of what lies in slots without one, and of a large element."""
        map, lowered = step.map, step.lowered
        assert map is not None and lowered is not None
        weights, out = scales.weights[step.result], scales.of[step.result]
        switch = self.switching(level)
        # sums before the products, then babies: a chain of rotations, one key switch each. The peaks of all last hops
        # lie in the same slot, those of earlier hops have been rotated elsewhere
        turned = Error(switch.spread * sqrt(TYPICAL_HOPS + len(lowered.pre)), switch.peak).times(map.gain / scale)
        inside = error.times(map.gain, map.largest).plus(turned)
        # giants and sums after the products, where the scale is larger by that of the weights; a peak of each reaches
        # a slot once
        late, summed = 2.0 ** len(lowered.late), 2.0 ** len(lowered.post)
        each = Error(
            switch.spread * sqrt(lowered.giants * late * summed + summed - 1),
            switch.peak * sqrt(lowered.giants + len(lowered.post)),
        )
        moved = each.times(1 / (scale * weights))
        # each is multiplied with the rounding error of a weight, also where the weight is 0
        multiplied = sqrt(sum(n * x * x for n, x in zip((*lowered.reads, 1), lying, strict=True)))
        encoding = Error(self.encoding / weights * multiplied)
        return inside.plus(moved, encoding, Error(self.rounding / out * sqrt(late)))

    @staticmethod
    def hidden_bits(error: float) -> int:
        """Bits of a fixed-point value that an error of this size spoils anyway: hidden, at half as much error again."""
        return min(max(0, floor(log2(error) + FRACTION_BITS)), MOST_HIDDEN_BITS) if error > 0 else 0

    def flood_bits(self, error: float, scale: float) -> int:
        """log2 of the standard deviation of flooding noise, in coefficients, for a value's error in slots."""
        coefficient = TAIL * error * scale / sqrt(self.degree / 2)
        return max(1, -int(-log2(max(coefficient, 2.0)) // 1)) + FLOOD_SECURITY

    def flooded(self, bits: int, scale: float) -> float:
        """Standard deviation that flooding adds to a slot."""
        return 2.0**bits * sqrt(self.degree / 2) / scale

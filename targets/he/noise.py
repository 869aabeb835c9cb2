"""How large the error of a lowered program is: standard deviations of slots, in units of the values.

Each source of noise is taken as a Gaussian in the canonical embedding (Costache et al., "On the precision loss in
approximate homomorphic encryption", SAC 2023), for a ternary key: a rounding of coefficients has N/6 in a slot, and so
has SEAL's public-key encryption, which rounds the special prime away; a key switch over k digits has 3.2 N sqrt(k/6),
because SEAL's digits are not centred; an encoded vector has sqrt(N/24); all divided by the scale. Compared with SEAL on
CryptoNets and on a square MLP, the root mean square over the slots is below the deviation, by up to a factor of 20.
A linear map grows independent noise by the Euclidean norm of its rows, a product by the other operand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2, sqrt

import numpy as np
from numpy.polynomial import chebyshev

from ppc.targets.he.graph import polynomial
from ppc.targets.he.keytree import MOST_HOPS
from ppc.targets.he.levels import LevelPlan
from ppc.targets.he.select import Chosen

SIGMA = 3.2  # of SEAL's error distribution
TAIL = 6.0  # standard deviations that bound an error, but for 2e-9

#: A digit's mean is q/2, so a key switch puts more noise where a slot's root is near 1: single slots were measured at
#: up to 24 deviations. Errors are bounded with this much more; flooding hides the norm, which is not concerned.
UNEVEN = 8.0

#: Statistical distance of flooding: the mask is 2^30 times the largest noise (Li, Micciancio, Schultz, Sorrell 2022).
FLOOD_SECURITY = 30


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of CKKS at one ring degree and scale."""

    degree: int
    scale_bits: int

    @property
    def scale(self) -> float:
        return 2.0**self.scale_bits

    @property
    def rounding(self) -> float:
        return self.degree / 6 / self.scale

    @property
    def fresh(self) -> float:
        return self.rounding

    def switching(self, level: int) -> float:
        """Of a rotation or relinearisation, with a special prime as large as the data primes."""
        return (SIGMA * self.degree * sqrt((level + 1) / 6)) / self.scale + self.rounding

    @property
    def encoding(self) -> float:
        return sqrt(self.degree / 24) / self.scale

    def propagate(self, steps: Sequence[Chosen], plan: LevelPlan, size: Callable[[str], float]) -> Mapping[str, float]:
        """The standard deviation of each value's error. `size(name)`: bound of the absolute value of a value."""
        of: dict[str, float] = {}
        for step, level in zip(steps, plan.run, strict=True):
            if step.kind != "leave":
                of[step.result] = self._step(step, level, [of[o] for o in step.operands], size)
        return of

    def _step(self, step: Chosen, level: int, inputs: list[float], size: Callable[[str], float]) -> float:
        if step.kind == "enter":
            return self.fresh
        if step.kind == "linear":
            assert step.map is not None
            rotated = MOST_HOPS * self.switching(level) ** 2  # a chain of rotations, one key switch each
            inside = sqrt(inputs[0] ** 2 + rotated) * step.map.gain()
            encoding = self.encoding * size(step.like) * sqrt(step.map.longest_row())
            return sqrt(inside**2 + self.rounding**2 + encoding**2)
        if step.kind == "mul":
            factors = [size(step.like) ** 0.5 for _ in inputs] or [1.0]
            grown = sum(e * f for e, f in zip(inputs, factors, strict=True))
            return sqrt(grown**2 + self.switching(level) ** 2)
        if step.kind == "polynomial":
            coefficients, lo, hi = polynomial(step.op)
            slope = chebyshev.chebval(np.linspace(-1, 1, 257), chebyshev.chebder(coefficients)) * 2 / (hi - lo)
            weight = float(np.abs(coefficients).sum()) * step.levels
            return sqrt((inputs[0] * float(np.abs(slope).max())) ** 2 + (weight * self.switching(level)) ** 2)
        return sqrt(sum(e**2 for e in inputs))

    def flood_bits(self, error: float) -> int:
        """log2 of the standard deviation of flooding noise, in coefficients, for a value's error in slots."""
        coefficient = TAIL * error * self.scale / sqrt(self.degree / 2)
        return max(1, -int(-log2(max(coefficient, 2.0)) // 1)) + FLOOD_SECURITY

    def flooded(self, bits: int) -> float:
        """Standard deviation that flooding adds to a slot."""
        return 2.0**bits * sqrt(self.degree / 2) / self.scale

"""How much noise CKKS operations add, as Gaussians on the slots.

Coefficient noise of standard deviation σ becomes slot noise σ·sqrt(N/2) / scale (real part of the embedding). The
secret is ternary (variance 2/3), errors have σ = 3.2 (SEAL's `noise_standard_deviation`), a rounding has variance
1/12, and the encoding of real slots twice that in effect: coefficients i and N-i are rounded alike. Following Costache,
Curtis, Hales, Murphy, Ogilvie, Player: On the precision loss in approximate homomorphic encryption (2022),
average case.
"""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.levels import Chain

ERROR_STD = 3.2


@dataclass(frozen=True)
class NoiseModel:
    """Draws noise for a chain. `rng` is for simulation only: nothing here is secret."""

    degree: int
    chain: Chain
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0), repr=False)

    @staticmethod
    def of(he: dict[str, Any], seed: int = 0) -> "NoiseModel":
        """From `plan.json["he"]`."""
        chain = Chain.of(he["degree"], he["prime_bits"])
        return NoiseModel(he["degree"], chain, np.random.default_rng(seed))

    @property
    def slots(self) -> int:
        return self.degree // 2

    @property
    def rounding_std(self) -> float:
        """Of a division of both polynomials: (e0 + e1·s), e uniform in ±1/2."""
        return sqrt((1 + 2 * self.degree / 3) / 12)

    def key_switch_std(self, level: int) -> float:
        """Digits uniform below q_i, times an error each, divided by the special prime; and that division's rounding."""
        digits = sum((q / self.chain.special) ** 2 for q in self.chain.primes[: level + 1])
        return sqrt(digits * self.degree * ERROR_STD**2 / 12 + self.rounding_std**2)

    def finish_std(self, level: int) -> float:
        """Of relinearise and rescale, after the division by q_level."""
        return sqrt((self.key_switch_std(level) / self.chain.primes[level]) ** 2 + self.rounding_std**2)

    def coefficients(self, shape: tuple[int, ...], std: float, scale: float) -> NDArray[np.float64]:
        """Slot noise of coefficient noise `std` at this scale."""
        return self.rng.normal(0.0, std * sqrt(self.degree / 2) / scale, shape)

    def fresh(self, shape: tuple[int, ...], scale: float) -> NDArray[np.float64]:
        """Symmetric encryption, and the rounding of the encoder."""
        return self.coefficients(shape, sqrt(ERROR_STD**2 + 1 / 6), scale)

    def encoding(self, shape: tuple[int, ...], scale: float) -> NDArray[np.float64]:
        return self.coefficients(shape, sqrt(1 / 6), scale)

    def key_switch(self, shape: tuple[int, ...], level: int, scale: float) -> NDArray[np.float64]:
        return self.coefficients(shape, self.key_switch_std(level), scale)

    def rescale(self, shape: tuple[int, ...], scale: float) -> NDArray[np.float64]:
        """Of a rescale that ends at this scale."""
        return self.coefficients(shape, self.rounding_std, scale)

    def product(self, shape: tuple[int, ...], level: int, scale: float) -> NDArray[np.float64]:
        """Relinearise a product of ciphertexts of `level`, and rescale it to this scale."""
        return self.coefficients(shape, self.finish_std(level), scale)

    def flood(self, shape: tuple[int, ...], bits: int, scale: float) -> NDArray[np.float64]:
        """Integers uniform in ±2^(bits-1) on the coefficients."""
        return self.coefficients(shape, 2.0**bits / sqrt(12), scale)

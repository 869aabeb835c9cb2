"""Times of CKKS primitives, from a measured table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Primitives:
    """Milliseconds of one primitive at ring degree N and level l (l + 1 data primes)."""

    table: Mapping[str, Any]

    @staticmethod
    @cache
    def default() -> "Primitives":
        """The table that ships with ppc."""
        return Primitives(json.loads(files("ppc.targets.he").joinpath("primitives.json").read_text("utf-8")))

    def rotate(self, degree: int, level: int) -> float:
        """A rotation or relinearisation. Past the table: one NTT a pair of primes, so k (k + 1)."""
        times, primes = self.table["rotate"][str(degree)], level + 1
        if primes <= len(times):
            return float(times[level])
        last = len(times)
        return float(times[-1]) * primes * (primes + 1) / (last * (last + 1))

    def per_prime(self, name: str, degree: int, level: int) -> float:
        return float(self.table["per_prime"][name][str(degree)]) * (level + 1)

    def fixed(self, name: str, degree: int) -> float:
        return float(self.table["fixed"][name][str(degree)])

    def linear(self, rotations: int, products: int, outputs: int, degree: int, level: int) -> float:
        """A he.linear step: rotations, products with additions, a rescale and a bias an output."""
        return (
            rotations * self.rotate(degree, level)
            + products * (self.per_prime("multiply_plain", degree, level) + self.per_prime("add", degree, level))
            + outputs * self.per_prime("rescale", degree, level)
        )

    def multiply(self, degree: int, level: int) -> float:
        """A product of ciphertexts with relinearisation and rescale."""
        product = self.per_prime("square", degree, level) * 1.5 + self.per_prime("rescale", degree, level)
        return product + self.rotate(degree, level)


def ciphertext_bytes(degree: int, level: int, seeded: bool = False) -> int:
    """Serialised size: two polynomials (one where a seed stands for the other), 8 bytes a coefficient and prime."""
    return (1 if seeded else 2) * degree * (level + 1) * 8


def key_bytes(degree: int, level: int) -> int:
    """A seeded Galois or relinearisation key for level l: l + 1 digits over l + 2 primes."""
    return (level + 1) * (level + 2) * degree * 8

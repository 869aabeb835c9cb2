"""Levels, primes and scales of CKKS: the arithmetic that the compiler and the engine must agree on.

A leaf: the lowering imports `polynomial_depth` and `Chain`, the engine checks itself against them.
Primes are chosen as SEAL's `CoeffModulus::Create` chooses them (Microsoft SEAL 4, native/src/seal/modulus.cpp): for
each bit length the largest primes ≡ 1 mod 2N; the last request of a bit length gets the largest of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, log2, prod

#: HomomorphicEncryption.org table for 128 bits, ternary secret: the most bits of all primes together, by degree.
MAX_MODULUS_BITS = {1024: 27, 2048: 54, 4096: 109, 8192: 218, 16384: 438, 32768: 881}

#: Modulus that an exit to shares needs: a coefficient wraps with a chance of about |message| / q.
EXIT_MODULUS_BITS = 100

#: Most of the lowest bits of a result that stay with the server: a result that hides more would say nothing.
MOST_HIDDEN_BITS = 40

#: Most bits that a plan gives a scale; a run takes one more, for what was rounded up.
MOST_SCALE_BITS = 119

#: Relative difference of two scales that are added as if equal.
MATCHED = 2.0**-12

#: Most bits (of the integer part) of the number that flooding adds to a slot in which no element lies.
MASK_BITS = 40


#: Batch packing multiplies residues with wrapping 64-bit integers (`ppc.runtime.he.batch_modular`): a product needs the
#: error of its quotient times the prime, at most 2^(bits - 50) * 2^bits, to fit a signed word.
MOST_BATCH_PRIME_BITS = 56
#: And matrices in float64, where integers are exact up to 2^53: rows of larger weights leave parts of few bits.
EXACT_BITS = 53
MOST_ROW_SUM = 2.0**40


def exact_parts(prime_bits: int, row_sum: float) -> tuple[int, int]:
    """(bits, count) of the fewest parts of residues whose products with a matrix are exact sums in float64.

    `row_sum`: the largest sum of absolute values of a row, at most MOST_ROW_SUM; a bias of one part is added to it.
    """
    most = EXACT_BITS - ceil(row_sum + 1).bit_length()
    count = ceil(prime_bits / most)
    return ceil(prime_bits / count), count


def polynomial_depth(degree: int, normalised: bool) -> int:
    """Levels that `he.polynomial` consumes: ceil(log2(degree + 1)), and one more where [lo, hi] is not [-1, 1].

    `degree` is `len(coefficients) - 1`, at least 1; trailing zeros count. The coefficient products take no level of
    their own: they are folded into the scales (`ppc.runtime.chebyshev`).
    """
    if degree < 1:
        raise ValueError(f"a polynomial step needs degree >= 1, not {degree}")
    return degree.bit_length() + (0 if normalised else 1)


@dataclass(frozen=True, slots=True)
class Chain:
    """The modulus chain of a plan: level l has the data primes q_0..q_l. Scales belong to the values (attr `scale`)."""

    primes: tuple[int, ...]  # q_0 .. q_top
    special: int  # the key-switching prime

    @staticmethod
    def of(degree: int, prime_bits: Sequence[int]) -> "Chain":
        """`prime_bits` = bits of [q_0 .. q_top, special]."""
        *primes, special = coefficient_primes(degree, tuple(prime_bits))
        return Chain(tuple(primes), special)

    @property
    def top(self) -> int:
        """The highest level."""
        return len(self.primes) - 1

    def modulus(self, level: int) -> int:
        """Q_level, the product of its primes."""
        return prod(self.primes[: level + 1])

    def mask_bits(self, level: int, scale: float) -> int:
        """Bits of the number that flooding adds to an unused slot at this level: what fits, at most MASK_BITS; or 0."""
        return max(0, min(MASK_BITS, int(log2(self.modulus(level)) - log2(scale)) - 3))

    def exit_level(self, level: int, scale: float, magnitude_bits: int = 20) -> int:
        """The level at which a value of `level` is sent when it leaves for shares: unneeded primes are dropped.

        The lowest with EXIT_MODULUS_BITS on which a value of 2^magnitude_bits wraps with a chance of at most 2^-40;
        `level` itself where none is low enough.
        """
        need = max(EXIT_MODULUS_BITS, log2(scale) + magnitude_bits + 40)
        return next((low for low in range(level) if log2(self.modulus(low)) >= need), level)


@cache
def coefficient_primes(degree: int, prime_bits: tuple[int, ...]) -> tuple[int, ...]:
    """The primes that SEAL picks for these bit lengths, in the same order. Raises ValueError where there are none."""
    found = {bits: list(_largest_primes(2 * degree, bits, count)) for bits, count in Counter(prime_bits).items()}
    return tuple(found[bits].pop() for bits in prime_bits)


@cache
def _largest_primes(factor: int, bits: int, count: int) -> tuple[int, ...]:
    """The `count` largest primes ≡ 1 mod `factor` with exactly `bits` bits, descending."""
    found: list[int] = []
    candidate = ((1 << bits) - 1) // factor * factor + 1
    while len(found) < count and candidate > 1 << (bits - 1):
        if is_prime(candidate):
            found.append(candidate)
        candidate -= factor
    if len(found) < count:
        raise ValueError(f"there are no {count} primes of {bits} bits that are 1 mod {factor}")
    return tuple(found)


def is_prime(n: int) -> bool:
    """Miller-Rabin with the first twelve primes as bases: exact below 3.3e24 (Sorenson and Webster, 2015)."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if n < 2 or any(n % p == 0 for p in bases):
        return n in bases
    s = ((n - 1) & -(n - 1)).bit_length() - 1
    for base in bases:
        x = pow(base, (n - 1) >> s, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True

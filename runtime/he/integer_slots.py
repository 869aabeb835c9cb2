"""Slots of a plaintext polynomial as integers: exactly linear encode and decode.

Encoding through floats rounds a share of 64 bits to 53 and the shares no longer cancel. Here both directions are
integer matrices: entry (j, i) is round(2^24·cos(π·3^j·i / N)), times a fixed factor, so that what two parties
compute from two summands adds up to what one would compute from the sum, but for one unit of truncation a party.
The price is the rounding of the matrix: a relative error of about 2^-24 of the value, never of the share.

Columns i and N − i are opposite (3^j is odd), so half of them suffice. Products run on float64 BLAS over limbs of
16 bits (`ppc.runtime.he.wide`): 2^24 · 2^16 · 8192 terms stay below 2^53, so every sum is exact.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import floor, log2

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.he import wide
from ppc.runtime.he.wide import Limbs, Residues
from ppc.runtime.schema import FRACTION_BITS

ROOT_BITS = 24
_ROWS = 256  # rows of the matrix that exist at a time
_COLUMNS = 8192  # most terms of an exact float64 sum


def decode(
    residues: Sequence[Residues], primes: Sequence[int], slots: Sequence[NDArray[np.int64]], scale: float
) -> list[NDArray[np.int64]]:
    """For each polynomial the values at its slots times 2^FRACTION_BITS, floored, modulo 2^64 (two's complement).

    `residues[c]` has shape (primes, N) and stands for the integers in (-Q/2, Q/2] with these residues; `slots[c]` are
    the slots wanted of it. Sums are taken modulo a power of two that leaves 64 bits after the truncation: a summand of
    any size keeps its share of a small sum. Rows of the matrix are made once for all polynomials that use them.
    """
    degree, exponent = residues[0].shape[-1], floor(log2(scale))
    factor = 2.0**exponent / scale  # in (1/2, 1]: makes the scale a power of two
    shift = ROOT_BITS + exponent - FRACTION_BITS
    if shift < 0:
        raise ValueError(f"a scale of 2^{exponent} is too small for shares of {FRACTION_BITS} fractional bits")
    enough = -(-(shift + 64) // wide.BITS)
    folded = np.stack([_fold(wide.centred(r, primes, enough)) for r in residues])  # (polynomials, limbs, N/2)
    polynomials, count = folded.shape[:2]
    columns = folded.reshape(polynomials * count, -1).T.astype(np.float64)
    union = np.unique(np.concatenate(list(slots)))
    sums = []
    for rows in _matrix(degree, union, factor):
        parts = (
            (rows[:, at : at + _COLUMNS] @ columns[at : at + _COLUMNS]).astype(np.int64)
            for at in range(0, degree // 2, _COLUMNS)
        )
        sums.append(sum(parts, np.zeros((), np.int64)))
    found = np.concatenate(sums).reshape(len(union), polynomials, count)
    results = []
    for c, wanted in enumerate(slots):
        mine = np.zeros((enough + 1, len(wanted)), np.int64)  # a limb more, for what the sum of terms carries
        mine[:count] = found[np.searchsorted(union, wanted), c].T
        results.append(wide.low_words(wide.carry(mine), shift))
    return results


def encode(values: NDArray[np.int64], slots: NDArray[np.int64], degree: int, scale: float) -> Limbs:
    """Integer coefficients, shape (limbs, N), of the polynomial with values[k]·2^-FRACTION_BITS at slots[k], else 0.

    Linear in `values` over the integers but for a rounding of at most 1/2 a coefficient.
    """
    limbs = wide.of_int64(values).astype(np.float64)  # (limbs, slots)
    sums = np.zeros((8, degree // 2), np.int64)  # 24 + 64 bits and the number of slots, with room
    for start, rows in zip(range(0, len(slots), _ROWS), _matrix(degree, slots, 1.0), strict=True):
        sums[: len(limbs)] += (limbs[:, start : start + _ROWS] @ rows).astype(np.int64)
    # times scale·2/N / 2^(16 + 24), as an exact rational with a denominator of 2^t
    numerator, denominator = (scale * 2 / degree).as_integer_ratio()
    shift = denominator.bit_length() - 1 + FRACTION_BITS + ROOT_BITS
    half = wide.trimmed(wide.rounded_shift(wide.times(wide.carry(sums), numerator), shift))
    opposite = wide.carry(-half[:, :0:-1])
    return np.concatenate([half, np.zeros_like(half[:, :1]), opposite], axis=1)


def _fold(coefficients: Limbs) -> Limbs:
    """What the first N/2 columns must be multiplied with: c_i − c_{N−i}, and c_0 itself; limb by limb."""
    half = coefficients.shape[1] // 2
    folded = coefficients[:, :half].copy()
    folded[:, 1:] -= coefficients[:, :half:-1]
    return folded


def _matrix(degree: int, slots: NDArray[np.int64], factor: float) -> Iterator[NDArray[np.float64]]:
    """Rows round(2^24·factor·cos(π·3^slot·i / N)) for i < N/2, some at a time: shape (<= _ROWS, N/2)."""
    table, powers = _cosines(degree, factor), root_powers(degree)
    columns = np.arange(degree // 2, dtype=np.int32)
    for start in range(0, len(slots), _ROWS):
        roots = powers[slots[start : start + _ROWS]]
        yield table[(roots[:, None] * columns) & np.int32(2 * degree - 1)]


@lru_cache(maxsize=8)
def _cosines(degree: int, factor: float) -> NDArray[np.float64]:
    """round(2^24·factor·cos(π·k / N)) for k < 2N."""
    angles = np.arange(2 * degree) * (np.pi / degree)
    table: NDArray[np.float64] = np.rint(np.cos(angles) * (factor * 2.0**ROOT_BITS))
    return table


@lru_cache(maxsize=8)
def root_powers(degree: int) -> NDArray[np.int32]:
    """3^j mod 2N for j < N/2. A product with a column index stays below 2^31 for N <= 32768."""
    out, power = np.empty(degree // 2, np.int32), 1
    for j in range(degree // 2):
        out[j], power = power, power * 3 % (2 * degree)
    out.flags.writeable = False
    return out

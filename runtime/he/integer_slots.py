"""Slots of a plaintext polynomial as integers: exactly linear encode and decode.

Encoding through floats rounds a share of 64 bits to 53 and the shares no longer cancel. Here both directions are
integer matrices: entry (j, i) is round(2^24·cos(π·3^j·i / N)), times a fixed factor, so that what two parties
compute from two summands adds up to what one would compute from the sum, but for one unit of truncation a party.
The price is the rounding of the matrix: a relative error of about 2^-24 of the value, never of the share.

Columns i and N − i are opposite (3^j is odd), so half of them suffice. Products run on float64 BLAS over limbs of
16 bits: 2^24 · 2^16 · 8192 terms stay below 2^53, so every sum is exact.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import floor, log2

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.schema import FRACTION_BITS

Integers = NDArray[np.object_]

ROOT_BITS = 24
#: Ring of the decoded sums before truncation. Values use about 24 + log2(scale) + 20 bits of it.
WIDE_BITS = 160

_LIMB_BITS = 16
_ROWS = 256  # rows of the matrix that exist at a time
_COLUMNS = 8192  # most terms of an exact float64 sum


def decode(coefficients: Sequence[Integers], slots: Sequence[NDArray[np.int64]], scale: float) -> list[Integers]:
    """For each polynomial the values at its slots times 2^FRACTION_BITS, floored, as Python integers.

    `coefficients[c]` has shape (N,), centred; `slots[c]` are the slots wanted of it. Sums are taken modulo
    2^WIDE_BITS (centred): a summand of any size keeps its share of a small sum. Rows of the matrix are made once for
    all polynomials that use them.
    """
    degree = len(coefficients[0])
    exponent = floor(log2(scale))
    factor = 2.0**exponent / scale  # in (1/2, 1]: makes the scale a power of two
    limbs = np.stack([_limbs(_fold(c), WIDE_BITS) for c in coefficients], axis=-1)  # (N/2, limbs, polynomials)
    count, polynomials = limbs.shape[1:]
    union, sums = np.unique(np.concatenate(list(slots))), list[Integers]()
    for rows in _matrix(degree, union, factor):
        part: Integers = np.zeros((), object)
        for at in range(0, degree // 2, _COLUMNS):
            block = limbs[at : at + _COLUMNS].reshape(-1, count * polynomials)
            total = (rows[:, at : at + _COLUMNS] @ block).astype(np.int64)
            part = part + total.astype(object)
        sums.append(part)
    wide = np.concatenate(sums).reshape(len(union), count, polynomials)
    shift, half = ROOT_BITS + exponent - FRACTION_BITS, 1 << (WIDE_BITS - 1)
    weights = np.array([1 << (_LIMB_BITS * k) for k in range(count)], object)
    results = []
    for c, wanted in enumerate(slots):
        mine = wide[np.searchsorted(union, wanted), :, c].dot(weights)
        centred = (mine + half) % (1 << WIDE_BITS) - half
        results.append(centred >> shift if shift >= 0 else centred << -shift)
    return results


def encode(values: NDArray[np.int64], slots: NDArray[np.int64], degree: int, scale: float) -> Integers:
    """Integer coefficients, shape (N,), of the polynomial with values[k]·2^-FRACTION_BITS at slots[k], 0 elsewhere.

    Linear in `values` over the integers but for a rounding of at most 1/2 a coefficient.
    """
    limbs = _limbs(values.astype(object), 64).T.copy()  # (limbs, slots)
    limbs[-1] -= (limbs[-1] >= 1 << (_LIMB_BITS - 1)) * 2.0**_LIMB_BITS  # two's complement: the top limb is signed
    sums: Integers | None = None
    for start, rows in zip(range(0, len(slots), _ROWS), _matrix(degree, slots, 1.0), strict=True):
        part = (limbs[:, start : start + _ROWS] @ rows).astype(np.int64)
        sums = part.astype(object) if sums is None else sums + part
    assert sums is not None, "a ciphertext without elements"
    weights = np.array([1 << (_LIMB_BITS * k) for k in range(len(limbs))], object)
    # times scale·2/N / 2^(16 + 24), as an exact rational with a denominator of 2^t
    numerator, denominator = (scale * 2 / degree).as_integer_ratio()
    shifted = denominator.bit_length() - 1 + FRACTION_BITS + ROOT_BITS
    half = weights.dot(sums) * numerator
    half = (half + (1 << (shifted - 1))) >> shifted
    return np.concatenate([half, [0], -half[:0:-1]])


def centred(residues: NDArray[np.uint64], primes: Sequence[int]) -> Integers:
    """The integers in (-Q/2, Q/2] with these residues, shape (primes, N) -> (N,), by the Chinese remainder theorem."""
    modulus = 1
    for q in primes:
        modulus *= q
    total: Integers = np.zeros(residues.shape[1], object)
    for row, q in zip(residues, primes, strict=True):
        cofactor = modulus // q
        total = total + row.astype(object) * (cofactor * pow(cofactor, -1, q))
    total %= modulus
    return np.where(total > modulus // 2, total - modulus, total)


def residues(integers: Integers, primes: Sequence[int]) -> NDArray[np.uint64]:
    """Residues of integers modulo each prime, shape (primes, N)."""
    return np.stack([(integers % q).astype(np.uint64) for q in primes])


def to_ring(integers: Integers) -> NDArray[np.int64]:
    """Python integers modulo 2^64, as two's complement."""
    ring: NDArray[np.int64] = (integers & ((1 << 64) - 1)).astype(np.uint64).view(np.int64)
    return ring


def _fold(coefficients: Integers) -> Integers:
    """What the first N/2 columns must be multiplied with: c_i − c_{N−i}, and c_0 itself."""
    half = len(coefficients) // 2
    folded = coefficients[:half].copy()
    folded[1:] -= coefficients[:half:-1][: half - 1]
    return folded


def _limbs(integers: Integers, bits: int) -> NDArray[np.float64]:
    """Limbs of integers modulo 2^bits, least significant first, shape (len, bits / 16)."""
    mask, width = (1 << bits) - 1, bits // 8
    raw = b"".join((int(x) & mask).to_bytes(width, "little") for x in integers)
    return np.frombuffer(raw, "<u2").reshape(len(integers), -1).astype(np.float64)


def _matrix(degree: int, slots: NDArray[np.int64], factor: float) -> Iterator[NDArray[np.float64]]:
    """Rows round(2^24·factor·cos(π·3^slot·i / N)) for i < N/2, some at a time: shape (<= _ROWS, N/2)."""
    table, powers = _cosines(degree, factor), _powers(degree)
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
def _powers(degree: int) -> NDArray[np.int32]:
    """3^j mod 2N for j < N/2. A product with a column index stays below 2^31 for N <= 32768."""
    out, power = np.empty(degree // 2, np.int32), 1
    for j in range(degree // 2):
        out[j], power = power, power * 3 % (2 * degree)
    return out

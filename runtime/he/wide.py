"""Arrays of integers that are wider than 64 bits, as limbs: exact, and fast without Python integers.

An array of integers of shape S is an int64 array of shape (limbs, *S), least significant limb first. A limb holds 16
bits, 0 to 65535, but the last is signed (two's complement). Products of limbs run as float64 matrix products: entries
below 2^16 · 2^16, so sums of up to 2^21 of them are exact.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Limbs = NDArray[np.int64]
Residues = NDArray[np.uint64]

BITS = 16
_MASK = (1 << BITS) - 1
#: A sum of fractions y/p in float64 is this close to the truth: where it decides nothing, integers do.
_DOUBT = 2.0**-40
#: Multiplications in a piece of a small matrix product.
_PIECE = 1 << 17


def of_int64(values: NDArray[np.int64]) -> Limbs:
    """Four limbs."""
    return np.stack([*((values >> (BITS * t)) & _MASK for t in range(3)), values >> 48])


def carry(limbs: Limbs) -> Limbs:
    """Bring all limbs but the last into 0 to 65535, in place; returns them. The value must fit the limbs."""
    for t in range(len(limbs) - 1):
        limbs[t + 1] += limbs[t] >> BITS
        limbs[t] &= _MASK
    return limbs


def add(a: Limbs, b: Limbs) -> Limbs:
    """a + b, with a limb more than the longer."""
    out = np.zeros((max(len(a), len(b)) + 1, *np.broadcast_shapes(a.shape[1:], b.shape[1:])), np.int64)
    out[: len(a)] += a
    out[: len(b)] += b
    return carry(out)


def times(limbs: Limbs, factor: int) -> Limbs:
    """limbs * factor, for a factor >= 0."""
    by = [(factor >> at) & _MASK for at in range(0, max(factor.bit_length(), 1), BITS)]
    matrix = np.zeros((len(limbs) + len(by), len(limbs)))
    for t in range(len(limbs)):
        matrix[t : t + len(by), t] = by
    return carry(_combine(matrix, limbs))


def rounded_shift(limbs: Limbs, bits: int) -> Limbs:
    """floor(x / 2^bits + 1/2), for bits >= 1."""
    half = np.zeros((bits - 1) // BITS + 1, np.int64)
    half[-1] = 1 << ((bits - 1) % BITS)
    total = add(limbs, half.reshape(-1, *[1] * (limbs.ndim - 1)))
    whole, part = divmod(bits, BITS)
    if whole >= len(total):
        return total[-1:] >> (BITS - 1)
    kept = total[whole:]
    out = kept >> part
    out[:-1] |= (kept[1:] << (BITS - part)) & _MASK
    return out


def trimmed(limbs: Limbs) -> Limbs:
    """Without last limbs that hold nothing but the sign."""
    while len(limbs) > 1 and np.array_equal(limbs[-1], -(limbs[-2] >> (BITS - 1))):
        limbs = np.concatenate([limbs[:-2], limbs[-2:-1] + (limbs[-1:] << BITS)])
    return limbs


def low_words(limbs: Limbs, shift: int) -> NDArray[np.int64]:
    """floor(x / 2^shift) modulo 2^64, as two's complement."""
    out = np.zeros(limbs.shape[1:], np.uint64)
    for t in range(shift // BITS, (shift + 63) // BITS + 1):
        limb = limbs[t] if t < len(limbs) else limbs[-1] >> (BITS - 1)  # beyond the last: its sign
        limb, at = limb.view(np.uint64), BITS * t - shift
        if t < len(limbs) - 1:
            out += limb << np.uint64(at) if at >= 0 else limb >> np.uint64(-at)
        else:
            out += limb << np.uint64(at) if at >= 0 else (limb.view(np.int64) >> -at).view(np.uint64)
            break  # the last limb has its sign all the way up
    return out.view(np.int64)


def to_longdouble(limbs: Limbs) -> NDArray[np.longdouble]:
    """Nearest values in extended precision, but for a few units in the last place."""
    out: NDArray[Any] = limbs[-1].astype(np.longdouble)
    for limb in limbs[-2::-1]:
        out = out * np.longdouble(_MASK + 1) + limb
    return out


def of_longdouble(values: NDArray[np.longdouble]) -> Limbs:
    """Limbs of whole numbers."""
    largest = float(np.max(np.abs(values), initial=1.0))
    out, unit = [], np.longdouble(_MASK + 1)
    for _ in range(int(np.ceil(np.log2(largest + 1))) // BITS + 1):
        higher = np.floor(values / unit)
        out.append((values - higher * unit).astype(np.int64))
        values = higher
    return np.stack([*out, values.astype(np.int64)])


def residues(limbs: Limbs, primes: Sequence[int]) -> Residues:
    """x modulo each prime (below 2^61): shape (primes, ...)."""
    if len(limbs) % 2:
        limbs = np.concatenate([limbs[:-1], limbs[-1:] & _MASK, limbs[-1:] >> BITS])  # sign in a limb of its own
    pairs = limbs[::2] + (limbs[1::2] << BITS)  # the last one signed
    out = np.empty((len(primes), *limbs.shape[1:]), np.uint64)
    for row, p in zip(out, primes, strict=True):
        step = _Constant((1 << 2 * BITS) % p, p)
        row[:] = (pairs[-1] % p).view(np.uint64)
        for pair in pairs[-2::-1]:
            row[:] = step.times(row)
            row += (pair % p).view(np.uint64)
            np.minimum(row, row - np.uint64(p), out=row)
    return out


def centred(found: Residues, primes: Sequence[int], count: int | None = None) -> Limbs:
    """The integers in (-Q/2, Q/2] with these residues, shape (primes, ...) -> (limbs, ...).

    Where a count is given that is too short for Q, modulo 2^(16·count), and the last limb is unsigned.

    x = Σ y_p·Q/p − αQ with y_p = x·(Q/p)^-1 mod p; α is the sum of the y_p/p, rounded.
    """
    constants, matrix, limbs = _remainder_basis(tuple(primes), count)
    shape = found.shape[1:]
    flat = found.reshape(len(primes), -1)
    ys = np.stack([c.times(row) for c, row in zip(constants, flat, strict=True)])
    fractions = (ys.astype(np.float64) / np.array(primes, np.float64)[:, None]).sum(axis=0) + 0.5
    alpha = np.floor(fractions)
    for i in np.flatnonzero(np.abs(fractions - np.rint(fractions)) < _DOUBT):
        alpha[i] = _exact_alpha([int(y) for y in ys[:, i]], primes)
    parts = np.stack([*((y >> np.uint64(BITS * t)) & np.uint64(_MASK) for y in ys for t in range(4))]).view(np.int64)
    out = carry(_combine(matrix, np.concatenate([parts, alpha[None].astype(np.int64)])))
    if limbs < _limbs_of(primes):
        out[-1] &= _MASK
    return out.reshape(limbs, *shape)


def _exact_alpha(ys: list[int], primes: Sequence[int]) -> int:
    modulus = prod(primes)
    total = sum(y * (modulus // p) for y, p in zip(ys, primes, strict=True))
    return (2 * total + modulus) // (2 * modulus)


def _limbs_of(primes: Sequence[int]) -> int:
    """Limbs of a centred integer modulo the product."""
    return prod(primes).bit_length() // BITS + 1


@lru_cache(maxsize=64)
def _remainder_basis(primes: tuple[int, ...], count: int | None) -> tuple[list["_Constant"], NDArray[np.float64], int]:
    """Factors (Q/p)^-1 mod p; the matrix from limbs of the y_p, and α, to limbs of the sum; the number of limbs."""
    modulus = prod(primes)
    limbs = _limbs_of(primes) if count is None else min(count, _limbs_of(primes))
    matrix = np.zeros((limbs, 4 * len(primes) + 1))
    for i, p in enumerate(primes):
        for t in range(4):
            matrix[:, 4 * i + t] = _digits((modulus // p) << (BITS * t), limbs)
    matrix[:, -1] = _digits(-modulus, limbs)
    return [_Constant(pow(modulus // p, -1, p), p) for p in primes], matrix, limbs


def _digits(number: int, limbs: int) -> list[int]:
    """Limbs of a number modulo 2^(16·limbs), the last one signed."""
    found = [(number >> (BITS * t)) & _MASK for t in range(limbs)]
    found[-1] -= (found[-1] >> (BITS - 1)) << BITS
    return found


def _combine(matrix: NDArray[np.float64], limbs: Limbs) -> Limbs:
    """matrix @ limbs, exactly. In pieces that a BLAS does with one thread: waking more takes longer than they help."""
    flat = limbs.reshape(len(limbs), -1).astype(np.float64)
    out, width = np.empty((len(matrix), flat.shape[1]), np.int64), max(1, _PIECE // matrix.size)
    for at in range(0, flat.shape[1], width):
        out[:, at : at + width] = matrix @ flat[:, at : at + width]
    return out.reshape(len(matrix), *limbs.shape[1:])


class _Constant:
    """A factor w modulo p < 2^61 for many products (V. Shoup's method: the quotient from floor(w·2^64 / p))."""

    def __init__(self, factor: int, p: int):
        self._factor, self._p = np.uint64(factor), np.uint64(p)
        quotient = (factor << 64) // p
        self._high, self._low = np.uint64(quotient >> 32), np.uint64(quotient & 0xFFFFFFFF)

    def times(self, x: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """x * factor modulo p, for x below 2^64."""
        half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
        high, low = x >> half, x & mask
        middle = high * self._low + (low * self._low >> half)
        quotient = high * self._high + (middle >> half) + ((low * self._high + (middle & mask)) >> half)
        rest: NDArray[np.uint64] = x * self._factor - quotient * self._p  # modulo 2^64; below 2p
        least: NDArray[np.uint64] = np.minimum(rest, rest - self._p)  # below p, the difference wraps to more than p
        return least

"""RNS residues of SEAL objects as numpy arrays, and back.

Writing goes through SEAL's own loader: an uncompressed saved object is put together and loaded, so SEAL checks
every residue. Reading has two ways with identical results: a look at the object's memory (`ppc.runtime.he.native`),
and where that is not to be had the binding's `[i]`, an element at a time (about 0.2 µs each).
"""

from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.he import blob, evaluator, native
from ppc.runtime.he.context import Context
from ppc.runtime.he.native import Residues

_HEADER = Struct("<HBBBBHQ")  # magic, header size, major, minor, compression, reserved, size
_CIPHERTEXT = Struct("<4QB3QdQ")  # parms_id, NTT form, polynomials, degree, primes, scale, correction factor
_PLAINTEXT = Struct("<4QQd")  # parms_id, coefficients, scale
_POINTER = Struct("<Q")


def ciphertext_residues(ciphertext: Any) -> Residues:
    """Residues of a ciphertext, shape (polynomials, primes, degree), as they are stored (NTT form or not)."""
    if evaluator.unavailable() is None:
        return native.residues(ciphertext).copy()
    shape = (ciphertext.size(), ciphertext.coeff_modulus_size(), ciphertext.poly_modulus_degree())
    return _official(ciphertext, int(np.prod(shape))).reshape(shape)


def plaintext_residues(plaintext: Any, context: Context) -> Residues:
    """Residues of a CKKS plaintext, shape (primes, degree), in NTT form."""
    if evaluator.unavailable() is None:
        return native.plaintext_residues(plaintext, context.degree).copy()
    return _official(plaintext, plaintext.coeff_count()).reshape(-1, context.degree)


def make_ciphertext(context: Context, level: int, residues: Residues, scale: float, ntt: bool = True) -> Any:
    """A ciphertext of these residues, shape (polynomials, level + 1, degree). Raises one of SEAL_ERRORS."""
    size, primes, degree = residues.shape
    head = _CIPHERTEXT.pack(*context.parms_ids[level], ntt, size, degree, primes, scale, 1)
    return blob.load(seal.Ciphertext(), context.seal, _saved(head, residues))


def alike(context: Context, template: Any, residues: Residues) -> Any:
    """A ciphertext of these residues with everything else of `template`. Raises one of SEAL_ERRORS."""
    if evaluator.unavailable() is not None:
        return make_ciphertext(context, context.level(template), residues, template.scale)
    out = native.copy(template)
    own = native.residues(out)
    if own.shape != residues.shape:
        raise ValueError(f"residues of shape {residues.shape} for a ciphertext of {own.shape}")
    own[...] = residues
    return out


def make_plaintext(context: Context, level: int, residues: Residues, scale: float) -> Any:
    """A plaintext of these residues, shape (level + 1, degree), in NTT form. Raises one of SEAL_ERRORS."""
    head = _PLAINTEXT.pack(*context.parms_ids[level], residues.size, scale)
    return blob.load(seal.Plaintext(), context.seal, _saved(head, residues))


def make_secret(context: Any, parms_id: Sequence[int], residues: Residues) -> Any:
    """A secret key of these residues, shape (data primes + 1, degree), for a SEAL context. Never touches a disk."""
    head = _PLAINTEXT.pack(*parms_id, residues.size, 1.0)
    return blob.load(seal.SecretKey(), context, _saved(head, residues), memory_only=True)


def to_coefficients(context: Context, level: int, polynomials: Residues) -> Residues:
    """Inverse NTT of polynomials of shape (count, level + 1, degree), by SEAL."""
    return _transform(context, level, polynomials, context.evaluator.transform_from_ntt_inplace, ntt=True)


def to_ntt(context: Context, level: int, polynomials: Residues) -> Residues:
    """NTT of polynomials of shape (count, level + 1, degree), by SEAL."""
    return _transform(context, level, polynomials, context.evaluator.transform_to_ntt_inplace, ntt=False)


def add_residues(a: Residues, b: Residues, primes: Sequence[int]) -> Residues:
    """a + b modulo each prime; shapes (..., primes, degree)."""
    q = np.asarray(primes, np.uint64)[:, None]
    total = a + b
    return np.where(total >= q, total - q, total)


def rotate_and_add(coefficients: Residues, shifts: Sequence[int], primes: Sequence[int]) -> Residues:
    """`p += rot(p, s)` for each shift in turn, on polynomials that are no ciphertexts: shape (count, primes, degree).

    rot(v, s)[i] = v[(i + s) mod slots] on slots is X -> X^(3^s) on coefficients, which move and change their sign.
    """
    degree = coefficients.shape[-1]
    q = np.asarray(primes, np.uint64)[:, None]
    for s in shifts:
        to = np.arange(degree, dtype=np.int64) * pow(3, s, 2 * degree) % (2 * degree)
        turned = np.empty_like(coefficients)
        turned[..., to % degree] = np.where((to >= degree) & (coefficients != 0), q - coefficients, coefficients)
        coefficients = add_residues(coefficients, turned, primes)
    return coefficients


def _transform(context: Context, level: int, polynomials: Residues, transform: Any, ntt: bool) -> Residues:
    """SEAL transforms ciphertexts, of at least two polynomials, and refuses one whose c1 is zero."""
    out = np.empty_like(polynomials)
    for i in range(0, len(polynomials), 2):
        pair = polynomials[i : i + 2]
        dummy = np.ones_like(pair[:1])
        carrier = np.concatenate([pair, dummy])  # the last polynomial is never zero
        ciphertext = make_ciphertext(context, level, carrier, 1.0, ntt)
        transform(ciphertext)
        out[i : i + 2] = ciphertext_residues(ciphertext)[: len(pair)]
    return out


def _saved(head: bytes, residues: Residues) -> bytes:
    """SEAL's saved form without compression: a header, the fields, and the array with a header of its own."""
    data = np.ascontiguousarray(residues, "<u8").tobytes()
    array = _POINTER.pack(residues.size) + data
    inner = _HEADER.pack(*_version(), 0, 0, _HEADER.size + len(array)) + array
    return _HEADER.pack(*_version(), 0, 0, _HEADER.size + len(head) + len(inner)) + head + inner


@cache
def _version() -> tuple[int, int, int, int]:
    """Magic, header size, major and minor version, as this SEAL writes them."""
    saved = blob.dump(seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS))
    return _HEADER.unpack_from(saved)[:4]


def _official(thing: Any, size: int) -> Residues:
    return np.fromiter(map(thing.__getitem__, range(size)), np.uint64, size)

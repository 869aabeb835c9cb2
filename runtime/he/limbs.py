"""RNS residues of SEAL objects as numpy arrays, and back: the only module that looks inside them.

Writing goes through SEAL's own loader: an uncompressed saved object is put together and loaded, so SEAL checks
every residue. Reading has two ways with identical results: the binding's `[i]`, an element at a time (about 0.2 µs
each), and, where a self-check at first use shows that it sees the same numbers, one read of this process' own
memory through /proc/self/mem. A read there with a wrong address gives an error, not a segmentation fault; every
read checks size, first and last residue against the official way and falls back to it.
"""

import os
from collections.abc import Sequence
from functools import cache
from struct import Struct
from struct import error as struct_error
from typing import Any

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from ppc.runtime.he import blob
from ppc.runtime.he.context import Context

Residues = NDArray[np.uint64]

_HEADER = Struct("<HBBBBHQ")  # magic, header size, major, minor, compression, reserved, size
_CIPHERTEXT = Struct("<4QB3QdQ")  # parms_id, NTT form, polynomials, degree, primes, scale, correction factor
_PLAINTEXT = Struct("<4QQd")  # parms_id, coefficients, scale
_WORDS = Struct("<24Q")
_POINTER = Struct("<Q")
_SIZE_WORD = {seal.Ciphertext: 13, seal.Plaintext: 9}  # word of the object that holds the size; the next is the data


def ciphertext_residues(ciphertext: Any) -> Residues:
    """Residues of a ciphertext, shape (polynomials, primes, degree), as they are stored (NTT form or not)."""
    shape = (ciphertext.size(), ciphertext.coeff_modulus_size(), ciphertext.poly_modulus_degree())
    return _read(ciphertext, int(np.prod(shape))).reshape(shape)


def plaintext_residues(plaintext: Any, context: Context) -> Residues:
    """Residues of a CKKS plaintext, shape (primes, degree), in NTT form."""
    return _read(plaintext, plaintext.coeff_count()).reshape(-1, context.degree)


def make_ciphertext(context: Context, level: int, residues: Residues, scale: float, ntt: bool = True) -> Any:
    """A ciphertext of these residues, shape (polynomials, level + 1, degree). Raises one of SEAL_ERRORS."""
    size, primes, degree = residues.shape
    head = _CIPHERTEXT.pack(*context.parms_ids[level], ntt, size, degree, primes, scale, 1)
    return blob.load(seal.Ciphertext(), context.seal, _saved(head, residues))


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


def _read(thing: Any, size: int) -> Residues:
    fast = _peek(thing, size) if fast_reads() else None
    return _read_official(thing, size) if fast is None else fast


def _read_official(thing: Any, size: int) -> Residues:
    return np.fromiter(map(thing.__getitem__, range(size)), np.uint64, size)


def _peek(thing: Any, size: int) -> Residues | None:
    """One read of the object's data; None where anything does not fit."""
    if size == 0 or type(thing) not in _SIZE_WORD:
        return None
    try:
        # opened anew each time: a descriptor that a fork inherits would show the memory of the parent
        memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        (address,) = _POINTER.unpack(os.pread(memory, 8, id(thing) + 16))  # pybind11: object head, then the pointer
        words = _WORDS.unpack(os.pread(memory, _WORDS.size, address))
        at = _SIZE_WORD[type(thing)]
        data = os.pread(memory, 8 * size, words[at + 1]) if words[at] == size else b""
    except (OSError, OverflowError, struct_error):
        return None
    finally:
        os.close(memory)
    if len(data) != 8 * size:
        return None
    array = np.frombuffer(data, np.uint64).copy()
    probes = (0, size // 3, size // 2, size - 1)
    return array if all(int(array[i]) == thing[i] for i in probes) else None


@cache
def fast_reads() -> bool:
    """Self-check, once: does the fast way read what the official way reads, on a small plaintext and ciphertext?"""
    parameters = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    parameters.set_poly_modulus_degree(1024)
    parameters.set_coeff_modulus(seal.CoeffModulus.Create(1024, [27]))
    context = seal.SEALContext(parameters, True, seal.SEC_LEVEL_TYPE.TC128)
    plaintext, ciphertext, public = seal.Plaintext(), seal.Ciphertext(), seal.PublicKey()
    seal.CKKSEncoder(context).encode([0.5, -0.25, 3.0], 2.0**15, plaintext)
    seal.KeyGenerator(context).create_public_key(public)
    seal.Encryptor(context, public).encrypt(plaintext, ciphertext)
    for thing, size in ((plaintext, 1024), (ciphertext, 2048)):
        fast = _peek(thing, size)
        if fast is None or not np.array_equal(fast, _read_official(thing, size)):
            return False
    return True

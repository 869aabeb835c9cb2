"""SEAL's own functions called without its Python binding: the only module that holds raw addresses.

The binding keeps Python's interpreter lock in every call; ctypes lets it go, so threads run at the same time. A C++
exception that meets ctypes aborts the process, and a wrong address ends it, so:
- the functions called here throw for nothing that depends on residues. SEAL's `apply_galois`, `multiply_plain`, `add`
  and `relinearize` refuse a result whose c1 is zero ("transparent"), which a peer's ciphertexts or keys could bring
  about; here are the pieces that they are made of, and who calls them looks at the result;
- what they do throw for (level, size, scale, a missing key) is asked before each call, with SEAL's own predicates;
- ciphertexts and arrays are looked at before their address is used (type, context, shape, order), each once in an
  operation; lengths always come from the objects themselves;
- it works for builds of TenSEAL that are known here, and only after `ppc.runtime.he.evaluator` saw that every
  function gives what the official one gives.
"""

import ctypes
import platform
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from math import prod
from typing import Any, NamedTuple

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

Residues = NDArray[np.uint64]

#: Versions of TenSEAL whose wheels for x86-64 Linux were looked at: names of symbols, layout of objects.
KNOWN_BUILDS = frozenset({"0.3.18"})

_SYMBOLS = {
    "multiply": "_ZN4seal4util23dyadic_product_coeffmodENS0_7PtrIterIPKmEES4_mRKNS_7ModulusENS1_IPmEE",
    "add": "_ZN4seal4util17add_poly_coeffmodENS0_7PtrIterIPKmEES4_mRKNS_7ModulusENS1_IPmEE",
    "copy": "_ZN4seal10CiphertextaSERKS0_",
    "data": "_ZN4seal10Ciphertext4dataEm",
    "switch_key": "_ZNK4seal9Evaluator18switch_key_inplaceERNS_10CiphertextENS_4util12ConstRNSIterERKNS_11KSwitchKeysEm"
    "NS_16MemoryPoolHandleE",
    "divide": "_ZNK4seal9Evaluator24mod_switch_scale_to_nextERKNS_10CiphertextERS1_NS_16MemoryPoolHandleE",
}
_POOL = "_ZN4seal4util16global_variables18global_memory_poolE"
#: Words of a Plaintext that hold the number of its residues and their address.
_PLAINTEXT_SIZE, _PLAINTEXT_DATA = 9, 10


class _Iterator(ctypes.Structure):
    """`ConstRNSIter`: an address and the distance of one residue polynomial from the next, passed by value."""

    _fields_ = (("padding", ctypes.c_uint64), ("address", ctypes.c_void_p), ("stride", ctypes.c_uint64))


@cache
def missing() -> str | None:
    """Why raw calls are not possible here; None where they are (and the self-check may try them)."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.implementation.name != "cpython":
        return f"not known for {platform.machine()} {sys.platform}"
    if (found := version("tenseal")) not in KNOWN_BUILDS:
        return f"not known for TenSEAL {found}"
    try:
        _library()
    except (OSError, AttributeError, ValueError) as e:
        return f"SEAL's functions cannot be reached ({type(e).__name__})"
    return None


class _Library:
    """Functions of the shared object that the binding lives in (loaded already; ctypes only finds it again)."""

    def __init__(self) -> None:
        self.object = ctypes.CDLL(seal._sealapi_cpp.__file__)
        word, address = ctypes.c_size_t, ctypes.c_void_p
        pointwise = [address, address, word, address, address]
        self.multiply = self._function("multiply", *pointwise)
        self.add = self._function("add", *pointwise)
        self.copy = self._function("copy", address, address)
        self.data = self._function("data", address, word)
        self.data.restype = address
        self.switch_key = self._function("switch_key", address, address, _Iterator, address, word, address)
        self.divide = self._function("divide", address, address, address, address)
        # A MemoryPoolHandle is a shared_ptr: address and reference count. One without a count owns nothing, so that
        # neither copying nor destroying it touches SEAL's global pool, which lives as long as the process.
        self._pool = ctypes.c_uint64.in_dll(self.object, _POOL).value
        if not self._pool:
            raise ValueError("SEAL has no global memory pool")

    def pool(self) -> Any:
        """A handle to pass by reference; SEAL may move it out, so each call takes a new one."""
        return (ctypes.c_uint64 * 2)(self._pool, 0)

    def _function(self, name: str, *arguments: Any) -> Any:
        found = getattr(self.object, _SYMBOLS[name])
        found.restype, found.argtypes = None, arguments
        return found


@cache
def _library() -> _Library:
    return _Library()


class Polynomials(NamedTuple):
    """Where the residues of a ciphertext are that `Ring.take` looked at; until it is resized, loaded or released."""

    at: int
    size: int
    primes: int


class Operand:
    """Residues of a plaintext, shape (primes, degree), looked at once: by `Ring.operand`, which makes them."""

    __slots__ = ("_residues", "at", "primes")

    def __init__(self, residues: Residues, at: int):
        self._residues = residues  # kept: their address is used
        self.at, self.primes = at, len(residues)


class Ring:
    """Arithmetic on residues modulo the primes of a plan, and key switching, on objects of one SEAL context.

    Residues have shape (..., primes, degree), are uint64 in C order, and go with the first primes of the chain. What
    is looked at once (`take`, `operand`) is plain integers from then on: a numpy view costs as much as a sum.
    """

    def __init__(self, degree: int, primes: Sequence[int], context: Any):
        self.degree, self.count = degree, len(primes)
        self._context, self._width = context, 8 * degree
        self._moduli = [seal.Modulus(q) for q in primes]  # kept: their addresses are used
        self._at = [_address(m, seal.Modulus) for m in self._moduli]
        self._library = _library()

    def take(self, a: Any) -> Polynomials:
        """A ciphertext of this context in NTT form. Raises TypeError and ValueError for anything else."""
        at = _address(a, seal.Ciphertext)
        if not seal.is_metadata_valid_for(a, self._context) or not a.is_ntt_form() or (size := a.size()) < 2:
            raise ValueError("a ciphertext does not belong to the context, or is not in NTT form")
        if not seal.is_buffer_valid(a) or (primes := a.coeff_modulus_size()) > self.count:
            raise ValueError("a ciphertext is empty")
        return Polynomials(self._library.data(at, 0), size, primes)

    def operand(self, residues: Residues) -> Operand:
        """Residues of shape (primes, degree) for products and sums; shares their memory."""
        if not isinstance(residues, np.ndarray) or residues.ndim != 2:
            raise ValueError("residues are not an array of the shape and type that was due")
        return Operand(residues, self._checked(residues, 2, residues.shape[0]))

    def multiply(self, a: Polynomials, i: int, b: Polynomials, j: int, out: Polynomials, k: int) -> None:
        """Polynomial k of out = polynomial i of a * polynomial j of b."""
        self._pointwise(self._library.multiply, self._part(a, i, out), self._part(b, j, out), out, k)

    def add(self, a: Polynomials, i: int, b: Polynomials, j: int, out: Polynomials, k: int) -> None:
        """Polynomial k of out = polynomial i of a + polynomial j of b; they may be the same."""
        self._pointwise(self._library.add, self._part(a, i, out), self._part(b, j, out), out, k)

    def add_operand(self, a: Polynomials, i: int, operand: Operand, out: Polynomials, k: int) -> None:
        """Polynomial k of out = polynomial i of a + a plaintext."""
        self._pointwise(self._library.add, self._part(a, i, out), self._same_primes(operand, out).at, out, k)

    def add_products(self, pairs: Sequence[tuple[Polynomials, Operand]], out: Polynomials, fresh: bool) -> None:
        """out = Σ a * b, or out += Σ a * b where it is not fresh; `out` is none of them.

        Residue polynomial by residue polynomial, so that the sum and the product stay in the processor's cache: up to a
        fifth faster than SEAL's two calls on whole ciphertexts. Nine tenths of it is the reduction of each product.
        Adding up unreduced products in numpy (low words modulo 2^64, quotients in float64, one reduction at the end)
        takes as long, four times the memory for weights, and primes of at most 50 bits.
        """
        if any(a.size != out.size or a.primes != out.primes for a, _ in pairs):
            raise ValueError("a sum of products takes ciphertexts of one size and level")
        added = [(a.at, self._same_primes(b, out).at) for a, b in pairs]
        degree, width, primes = self.degree, self._width, out.primes
        product = np.empty(degree, np.uint64)
        scratch, multiply, add = product.ctypes.data, self._library.multiply, self._library.add
        for i in range(primes):
            modulus = self._at[i]
            for polynomial in range(out.size):
                offset = (polynomial * primes + i) * width
                at, first = out.at + offset, fresh
                for a, b in added:
                    if first:
                        multiply(a + offset, b + i * width, degree, modulus, at)
                        first = False
                    else:
                        multiply(a + offset, b + i * width, degree, modulus, scratch)
                        add(at, scratch, degree, modulus, at)

    def switch_key(self, evaluator: Any, context: Any, total: Any, polynomial: Residues, keys: Any, index: int) -> None:
        """total += the key switch of a polynomial (primes, degree) in NTT form, by key number `index` of `keys`.

        `evaluator` and `context` are those in which the keys were made. SEAL throws where the ciphertext's fields, the
        parameters of the keys or the number do not fit: all asked here. Whether the key is there and whole is for
        `usable_keys` to say, once.
        """
        if not seal.is_metadata_valid_for(total, context) or not seal.is_buffer_valid(total) or total.size() < 2:
            raise ValueError("a ciphertext does not fit the context of its keys")
        if not total.is_ntt_form():
            raise ValueError("a ciphertext is not in NTT form")
        iterator = _Iterator(0, self._checked(polynomial, 2, total.coeff_modulus_size()), self.degree)
        self._library.switch_key(
            _address(evaluator, seal.Evaluator),
            _address(total, seal.Ciphertext),
            iterator,
            _address(keys, type(keys)),
            index,
            ctypes.addressof(pool := self._library.pool()),
        )
        del pool  # named, so that it outlives the call

    def divide(self, evaluator: Any, context: Any, a: Any, out: Any) -> None:
        """out = a divided by its last prime and rounded, a level lower, and so is the scale; `out` may be `a`."""
        if not seal.is_metadata_valid_for(a, context) or not seal.is_buffer_valid(a) or a.size() < 2:
            raise ValueError("a ciphertext does not fit its context")
        if a.coeff_modulus_size() < 2 or not a.is_ntt_form():
            raise ValueError("a ciphertext has no prime left to divide by, or is not in NTT form")
        self._library.divide(
            _address(evaluator, seal.Evaluator),
            _address(a, seal.Ciphertext),
            _address(out, seal.Ciphertext),
            ctypes.addressof(pool := self._library.pool()),
        )
        del pool

    def _pointwise(self, function: Any, left: int, right: int, out: Polynomials, k: int) -> None:
        to, degree, width = self._part(out, k, out), self.degree, self._width
        for i in range(out.primes):
            function(left + i * width, right + i * width, degree, self._at[i], to + i * width)

    def _part(self, a: Polynomials, i: int, out: Polynomials) -> int:
        """Address of polynomial i."""
        if not 0 <= i < a.size or a.primes != out.primes:
            raise ValueError("ciphertexts do not have the same level and enough polynomials")
        return a.at + i * a.primes * self._width

    @staticmethod
    def _same_primes(operand: Operand, out: Polynomials) -> Operand:
        if type(operand) is not Operand or operand.primes != out.primes:
            raise ValueError("a plaintext operand of the same level was due")
        return operand

    def _checked(self, array: Residues, dimensions: int, primes: int) -> int:
        """Address of an array that has this form."""
        good = isinstance(array, np.ndarray) and array.dtype == np.uint64
        good = good and array.flags.c_contiguous and array.flags.aligned
        if not good or array.ndim != dimensions or array.shape[-2:] != (primes, self.degree) or primes > self.count:
            raise ValueError("residues are not an array of the shape and type that was due")
        return int(array.ctypes.data)


def usable_keys(keys: Any, context: Any) -> bool:
    """Is this a SEAL object of key-switching keys, made in this context, and each of its keys whole?"""
    return type(keys) in (seal.GaloisKeys, seal.RelinKeys) and bool(seal.is_valid_for(keys, context))


def copy(a: Any) -> Any:
    """A ciphertext of its own with the same content."""
    out = seal.Ciphertext()
    _library().copy(_address(out, seal.Ciphertext), _address(a, seal.Ciphertext))
    return out


def residues(ciphertext: Any) -> Residues:
    """The residues of a ciphertext themselves, shape (polynomials, primes, degree): writing to them changes it.

    The array keeps the ciphertext alive; whoever resizes or loads the ciphertext must drop the array first.
    """
    at = _address(ciphertext, seal.Ciphertext)
    shape = (ciphertext.size(), ciphertext.coeff_modulus_size(), ciphertext.poly_modulus_degree())
    if not seal.is_buffer_valid(ciphertext) or 0 in shape:
        raise ValueError("a ciphertext is empty")
    return _view(_library().data(at, 0), shape, ciphertext)


def plaintext_residues(plaintext: Any, degree: int) -> Residues:
    """The residues of a CKKS plaintext themselves, shape (primes, degree)."""
    at, size = _address(plaintext, seal.Plaintext), plaintext.coeff_count()
    words = (ctypes.c_uint64 * (_PLAINTEXT_DATA + 1)).from_address(at)
    if size == 0 or size % degree or words[_PLAINTEXT_SIZE] != size or not seal.is_buffer_valid(plaintext):
        raise ValueError("a plaintext is empty or of another degree")
    return _view(words[_PLAINTEXT_DATA], (size // degree, degree), plaintext)


@lru_cache(maxsize=256)
def galois_permutation(degree: int, element: int) -> NDArray[np.intp]:
    """Where the automorphism x -> x^element takes each residue from, in NTT form (bit-reversed order)."""
    bits = degree.bit_length() - 1
    order = np.arange(degree, dtype=np.uint64)
    raised = (np.uint64(element) * (2 * _reversed(order, bits) + np.uint64(1))) % np.uint64(2 * degree)
    table = _reversed(raised >> np.uint64(1), bits).astype(np.intp)
    table.flags.writeable = False
    return table


def _reversed(numbers: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Numbers with their bits in the opposite order."""
    out = np.zeros_like(numbers)
    for i in range(bits):
        out |= ((numbers >> np.uint64(i)) & np.uint64(1)) << np.uint64(bits - 1 - i)
    return out


def _view(address: int, shape: tuple[int, ...], owner: Any) -> Residues:
    memory: Any = (ctypes.c_uint64 * prod(shape)).from_address(address)
    memory.owner = owner  # numpy keeps `memory` as the base of the array
    return np.frombuffer(memory, np.uint64).reshape(shape)


def _address(thing: Any, kind: type) -> int:
    """Address of the C++ object behind an object of the binding (pybind11: object head, then the pointer)."""
    if type(thing) is not kind:
        raise TypeError(f"{kind.__name__} was due, not {type(thing).__name__}")
    at = ctypes.c_void_p.from_address(id(thing) + 16).value
    if not at:
        raise ValueError(f"an uninitialised {kind.__name__}")
    return at

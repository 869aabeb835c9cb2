"""Arithmetic on ciphertexts, in two ways with the same residues: SEAL's functions called directly, so that threads run
at the same time (`ppc.runtime.he.native`), and SEAL's evaluator through its binding.

`choose` takes the first where a self-check shows, once a process, that both agree; `ppc.runtime.he.ways` asks for it in
steps with work for several threads; `describe` says so.
Errors are the same too: ValueError for what SEAL refuses, a result whose c1 is zero among it.
"""

import os
from functools import cache
from math import frexp, inf
from sys import float_info
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.he import native
from ppc.runtime.he.native import Residues

if TYPE_CHECKING:
    from ppc.runtime.he.context import Context

#: "0" makes a party use SEAL through its binding only.
SWITCH = "PPC_HE_NATIVE"


class Evaluator(Protocol):
    """Ciphertexts are `seal.Ciphertext`s in NTT form; a plaintext operand is what `operand` made.

    Safe to use from several threads, as long as no two work on the same result.
    """

    def operand(self, plaintext: Any) -> Any:
        """What products and sums take of an encoded plaintext; shares its memory."""

    def operand_of(self, residues: Residues, level: int, scale: float) -> Any:
        """The same, of the residues of a plaintext in NTT form, shape (level + 1, degree)."""

    def sum_of_products(self, pairs: list[tuple[Any, Any]], scale: float, total: Any | None = None) -> Any:
        """Σ a * operand over ciphertexts of one size and level, plus `total` (which is changed); at `scale`."""

    def add(self, total: Any, a: Any) -> None:
        """total += a. Sizes may differ, scales may not."""

    def add_plain(self, total: Any, operand: Any) -> None:
        """total += operand. The operand's scale is not looked at."""

    def multiply(self, a: Any, b: Any) -> Any:
        """Tensor product of two ciphertexts of two polynomials: three of them, scale the product of the scales."""

    def relinearise(self, raw: Any, key: Any) -> None:
        """Three polynomials to two, in place."""

    def rescale(self, a: Any) -> None:
        """Divide by the last prime, in place; the scale too."""

    def rotate(self, a: Any, step: int, keys: Any) -> Any:
        """rot(a, step)[i] = a[i + step], for a step in [0, slots) that has one of these keys."""


class OfficialEvaluator:
    """Through the binding: holds the interpreter lock, so threads take turns."""

    def __init__(self, context: "Context"):
        self._context = context

    def operand(self, plaintext: Any) -> Any:
        return plaintext

    def operand_of(self, residues: Residues, level: int, scale: float) -> Any:
        from ppc.runtime.he.limbs import make_plaintext  # which reads through what is chosen here

        return make_plaintext(self._context, level, residues, scale)

    def sum_of_products(self, pairs: list[tuple[Any, Any]], scale: float, total: Any | None = None) -> Any:
        for a, operand in pairs:
            product = seal.Ciphertext()
            self._context.evaluator.multiply_plain(a, operand, product)
            product.scale = scale
            if total is None:
                total = product
            else:
                self._context.evaluator.add_inplace(total, product)
        return total

    def add(self, total: Any, a: Any) -> None:
        self._context.evaluator.add_inplace(total, a)

    def add_plain(self, total: Any, operand: Any) -> None:
        operand.scale = total.scale
        self._context.evaluator.add_plain_inplace(total, operand)

    def multiply(self, a: Any, b: Any) -> Any:
        out = seal.Ciphertext()
        if a is b:
            self._context.evaluator.square(a, out)
        else:
            self._context.evaluator.multiply(a, b, out)
        return out

    def relinearise(self, raw: Any, key: Any) -> None:
        self._context.at(self._context.level(raw)).evaluator.relinearize_inplace(raw, key)

    def rescale(self, a: Any) -> None:
        self._context.evaluator.rescale_to_next_inplace(a)

    def rotate(self, a: Any, step: int, keys: Any) -> Any:
        out = seal.Ciphertext()
        level = self._context.at(self._context.level(a))
        level.evaluator.apply_galois(a, galois_element(step, self._context.degree), keys, out)
        return out


class NativeEvaluator:
    """Without the binding where it counts; every ciphertext is checked against the context when it is taken."""

    def __init__(self, context: "Context"):
        self._context = context
        self._ring = native.Ring(context.degree, context.chain.primes, context.seal)
        self._take = self._ring.take
        self._bits = [context.chain.modulus(level).bit_length() for level in range(context.chain.top + 1)]
        self._usable: dict[int, Any] = {}  # keys that were checked, by id; kept, so that an id stays theirs

    def operand(self, plaintext: Any) -> Any:
        return self._ring.operand(native.plaintext_residues(plaintext, self._context.degree))

    def operand_of(self, residues: Residues, level: int, scale: float) -> Any:
        return self._ring.operand(residues)

    def sum_of_products(self, pairs: list[tuple[Any, Any]], scale: float, total: Any | None = None) -> Any:
        taken = [(self._take(a), operand) for a, operand in pairs]
        if total is None:
            total, fresh = native.copy(pairs[0][0]), True
            total.scale = scale
        else:
            fresh = False
            self._same_scale(total, scale)
        out = self._take(total)
        self._scale_fits(out, scale)
        self._ring.add_products(taken, out, fresh)
        _refuse_transparent(total)
        return total

    def add(self, total: Any, a: Any) -> None:
        added, out = self._take(a), self._take(total)
        self._same_scale(total, a.scale)
        if added.primes != out.primes:
            raise ValueError("a sum takes two ciphertexts at one level")
        both = min(added.size, out.size)
        if added.size > both:
            total.resize(added.size)  # moves the residues
            out = self._take(total)
            native.residues(total)[both:] = native.residues(a)[both:]
        for i in range(both):
            self._ring.add(out, i, added, i, out, i)
        _refuse_transparent(total)

    def add_plain(self, total: Any, operand: Any) -> None:
        out = self._take(total)
        self._ring.add_operand(out, 0, operand, out, 0)
        _refuse_transparent(total)

    def multiply(self, a: Any, b: Any) -> Any:
        x, y = self._take(a), self._take(b)
        if x.size != 2 or y.size != 2 or x.primes != y.primes:
            raise ValueError("a product takes two ciphertexts of two polynomials at one level")
        scale = a.scale * b.scale
        self._scale_fits(x, scale)
        out = native.copy(a)
        out.resize(3)
        out.scale = scale
        z, ring = self._take(out), self._ring
        ring.multiply(x, 0, y, 1, z, 1)
        if a is b:
            ring.add(z, 1, z, 1, z, 1)
        else:
            ring.multiply(x, 1, y, 0, z, 0)  # until it is added
            ring.add(z, 1, z, 0, z, 1)
        ring.multiply(x, 0, y, 0, z, 0)
        ring.multiply(x, 1, y, 1, z, 2)
        _refuse_transparent(out)
        return out

    def relinearise(self, raw: Any, key: Any) -> None:
        size = self._take(raw).size
        if size != 3:
            raise ValueError(f"a product of three polynomials was due, not {size}")
        if not self._known(key, self._context.level(raw)) or not key.has_key(2):
            raise ValueError("no relinearisation key of this level")
        self._switch(raw, native.residues(raw)[2].copy(), key, 0)
        raw.resize(2)
        _refuse_transparent(raw)

    def rescale(self, a: Any) -> None:
        self._take(a)
        self._ring.divide(self._context.evaluator, self._context.seal, a, a)
        _refuse_transparent(a)

    def rotate(self, a: Any, step: int, keys: Any) -> Any:
        size, element = self._take(a).size, galois_element(step, self._context.degree)
        if size != 2:
            raise ValueError(f"a rotation takes two polynomials, not {size}")
        if not self._known(keys, self._context.level(a)) or not keys.has_key(element):
            raise ValueError(f"no Galois key for rotation by {step}")
        order = native.galois_permutation(self._context.degree, element)
        out = native.copy(a)
        source, to = native.residues(a), native.residues(out)
        np.take(source[0], order, axis=1, out=to[0], mode="clip")  # "clip" lets numpy write straight into `out`
        turned = np.take(source[1], order, axis=1, mode="clip")
        to[1] = 0
        self._switch(out, turned, keys, seal.GaloisKeys.get_index(element))
        _refuse_transparent(out)
        return out

    def _switch(self, total: Any, polynomial: Residues, keys: Any, index: int) -> None:
        at = self._context.at(self._context.level(total))
        self._ring.switch_key(at.evaluator, at.seal, total, polynomial, keys, index)

    def _known(self, keys: Any, level: int) -> bool:
        """Keys that are whole and of this level. The long check is made once for each."""
        if self._usable.get(id(keys)) != (level, keys):
            if not native.usable_keys(keys, self._context.at(level).seal):
                return False
            self._usable[id(keys)] = (level, keys)
        return True

    def _scale_fits(self, a: native.Polynomials, scale: float) -> None:
        """As SEAL: log2 of the scale, floored, is less than the bits of the modulus."""
        if not 0 < scale < inf or frexp(scale)[1] - 1 >= self._bits[a.primes - 1]:
            raise ValueError("scale out of bounds")

    @staticmethod
    def _same_scale(a: Any, scale: float) -> None:
        have = a.scale
        if not abs(have - scale) < float_info.epsilon * max(have, scale, 1.0):
            raise ValueError("scale mismatch")


def galois_element(step: int, degree: int) -> int:
    """The Galois element of a left rotation."""
    return pow(3, step, 2 * degree)


def choose(context: "Context") -> Evaluator:
    """The direct one where it works, else the official one."""
    return NativeEvaluator(context) if unavailable() is None else OfficialEvaluator(context)


def describe(threads: int = 1) -> str:
    """Which of them a party with this many threads uses (`ppc.runtime.he.ways`), for the report of a run."""
    if threads == 1:
        return "SEAL through its binding, on one thread"
    if (why := unavailable()) is not None:
        return f"SEAL through its binding, on one of {threads} threads: {why}"
    return f"SEAL, called directly in steps with work for {threads} threads, else through its binding on one"


def unavailable() -> str | None:
    """Why direct calls are not used; None where they are."""
    if os.environ.get(SWITCH) == "0":
        return f"{SWITCH} is 0"
    return native.missing() or difference()


@cache
def difference() -> str | None:
    """Self-check, once: the first operation whose result differs between the two ways, on random ciphertexts."""
    from ppc.runtime.he.self_check import first_difference

    return first_difference()


def _refuse_transparent(a: Any) -> None:
    """As SEAL does."""
    if a.is_transparent():
        raise ValueError("result ciphertext is transparent")

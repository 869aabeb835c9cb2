"""Batch-packed ciphertexts, and what is computed on them before their memory is needed.

With one sample a slot, an element of a tensor is a ciphertext, and a linear layer, a bias, a square and a sum act on
every coefficient of the NTT form alone. So a chain of them, up to the next key switch, is evaluated for one block of
coefficients of one prime at a time: what lies between never exists as a whole, and stays in the cache. A `Pending` is
such a chain; `materialise` runs it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ppc.runtime.he.batch_matrix import BlockMatrix
from ppc.runtime.he.batch_modular import Modulus, Parts, Residues, Scratch

#: Words that the largest value of a block takes: blocks are as wide as this allows.
_BLOCK_WORDS = 1 << 19
_NARROWEST, _WIDEST = 128, 4096


class Pending(Protocol):
    """A batch-packed value: `elements` ciphertexts of `polynomials` polynomials in NTT form, at one level and scale."""

    @property
    def elements(self) -> int: ...
    @property
    def polynomials(self) -> int: ...
    @property
    def level(self) -> int: ...
    @property
    def scale(self) -> float: ...
    @property
    def operands(self) -> "tuple[Pending, ...]": ...

    def block(self, operands: Sequence[Residues], at: "Place", out: Residues) -> None:
        """Compute a block, shape (elements, polynomials, n), from those of the operands."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a block lies: a prime and a range of coefficients; and the memory of its thread."""

    prime: int
    modulus: Modulus
    start: int
    stop: int
    scratch: Scratch


@dataclass(frozen=True)
class Held:
    """Ciphertexts in memory."""

    residues: Residues  # (elements, polynomials, level + 1, N)
    scale: float

    operands: tuple[Pending, ...] = ()

    @property
    def elements(self) -> int:
        return self.residues.shape[0]

    @property
    def polynomials(self) -> int:
        return self.residues.shape[1]

    @property
    def level(self) -> int:
        return self.residues.shape[2] - 1

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        raise AssertionError("what is held is read, not computed")


@dataclass(frozen=True)
class _Computed:
    operands: tuple[Pending, ...]
    elements: int
    polynomials: int
    scale: float

    @property
    def level(self) -> int:
        return self.operands[0].level


@dataclass(frozen=True)
class Affine(_Computed):
    """W x + b with integers W and b; b counts units of the result's scale."""

    matrix: BlockMatrix
    bias: tuple[int, ...]

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        q = at.modulus
        parts = Parts.of(q.bits, self.matrix.row_sum)
        assert parts is not None, "checked where the matrix was made"
        self.matrix.times(operands[0], [b % q.value for b in self.bias], q, parts, out, at.scratch)


@dataclass(frozen=True)
class Square(_Computed):
    """x², as three polynomials that are not relinearised."""

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        (x,) = operands
        q, scratch = at.modulus, at.scratch
        words = scratch.words(len(x), x.shape[2])
        for k, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
            q.multiply(x[:, i], x[:, j] if i != j else x[:, i], words, scratch)
            if i != j:
                q.double(words, scratch)
            out[:, k] = words
        scratch.give(words)


@dataclass(frozen=True)
class Product(_Computed):
    """x·y, as three polynomials that are not relinearised."""

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        x, y = operands
        q, scratch = at.modulus, at.scratch
        words, other = scratch.words(len(x), x.shape[2]), scratch.words(len(x), x.shape[2])
        for k, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
            q.multiply(x[:, i], y[:, j], words, scratch)
            if i != j:
                q.multiply(x[:, j], y[:, i], other, scratch)
                q.add(words, other, words, scratch)
            out[:, k] = words
        scratch.give(words, other)


@dataclass(frozen=True)
class Sum(_Computed):
    """x + y, or x − y; a missing polynomial is zero."""

    negative: bool = False

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        x, y = operands
        both, scratch = min(x.shape[1], y.shape[1]), at.scratch
        left, right = scratch.words(len(x), both, x.shape[2]), scratch.words(len(x), both, x.shape[2])
        left[...], right[...] = x[:, :both], y[:, :both]
        (at.modulus.subtract if self.negative else at.modulus.add)(left, right, left, scratch)
        out[:, :both] = left
        scratch.give(left, right)
        if x.shape[1] > both:
            out[:, both:] = x[:, both:]
        elif y.shape[1] > both:
            rest = y[:, both:]
            out[:, both:] = np.where(rest == 0, rest, np.uint64(at.modulus.value) - rest) if self.negative else rest


@dataclass(frozen=True)
class Select(_Computed):
    """Elements of x, by index."""

    index: tuple[int, ...]

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        out[...] = operands[0][list(self.index)]


def materialise(value: Pending, primes: Sequence[int], threads: int = 1) -> Held:
    """Compute a value. `primes`: those of the chain, q_0 first."""
    if isinstance(value, Held):
        return value
    order = _ordered(value)
    degree = next(v.residues.shape[3] for v in order if isinstance(v, Held))
    out = np.empty((value.elements, value.polynomials, value.level + 1, degree), np.uint64)
    width = _width(order, degree)
    moduli = [Modulus(q) for q in primes[: value.level + 1]]
    places = [(k, start) for k in range(len(moduli)) for start in range(0, degree, width)]

    def run(mine: Sequence[tuple[int, int]]) -> None:
        scratch = Scratch()
        for k, start in mine:
            at = Place(k, moduli[k], start, start + width, scratch)
            _block(order, at, out[:, :, k, start : start + width])

    _in_threads(run, places, threads)
    return Held(out, value.scale)


def _in_threads(
    run: Callable[[Sequence[tuple[int, int]]], None], places: Sequence[tuple[int, int]], threads: int
) -> None:
    if threads == 1 or len(places) == 1:
        return run(places)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run, places[i::threads]) for i in range(threads)]:
            done.result()


def _ordered(value: Pending) -> list[Pending]:
    """Every value that this one is made of, operands first, itself last."""
    order: list[Pending] = []
    seen: set[int] = set()
    todo: list[tuple[Pending, bool]] = [(value, False)]
    while todo:
        v, ready = todo.pop()
        if ready:
            order.append(v)
        elif id(v) not in seen:
            seen.add(id(v))
            todo.append((v, True))
            todo += [(o, False) for o in v.operands]
    return order


def _width(order: Sequence[Pending], degree: int) -> int:
    largest = max(v.elements * v.polynomials for v in order)
    fitting = max(_NARROWEST, min(_WIDEST, _BLOCK_WORDS // largest))
    return min(degree, 1 << (fitting.bit_length() - 1))


def _block(order: Sequence[Pending], at: Place, out: Residues) -> None:
    """One block of the last value of `order`. Memory of the others is given back after their last use."""
    last = {id(o): i for i, v in enumerate(order) for o in v.operands}
    blocks: dict[int, Residues] = {}
    for i, v in enumerate(order):
        if isinstance(v, Held):
            blocks[id(v)] = v.residues[:, :, at.prime, at.start : at.stop]
            continue
        block = at.scratch.words(v.elements, v.polynomials, at.stop - at.start)
        v.block([blocks[id(o)] for o in v.operands], at, block)
        for o in {id(o): o for o in v.operands}.values():
            if last[id(o)] == i and not isinstance(o, Held):
                at.scratch.give(blocks.pop(id(o)))
        blocks[id(v)] = block
    out[...] = blocks[id(order[-1])]
    at.scratch.give(blocks[id(order[-1])])

"""Batch-packed ciphertexts, and what is computed on them before their memory is needed.

With one sample a slot, an element of a tensor is a ciphertext, and a linear layer, a bias, a square and a sum act on
every coefficient of the NTT form alone. So a chain of them, up to the next key switch, is evaluated for one block of
coefficients of one prime at a time: what lies between never exists as a whole, and stays in the cache. A `Pending` is
such a chain; `materialise` runs it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np

from ppc.runtime.blas import one_thread
from ppc.runtime.he.batch_matrix import BlockMatrix
from ppc.runtime.he.batch_modular import Floats, Modulus, Residues, Scratch, Scratches
from ppc.runtime.he.schedule import Workers

#: Words that the largest value of a block takes: blocks are as wide as this allows.
BLOCK_WORDS = 1 << 19
_NARROWEST, _WIDEST = 128, 4096
#: Words of one array where an operation passes over several of them many times.
_ROWS_WORDS = 1 << 15


class Pending(Protocol):
    """A batch-packed value, at one level and scale: in each of its groups of samples `elements` ciphertexts of
    `polynomials` polynomials in NTT form."""

    @property
    def groups(self) -> int: ...

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
        """Compute a block, shape (polynomials, elements, n), from those of the operands."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a block lies: a group, a prime and a range of coefficients; and the memory of its thread."""

    group: int
    prime: int
    modulus: Modulus
    start: int
    stop: int
    scratch: Scratch


@dataclass(frozen=True)
class Held:
    """Ciphertexts in memory."""

    residues: Residues  # (groups * elements, polynomials, level + 1, N)
    scale: float
    groups: int = 1

    operands: tuple[Pending, ...] = ()

    @property
    def elements(self) -> int:
        return len(self.residues) // self.groups

    @property
    def polynomials(self) -> int:
        return int(self.residues.shape[1])

    @property
    def level(self) -> int:
        return int(self.residues.shape[2]) - 1

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        raise AssertionError("what is held is read, not computed")


@dataclass(frozen=True)
class _Computed:
    operands: tuple[Pending, ...]
    elements: int
    polynomials: int
    scale: float

    @property
    def groups(self) -> int:
        return self.operands[0].groups

    @property
    def level(self) -> int:
        return self.operands[0].level


@dataclass(frozen=True)
class Affine(_Computed):
    """W x + b with integers W and b; b counts units of the result's scale."""

    matrix: BlockMatrix
    bias: tuple[int, ...]
    cuts: dict[int, Floats] = field(default_factory=dict, repr=False)  # prime -> bias in parts

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        for k, (x, y) in enumerate(zip(operands[0], out, strict=True)):
            # in NTT form a constant is the same everywhere, and it is all in polynomial 0
            self.matrix.times(x, None if k else self.cut_bias(at.modulus), at.modulus, y, at.scratch)

    def cut_bias(self, q: Modulus) -> Floats:
        """The bias modulo q in parts, shape (parts, elements): made once a prime, read by every block."""
        if q.value not in self.cuts:
            parts = self.matrix.parts(q)
            self.cuts[q.value] = np.array([parts.of_number(b % q.value) for b in self.bias]).T
        return self.cuts[q.value]


@dataclass(frozen=True)
class Square(_Computed):
    """x², as three polynomials that are not relinearised."""

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        q, scratch = at.modulus, at.scratch
        for x, y in _by_rows(operands[0], out):
            q.multiply(x[0], x[0], y[0], scratch)
            q.multiply(x[0], x[1], y[1], scratch)
            q.add(y[1], y[1], y[1], scratch)
            q.multiply(x[1], x[1], y[2], scratch)


@dataclass(frozen=True)
class Product(_Computed):
    """x·y, as three polynomials that are not relinearised."""

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        q, scratch = at.modulus, at.scratch
        for x, y, z in _by_rows(*operands, out):
            other = scratch.words(*z[1].shape)
            q.multiply(x[0], y[0], z[0], scratch)
            q.multiply(x[0], y[1], z[1], scratch)
            q.multiply(x[1], y[0], other, scratch)
            q.add(z[1], other, z[1], scratch)
            q.multiply(x[1], y[1], z[2], scratch)
            scratch.give(other)


@dataclass(frozen=True)
class Sum(_Computed):
    """x + y, or x − y; a polynomial that one of them lacks is zero there."""

    negative: bool = False

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        x, y = operands
        q, both = at.modulus, min(len(x), len(y))
        for left, right, z in _by_rows(x[:both], y[:both], out[:both]):
            (q.subtract if self.negative else q.add)(left, right, z, at.scratch)
        if len(x) > both:
            out[both:] = x[both:]
        elif self.negative:
            out[both:] = 0
            for right, z in _by_rows(y[both:], out[both:]):
                q.subtract(z, right, z, at.scratch)
        else:
            out[both:] = y[both:]


@dataclass(frozen=True)
class Lowered(_Computed):
    """x without its last primes."""

    lower: int

    @property
    def level(self) -> int:
        return self.lower

    def block(self, operands: Sequence[Residues], at: Place, out: Residues) -> None:
        out[...] = operands[0]


def _by_rows(*arrays: Residues) -> Iterator[tuple[Residues, ...]]:
    """The arrays, some rows at a time: what an operation of many passes works on fits the second-level cache."""
    _, rows, n = arrays[0].shape
    step = max(1, _ROWS_WORDS // n)
    for at in range(0, rows, step):
        yield tuple(a[:, at : at + step] for a in arrays)


def materialise(value: Pending, primes: Sequence[int], workers: Workers, scratches: Scratches | None = None) -> Held:
    """Compute a value. `primes`: those of the chain, q_0 first. `scratches`: memory that stays for other values."""
    if isinstance(value, Held):
        return value
    order = _ordered(value)
    degree = next(v.residues.shape[3] for v in order if isinstance(v, Held))
    each = value.elements
    out = np.empty((value.groups * each, value.polynomials, value.level + 1, degree), np.uint64)
    width = _width(order, degree)
    moduli = [Modulus(q) for q in primes[: value.level + 1]]
    memory = scratches or Scratches()
    # a free thread takes the next block, so that one on a slow core holds nobody up; `next` is atomic
    places = iter(list(product(range(value.groups), range(len(moduli)), range(0, degree, width))))

    def run(_: int) -> None:
        with memory.one() as scratch:
            for g, k, start in places:
                at = Place(g, k, moduli[k], start, start + width, scratch)
                _block(order, at, out[g * each : (g + 1) * each, :, k, start : start + width])

    # a BLAS with threads of its own would have several for each of ours, which was seen to take ten times as long
    with one_thread():
        workers.map(run, range(workers.threads))
    return Held(out, value.scale, value.groups)


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
    fitting = max(_NARROWEST, min(_WIDEST, BLOCK_WORDS // largest))
    return min(degree, 1 << (fitting.bit_length() - 1))


def _block(order: Sequence[Pending], at: Place, out: Residues) -> None:
    """One block of the last value of `order`. Memory of the others is given back after their last use."""
    last = {id(o): i for i, v in enumerate(order) for o in v.operands}
    blocks: dict[int, Residues] = {}
    for i, v in enumerate(order):
        if isinstance(v, Held):
            mine = slice(at.group * v.elements, (at.group + 1) * v.elements)
            blocks[id(v)] = v.residues[mine, :, at.prime, at.start : at.stop].transpose(1, 0, 2)
            continue
        block = at.scratch.words(v.polynomials, v.elements, at.stop - at.start)
        v.block([blocks[id(o)] for o in v.operands], at, block)
        for o in {id(o): o for o in v.operands}.values():
            if last[id(o)] == i and not isinstance(o, Held):
                at.scratch.give(blocks.pop(id(o)))
        blocks[id(v)] = block
    out[...] = blocks[id(order[-1])].transpose(1, 0, 2)
    at.scratch.give(blocks[id(order[-1])])

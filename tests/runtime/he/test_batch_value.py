"""Chains of pending operations against Python's integers: for any block width and number of threads."""

import numpy as np
import pytest

from ppc.runtime import blas
from ppc.runtime.he import batch_value
from ppc.runtime.he.batch_matrix import BlockMatrix
from ppc.runtime.he.batch_value import Affine, Held, Lowered, Product, Square, Sum, materialise
from ppc.runtime.he.schedule import Workers
from ppc.runtime.levels import coefficient_primes

DEGREE, PRIMES = 1024, coefficient_primes(1024, (40, 56, 50))
RNG = np.random.default_rng(0)


def held(elements, polynomials=2, level=2):
    residues = np.empty((elements, polynomials, level + 1, DEGREE), np.uint64)
    for k in range(level + 1):
        residues[:, :, k] = RNG.integers(0, PRIMES[k], (elements, polynomials, DEGREE), dtype=np.uint64)
    return Held(residues, 2.0**20)


def affine(x, weights, bias):
    outputs, inputs = weights.shape
    matrix = BlockMatrix.of([(range(outputs), range(inputs))], weights.reshape(-1).astype(float), outputs, inputs)
    return Affine((x,), outputs, x.polynomials, x.scale, matrix, tuple(bias))


def exact(value, k):
    """Polynomials modulo prime k as an object array of shape (elements, polynomials, N), by definition."""
    q = PRIMES[k]
    if isinstance(value, Held):
        return value.residues[:, :, k].astype(object)
    operands = [exact(o, k) for o in value.operands]
    if isinstance(value, Affine):
        weights = value.matrix.groups[0].values[0].astype(np.int64).astype(object)
        found = np.tensordot(weights, operands[0], 1)
        found[:, 0] += np.array(value.bias, object)[:, None]
    elif isinstance(value, (Square, Product)):
        x, y = operands[0], operands[-1]
        found = np.stack([x[:, 0] * y[:, 0], x[:, 0] * y[:, 1] + x[:, 1] * y[:, 0], x[:, 1] * y[:, 1]], axis=1)
    elif isinstance(value, Sum):
        x, y = (np.concatenate([o, 0 * o[:, :1]], 1)[:, : value.polynomials] for o in operands)
        found = x - y if value.negative else x + y
    else:
        found = operands[0]
    return found % q


def square(x):
    return Square((x,), x.elements, 3, x.scale**2)


@pytest.fixture
def value():
    """Two inputs, of which one is read twice; every operation; the last prime dropped."""
    x, y = held(7), held(5)
    weights = RNG.integers(-(2**18), 2**18, (5, 7))
    h = affine(x, weights, [int(b) for b in RNG.integers(-(2**62), 2**62, 5)])
    product = Product((h, y), 5, 3, 1.0)
    total = Sum((product, h), 5, 3, 1.0)
    less = Sum((y, square(h)), 5, 3, 1.0, negative=True)
    both = Sum((total, less), 5, 3, 1.0, negative=True)
    return Lowered((affine(both, RNG.integers(-9, 9, (3, 5)), [0, -1, 2**70]),), 3, 3, 1.0, 1)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("words", [1 << 10, 1 << 13, 1 << 30])
def test_a_chain_is_exact_in_blocks_of_any_width(value, threads, words, monkeypatch):
    monkeypatch.setattr(batch_value, "BLOCK_WORDS", words)
    monkeypatch.setattr(batch_value, "_ROWS_WORDS", 700)  # rows of a block in several pieces
    found = materialise(value, PRIMES, Workers(threads))
    assert found.residues.shape == (3, 3, 2, DEGREE) and found.level == 1
    for k in range(2):
        assert (found.residues[:, :, k].astype(object) == exact(value, k)).all()


def test_what_is_held_is_not_computed_again():
    x = held(2)
    assert materialise(x, PRIMES, Workers(1)) is x


def test_an_error_in_a_block_is_raised():
    x = held(3)
    broken = Sum((x, held(2)), 3, 2, 1.0)
    for threads in (1, 2):
        with pytest.raises(ValueError):
            materialise(broken, PRIMES, Workers(threads))


def test_blas_has_one_thread_inside_and_what_it_had_before_outside():
    counts = [get for get, _ in blas._switches()]
    before = [get() for get in counts]
    with blas.one_thread(), blas.one_thread():
        assert all(get() == 1 for get in counts)
    assert [get() for get in counts] == before

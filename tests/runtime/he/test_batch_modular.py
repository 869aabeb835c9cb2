"""Arithmetic modulo RNS primes against Python's integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc.runtime.he.batch_matrix import BlockMatrix
from ppc.runtime.he.batch_modular import Modulus, Parts, Scratch
from ppc.runtime.levels import MOST_BATCH_PRIME_BITS, MOST_ROW_SUM, coefficient_primes

PRIMES = [coefficient_primes(8192, (bits,))[0] for bits in (30, 36, 49, 50, 54, MOST_BATCH_PRIME_BITS)]
EDGES = [0, 1, 2, -1, -2, 0.5]  # as residues: small, just below q, about q/2


def numbers(q, rng, count):
    """Residues, the extreme ones among them."""
    edges = [int(e * q) if isinstance(e, float) else e % q for e in EDGES]
    return np.concatenate([np.array(edges, np.uint64), rng.integers(0, q, count, dtype=np.uint64)])


def ints(array):
    return [int(x) for x in array.reshape(-1)]


@pytest.mark.parametrize("q", PRIMES)
def test_products_sums_and_differences_are_exact(q):
    rng, modulus, scratch = np.random.default_rng(q % 1000), Modulus(q), Scratch()
    x = numbers(q, rng, 3000)
    a, b = (g.reshape(-1).copy() for g in np.meshgrid(x[:40], x))
    out = np.empty_like(a)
    for function, exact in (
        (modulus.multiply, lambda i, j: i * j),
        (modulus.add, lambda i, j: i + j),
        (modulus.subtract, lambda i, j: i - j),
    ):
        function(a, b, out, scratch)
        assert ints(out) == [exact(i, j) % q for i, j in zip(ints(a), ints(b), strict=True)]
    modulus.multiply(a, a, out, scratch)
    assert ints(out) == [i * i % q for i in ints(a)]


@settings(max_examples=60, deadline=None)
@given(q=st.sampled_from(PRIMES), magnitude=st.integers(0, 37), seed=st.integers(0, 2**32 - 1))
def test_a_matrix_times_residues_is_exact_however_large_its_rows(q, magnitude, seed):
    rng, modulus = np.random.default_rng(seed), Modulus(q)
    x = numbers(q, rng, 20).reshape(2, 13).repeat(3, axis=0)
    weights = rng.integers(-(1 << magnitude), (1 << magnitude) + 1, (4, 6)).astype(np.float64)
    weights[0] = (1 << magnitude) / 6 // 1
    matrix = BlockMatrix.of([(range(4), range(6))], weights.reshape(-1), 4, 6)
    bias = [int(b) % q for b in rng.integers(-(2**62), 2**62, 4)]
    parts = matrix.parts(modulus)
    cut = np.array([parts.of_number(b) for b in bias]).T
    out = np.empty((4, 13), np.uint64)
    matrix.times(x, cut, modulus, out, Scratch())
    used = [[int(w) for w in row] if any(row) else [1, 0, 0, 0, 0, 0] for row in weights]
    for row, b, found in zip(used, bias, out, strict=True):
        assert ints(found) == [(sum(w * int(x[i, j]) for i, w in enumerate(row)) + b) % q for j in range(x.shape[1])]


def test_blocks_of_several_shapes_in_any_order_are_the_sparse_matrix():
    q, rng = PRIMES[-1], np.random.default_rng(0)
    modulus = Modulus(q)
    blocks = [([3, 0], [1, 4, 5]), ([1, 5], [0, 2, 4]), ([2], [5]), ([4], [0])]
    values = rng.integers(-1000, 1000, 14).astype(np.float64)
    dense, at = np.zeros((6, 6), object), 0
    for rows, cols in blocks:
        for r in rows:
            for c in cols:
                dense[r, c], at = int(values[at]), at + 1
    x = rng.integers(0, q, (6, 50), dtype=np.uint64)
    out = np.empty((6, 50), np.uint64)
    BlockMatrix.of(blocks, values, 6, 6).times(x, None, modulus, out, Scratch())
    assert (out.astype(object) == dense.dot(x.astype(object)) % q).all()


def test_a_row_of_zeros_stays_a_ciphertext():
    matrix = BlockMatrix.of([([0, 1], [0, 1])], np.array([0.0, 0.0, 3.0, 0.0]), 2, 2)
    assert matrix.groups[0].values.tolist() == [[[1.0, 0.0], [3.0, 0.0]]]


@pytest.mark.parametrize(
    ("blocks", "count"),
    [
        ([([0], [0])], 1),  # output 1 is in no block
        ([([0, 1], [0]), ([1], [1])], 3),  # output 1 is in two
        ([([0, 1], [0])], 3),  # more values than entries
        ([([0, 1], [0, 2])], 4),  # reads input 2 of 2
        ([([0, 2], [0])], 2),  # writes output 2 of 2
        ([([0, -1], [0])], 2),
        ([([0, 1], [])], 0),
    ],
)
def test_blocks_that_are_no_matrix_are_refused(blocks, count):
    with pytest.raises(ValueError, match="block"):
        BlockMatrix.of(blocks, np.ones(count), 2, 2)


def test_rows_without_exact_sums_are_refused():
    with pytest.raises(ValueError, match="sum to"):
        BlockMatrix.of([([0], [0])], np.array([MOST_ROW_SUM * 2]), 1, 1)
    with pytest.raises(ValueError, match="takes 56"):
        Modulus(coefficient_primes(8192, (60,))[0])


@pytest.mark.parametrize("bits", [20, 36, 54, 56])
@pytest.mark.parametrize("row_sum", [1.0, 2.0**20, 2.0**30, MOST_ROW_SUM])
def test_parts_give_the_residue_back_and_leave_room_for_the_sum(bits, row_sum):
    parts = Parts.of(bits, row_sum)
    assert (row_sum + 1) * 2.0**parts.bits <= 2.0**53
    x = np.array([0, 1, (1 << bits) - 1, (1 << bits) // 3], np.uint64)
    cut = np.empty((parts.count, 4))
    parts.split(x, cut)
    assert cut.min() >= 0 and cut.max() < 2.0**parts.bits
    assert [sum(int(c) << (parts.bits * k) for k, c in enumerate(column)) for column in cut.T] == ints(x)
    assert [parts.of_number(n) for n in ints(x)] == cut.T.tolist()

"""Integers as limbs, against Python's."""

import random
from math import prod

import numpy as np
import pytest

from ppc.runtime.he import wide

EDGES = [-(2**63), 2**63 - 1, 0, -1, 1, 65535, 65536, -65536, -65537, 2**48, -(2**48)]
PRIMES = [1152921504606830593, 1125899906826241, 1099511590913, 576460752303415297]


def integers(limbs):
    assert all(((limb >= 0) & (limb < 65536)).all() for limb in limbs[:-1])
    return [sum(int(limb) << (16 * t) for t, limb in enumerate(column)) for column in limbs.reshape(len(limbs), -1).T]


@pytest.fixture(scope="module")
def drawn():
    chance = random.Random(0)
    return EDGES + [chance.randrange(-(2**63), 2**63) >> chance.randrange(63) for _ in range(200)]


def test_arithmetic(drawn):
    limbs = wide.of_int64(np.array(drawn, np.int64))
    assert integers(limbs) == drawn
    for factor in (0, 1, 3, 65535, 65536, 2**52 + 1, 2**53 - 1):
        assert integers(wide.times(limbs, factor)) == [x * factor for x in drawn]
        assert integers(wide.trimmed(wide.times(limbs, factor))) == [x * factor for x in drawn]
    assert integers(wide.add(limbs, wide.times(limbs, 12345))) == [x * 12346 for x in drawn]
    for bits in (1, 15, 16, 17, 40, 63, 64, 100):
        assert integers(wide.rounded_shift(limbs, bits)) == [(x + (1 << bits - 1)) >> bits for x in drawn]


def test_words_of_any_place(drawn):
    large = wide.times(wide.times(wide.of_int64(np.array(drawn, np.int64)), 2**53 - 1), 2**53 - 3)
    for shift in (0, 1, 15, 16, 17, 58, 64, 70, 90, 120, 150, 200, 300):
        want = [((x >> shift) + 2**63) % 2**64 - 2**63 for x in integers(large)]
        assert wide.low_words(large, shift).tolist() == want


def test_remainders_and_back():
    chance = random.Random(1)
    for count in range(1, 5):
        primes = PRIMES[:count]
        modulus = prod(primes)
        half = modulus // 2
        values = [0, 1, -1, half, -half, half - 1, 1 - half]
        values += [chance.randrange(-half, half + 1) for _ in range(200)]
        found = np.array([[x % p for x in values] for p in primes], np.uint64)
        limbs = wide.centred(found, primes)
        assert integers(limbs) == values
        assert (wide.residues(limbs, primes) == found).all()
        assert (wide.residues(limbs[:, :7].reshape(len(limbs), 7, 1), primes)[..., 0] == found[:, :7]).all()
        short = wide.centred(found, primes, 3)
        assert [x % 2**48 for x in integers(short)] == [x % 2**48 for x in values]
        assert len(short) == min(3, len(limbs))


def test_extended_precision():
    values = np.array([0, 1, -1, 2.0**70 + 2**30, -(2.0**90), 123456789, -(2.0**47)], np.longdouble)
    limbs = wide.of_longdouble(values)
    assert integers(limbs) == [int(x) for x in values]
    assert (wide.to_longdouble(limbs) == values).all()

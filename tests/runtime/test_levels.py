"""The compiler's arithmetic of primes and scales is SEAL's."""

import pytest
import tenseal.sealapi as seal

from ppc.runtime.levels import MASK_BITS, MAX_MODULUS_BITS, Chain, coefficient_primes, is_prime


@pytest.mark.parametrize(
    "degree,bits",
    [
        (4096, (54, 55)),
        (8192, (60, 50, 48, 60)),
        (8192, (54, 54, 54, 54)),
        (16384, (60, 40, 40, 40, 50, 50, 60)),
        (32768, (60,) * 14),
    ],
)
def test_primes_are_those_of_seal(degree, bits):
    assert coefficient_primes(degree, bits) == tuple(m.value() for m in seal.CoeffModulus.Create(degree, list(bits)))


def test_security_table_is_that_of_seal():
    for degree, bits in MAX_MODULUS_BITS.items():
        assert seal.CoeffModulus.MaxBitCount(degree, seal.SEC_LEVEL_TYPE.TC128) == bits


def test_chain():
    chain = Chain.of(8192, [60, 50, 48, 60])
    assert chain.top == 2
    assert chain.modulus(1) == chain.primes[0] * chain.primes[1]
    assert [chain.exit_level(level, 2.0**49) for level in range(3)] == [0, 1, 1]
    assert chain.exit_level(2, 2.0**60) == 2, "a larger scale needs more modulus, where 110 bits are not enough"
    assert chain.mask_bits(0, 2.0**49) == 7 and chain.mask_bits(2, 2.0**49) == MASK_BITS
    assert chain.mask_bits(0, 2.0**59) == 0
    with pytest.raises(ValueError, match="no 3 primes of 15 bits"):
        coefficient_primes(8192, (15, 15, 15))


def test_prime_test():
    assert [n for n in range(60) if is_prime(n)] == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59]
    assert not is_prime(3215031751) and not is_prime(3825123056546413051)  # strong pseudoprimes to small bases
    assert is_prime((1 << 61) - 1)

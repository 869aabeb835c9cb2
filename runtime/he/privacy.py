"""Circuit privacy by flooding: what the server does to a ciphertext before its owner decrypts it.

The owner of the secret key sees, beside the result, c1, the noise, and the slots that the layout does not use; all
three depend on the weights. So the server adds
- a fresh encryption of zero under the public key: c1 becomes pseudo-random even for the owner of the key (RLWE with
  the encryption's own ephemeral secret);
- to each coefficient an integer uniform in [-2^(b-1), 2^(b-1)), b = flood_bits: noise of the computation below
  2^(b-1-sigma) is hidden but for a statistical distance of 2^-sigma a coefficient. The error of a slot becomes about
  2^(b-1)·sqrt(N/6) / S;
- to each slot that no element lies in, a uniform number of `Chain.mask_bits` bits, as many as the modulus of this
  level has room for; what lay there, if below 2^(mask_bits - sigma), is hidden by sigma bits.
The last is a second line: the lowering multiplies a value that is revealed with a mask of ones and zeros, so that
unused slots hold nothing but noise, which the flooding hides. A plan that leaves partial sums there has to give the
result a level with MASK_BITS of room.
"""

import secrets
from math import log2
from typing import Any

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.he import limbs, wide
from ppc.runtime.he.context import Context
from ppc.runtime.he.embedding import integer_coefficients
from ppc.runtime.he.keys import ServerKeys
from ppc.runtime.he.random import uniform_integers
from ppc.runtime.he.wide import Limbs
from ppc.runtime.layout import Layout


def flood(context: Context, keys: ServerKeys, data: list[Any], layout: Layout, flood_bits: int) -> list[Any]:
    """Ciphertexts that are safe to show to the owner of the key. Raises PartyError PPC6006 where there is no room."""
    used = np.zeros(len(data) * context.slots, bool)
    used[layout.addresses()] = True
    return [
        _flood(context, keys, c, free, flood_bits) for c, free in zip(data, ~used.reshape(len(data), -1), strict=True)
    ]


def rerandomised(context: Context, keys: ServerKeys, ciphertext: Any) -> Any:
    """A new encryption of the same value: plus Enc(0) under the public key."""
    zero = seal.Ciphertext()
    keys.encryptor.encrypt_zero(ciphertext.parms_id(), zero)
    zero.scale = ciphertext.scale
    context.evaluator.add_inplace(zero, ciphertext)
    return zero


def _flood(context: Context, keys: ServerKeys, ciphertext: Any, free: NDArray[np.bool_], flood_bits: int) -> Any:
    level, scale = context.level(ciphertext), ciphertext.scale
    if flood_bits < 1 or flood_bits + 1 >= log2(context.chain.modulus(level)):
        raise PartyError("PPC6006", f"a flood of {flood_bits} bits does not fit the modulus of level {level}")
    noise = uniform_integers(context.degree, flood_bits)
    bits = context.chain.mask_bits(level, scale)
    if free.any() and bits > 0:
        noise = wide.add(noise, slot_mask(free, bits, scale))
    primes = context.chain.primes[: level + 1]
    residues = wide.residues(noise, primes)
    fresh = rerandomised(context, keys, ciphertext)
    polynomials = limbs.ciphertext_residues(fresh)
    polynomials[0] = limbs.add_residues(polynomials[0], limbs.to_ntt(context, level, residues[None])[0], primes)
    return limbs.make_ciphertext(context, level, polynomials, scale)


def slot_mask(free: NDArray[np.bool_], bits: int, scale: float) -> Limbs:
    """Integer coefficients, shape (limbs, N), of a polynomial that is uniform in ±2^(bits-1) on free slots, else 0.

    Needs the extended precision of `embedding`: in float64 a mask of 2^40 leaves an error of 2^-12 on used slots.
    """
    slots = len(free)
    raw = np.frombuffer(secrets.token_bytes(8 * slots), np.int64)  # 63 random bits after the sign
    values = np.where(free, np.ldexp(raw.astype(np.longdouble), bits - 64), np.longdouble(0))
    return integer_coefficients(values * np.longdouble(scale))

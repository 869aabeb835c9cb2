"""Do SEAL's functions, called directly, give what its evaluator gives? On random ciphertexts under a key of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.he import native
from ppc.runtime.he.blob import dump
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.he.evaluator import NativeEvaluator, OfficialEvaluator, galois_element

_STEP = 5
_SCALE = 2.0**20


def first_difference() -> str | None:
    """What went wrong, in words; None where everything agrees.

    Three primes at degree 4096, so that there are levels, digits and a special prime. Compares saved bytes: residues,
    level and scale.
    """
    context = Context(Parameters(4096, (36, 36, 37), {1: (_STEP,)}, (1,)))
    generator, public, keys, relin = (
        seal.KeyGenerator(context.seal),
        seal.PublicKey(),
        seal.GaloisKeys(),
        seal.RelinKeys(),
    )
    generator.create_public_key(public)
    generator.create_galois_keys([galois_element(_STEP, context.degree)], keys)
    generator.create_relin_keys(relin)
    encryptor = seal.Encryptor(context.seal, public)
    plaintexts, ciphertexts = [], []
    for scale in (1.0, 3.0):
        plaintexts.append(context.encode(np.linspace(-scale, scale, context.slots), 1, _SCALE))
        ciphertexts.append(seal.Ciphertext())
        encryptor.encrypt(plaintexts[-1], ciphertexts[-1])

    def views(_: Any) -> Any:
        (a, _), (p, _) = ciphertexts, plaintexts
        for thing, seen in ((a, native.residues(a)), (p, native.plaintext_residues(p, context.degree))):
            flat = seen.reshape(-1)
            if any(int(flat[i]) != thing[i] for i in range(0, flat.size, 997)) or int(flat[-1]) != thing[flat.size - 1]:
                raise ValueError("other residues")
        return a

    def product(e: Any) -> Any:
        raw = e.multiply(*ciphertexts)
        e.add(raw, e.multiply(ciphertexts[0], ciphertexts[0]))
        e.relinearise(raw, relin)
        e.rescale(raw)
        return raw

    def weighted(e: Any) -> Any:
        pairs = [(c, e.operand(p)) for c, p in zip(ciphertexts, plaintexts, strict=True)]
        total = e.sum_of_products(pairs, _SCALE**2)
        total = e.sum_of_products(pairs[:1], _SCALE**2, total)
        e.add_plain(total, pairs[0][1])
        return total

    operations: list[tuple[str, Callable[[Any], Any]]] = [
        ("reading", views),
        ("products with plaintexts", weighted),
        ("a rotation", lambda e: e.rotate(ciphertexts[0], _STEP, keys)),
        ("a product", product),
    ]
    direct, official = NativeEvaluator(context), OfficialEvaluator(context)
    for name, operation in operations:
        try:
            same = dump(operation(direct)) == dump(operation(official))
        except (ValueError, TypeError, RuntimeError, IndexError) as e:
            return f"direct calls failed at {name} ({e})"
        if not same:
            return f"direct calls differ at {name}"
    return None

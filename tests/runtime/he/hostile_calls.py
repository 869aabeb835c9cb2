"""Calls that would make SEAL throw or read what is not its own; each must end in a Python error. Run as a script."""

import sys
from struct import Struct

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob, limbs, native
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.he.evaluator import NativeEvaluator, OfficialEvaluator, galois_element
from ppc.runtime.he.keys import ClientKeys, ServerKeys

WORD = Struct("<Q")


def refused(name, call):
    """The call must raise; that it returns is as bad as a crash."""
    try:
        call()
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, PartyError) as e:
        print("refused", name, type(e).__name__, e, flush=True)
        return
    print("NOT refused", name, flush=True)
    sys.exit(3)


def fresh(context, keys, level, value=1.0):
    out = seal.Ciphertext()
    keys.encryptor.encrypt(context.encode(value, level, 2.0**40), out)
    return out


def with_residues(context, ciphertext, change):
    """A copy with other residues, as a peer could send it: through SEAL's loader."""
    residues = limbs.ciphertext_residues(ciphertext)
    change(residues)
    return limbs.make_ciphertext(context, context.level(ciphertext), residues, ciphertext.scale)


def transparent(context, ciphertext):
    def clear(residues):
        residues[1:] = 0

    return with_residues(context, ciphertext, clear)


def hostile_galois_keys(context, level, step):
    """Keys as `ServerKeys.load` takes them, whose second polynomials are zero: what they switch becomes transparent."""
    lower, element = context.at(level).seal, galois_element(step, context.degree)
    primes = level + 2
    body = np.ones((2, primes, context.degree), np.uint64)
    body[1] = 0
    head = limbs._CIPHERTEXT.pack(*lower.key_parms_id(), True, 2, context.degree, primes, 1.0, 1)
    one = limbs._saved(head, body)
    index = seal.GaloisKeys.get_index(element)
    listed = b"".join(WORD.pack(0) for _ in range(index)) + WORD.pack(level + 1) + one * (level + 1)
    inner = Struct("<4Q").pack(*lower.key_parms_id()) + WORD.pack(index + 1) + listed
    return limbs._HEADER.pack(*limbs._version(), 0, 0, limbs._HEADER.size + len(inner)) + inner


def main():
    parameters = Parameters(8192, (50, 50, 50, 50), {1: (1,), 2: (1, 2)}, (1, 2))
    context, other = Context(parameters), Context(Parameters(4096, (36, 36, 37), {1: (1,)}, (1,)))
    keys = ServerKeys.load(context, ClientKeys(context).evaluation_blobs())
    others = ServerKeys.load(other, ClientKeys(other).evaluation_blobs())
    e = NativeEvaluator(context)
    assert native.missing() is None
    c = fresh(context, keys, 2)
    good = e.operand(context.encode(0.5, 2, 2.0**30))
    rotation, relin = keys.galois[2][1], keys.relin[2]

    released = native.copy(c)
    released.release()
    coefficients = native.copy(c)
    context.evaluator.transform_from_ntt_inplace(coefficients)
    foreign = fresh(other, others, 1)
    key_level = seal.Ciphertext(context.seal, list(context.seal.key_parms_id()), 2)
    things = {
        "None": None,
        "a number": 7,
        "an address": id(c),
        "an object": object(),
        "a plaintext": context.encode(1.0, 2, 2.0**30),
        "empty": seal.Ciphertext(),
        "released": released,
        "of the key level": key_level,
        "not in NTT form": coefficients,
        "of another context": foreign,
    }
    things["of scale 0"] = native.copy(c)
    things["of scale 0"].scale = 0.0
    for name, thing in things.items():
        refused(f"rotate {name}", lambda t=thing: e.rotate(t, 1, rotation))
        refused(f"relinearise {name}", lambda t=thing: e.relinearise(t, relin))
        refused(f"multiply {name}", lambda t=thing: e.multiply(t, t))
        refused(f"product {name}", lambda t=thing: e.sum_of_products([(t, good)], 2.0**70))
        refused(f"add {name}", lambda t=thing: e.add(native.copy(c), t))
        refused(f"add to {name}", lambda t=thing: e.add(t, c))
        refused(f"rescale {name}", lambda t=thing: e.rescale(t))

    refused("rotate three polynomials", lambda: e.rotate(e.multiply(c, c), 1, rotation))
    refused("relinearise two polynomials", lambda: e.relinearise(native.copy(c), relin))
    refused("multiply three polynomials", lambda: e.multiply(e.multiply(c, c), c))
    refused("multiply two levels", lambda: e.multiply(c, fresh(context, keys, 1)))
    refused("add two levels", lambda: e.add(native.copy(c), fresh(context, keys, 1)))
    refused("rescale at level 0", lambda: e.rescale(fresh(context, keys, 0)))
    refused("rotate at level 0", lambda: e.rotate(fresh(context, keys, 0), 1, rotation))

    for name, key in {
        "of another level": keys.galois[1][1],
        "of another context": others.galois[1][1],
        "of relinearisation": relin,
        "none at all": seal.GaloisKeys(),
        "no key": None,
        "a ciphertext": c,
    }.items():
        refused(f"rotate with a key {name}", lambda k=key: e.rotate(c, 1, k))
    refused("rotate without a key", lambda: e.rotate(c, 3, rotation))
    refused("rotate by far", lambda: e.rotate(c, 10**30 + 7, rotation))
    for name, key in {"of another level": keys.relin[1], "of rotation": rotation, "empty": seal.RelinKeys()}.items():
        refused(f"relinearise with a key {name}", lambda k=key: e.relinearise(e.multiply(c, c), k))

    writable = np.ascontiguousarray(native.plaintext_residues(context.encode(0.5, 2, 2.0**30), context.degree))
    for name, array in {
        "of floats": writable.astype(float),
        "of bytes": writable.view(np.uint8),
        "with a prime too few": writable[:-1].copy(),
        "with a prime too many": np.concatenate([writable, writable[:1]]),
        "of another degree": writable[:, ::2].copy(),
        "with gaps": np.repeat(writable, 2, axis=1)[:, ::2],
        "turned": np.asfortranarray(writable),
        "shifted": np.frombuffer(b"x" + writable.tobytes(), np.uint64, writable.size, 1).reshape(writable.shape),
        "of objects": writable.astype(object),
        "a list": writable.tolist(),
        "of none": None,
    }.items():
        refused(
            f"product with an array {name}",
            lambda a=array: e.sum_of_products([(c, e.operand_of(a, 2, 2.0**30))], 2.0**70),
        )
        refused(f"product with a bare array {name}", lambda a=array: e.sum_of_products([(c, a)], 2.0**70))
        refused(f"add an array {name}", lambda a=array: e.add_plain(native.copy(c), e.operand_of(a, 2, 2.0**80)))
        refused(f"add a bare array {name}", lambda a=array: e.add_plain(native.copy(c), a))
    refused("product at scale -1", lambda: e.sum_of_products([(c, good)], -1.0))
    for scale in (0.0, float("nan"), float("inf"), 2.0**150, 2.0**1000):
        refused(f"product at scale {scale}", lambda s=scale: e.sum_of_products([(c, good)], s))
        odd = native.copy(c)
        odd.scale = scale
        refused(f"multiply at scale {scale}", lambda o=odd: e.multiply(o, o))
        refused(f"add at scale {scale}", lambda o=odd: e.add(native.copy(c), o))

    # what a peer's residues can bring about: SEAL throws at the end of its own functions, these must too
    clear = transparent(context, c)
    refused("rotate transparent", lambda: e.rotate(clear, 1, rotation))
    refused("rescale transparent", lambda: e.rescale(native.copy(clear)))
    refused("multiply transparent", lambda: e.multiply(clear, clear))
    refused("product with transparent", lambda: e.sum_of_products([(clear, good)], 2.0**70))
    refused(
        "product with zero",
        lambda: e.sum_of_products([(c, e.operand_of(np.zeros_like(writable), 2, 2.0**30))], 2.0**70),
    )
    opposite = seal.Ciphertext()
    context.evaluator.negate(c, opposite)
    refused("add the opposite", lambda: e.add(native.copy(c), opposite))
    raw = limbs.ciphertext_residues(e.multiply(c, c))
    raw[1:] = 0
    refused("relinearise transparent", lambda: e.relinearise(limbs.make_ciphertext(context, 2, raw, 2.0**80), relin))
    bad = blob.load(seal.GaloisKeys(), context.at(2).seal, hostile_galois_keys(context, 2, 1))
    assert bad.has_key(3) and seal.is_valid_for(bad, context.at(2).seal)
    refused("rotate with keys of zeros", lambda: e.rotate(c, 1, bad))
    refused("officially, too", lambda: OfficialEvaluator(context).rotate(c, 1, bad))

    # and after all of it the engine is whole
    assert blob.dump(e.rotate(c, 1, rotation)) == blob.dump(OfficialEvaluator(context).rotate(c, 1, rotation))
    print("done")


if __name__ == "__main__":
    main()

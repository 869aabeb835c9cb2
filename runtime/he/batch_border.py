"""Between arrays of residues and SEAL's ciphertexts: key switching, rescaling, and the borders of a batch."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.he import limbs, vector
from ppc.runtime.he.batch_threads import cores, in_threads
from ppc.runtime.he.batch_value import Held, Pending, materialise
from ppc.runtime.he.context import Context
from ppc.runtime.he.keys import ServerKeys
from ppc.runtime.value import Value


def as_held(context: Context, value: Pending) -> Held:
    """Compute what is pending, on every core of this process."""
    return materialise(value, context.chain.primes, cores())


def finish(context: Context, keys: ServerKeys, value: Held, level: int) -> Held:
    """Relinearise where there are three polynomials, then divide by the primes above `level`."""
    if not 0 <= level <= value.level:
        raise PartyError("PPC6006", f"the plan rescales a value of level {value.level} to level {level}")
    scale = value.scale
    for q in context.chain.primes[level + 1 : value.level + 1]:
        scale /= q
    out = np.empty((value.elements, 2, level + 1, context.degree), np.uint64)

    def run(elements: Sequence[int]) -> None:
        for e in elements:
            # SEAL's bound on scales is not ours, and it would lose digits of small ones: the value carries its own
            ciphertext = limbs.make_ciphertext(context, value.level, value.residues[e], 1.0)
            vector.relinearise(context, keys, ciphertext)
            for _ in range(value.level - level):
                ciphertext.scale = 1.0
                context.evaluator.rescale_to_next_inplace(ciphertext)
            out[e] = limbs.ciphertext_residues(ciphertext)

    in_threads(run, range(value.elements), cores())
    return Held(out, scale)


def ciphertexts(context: Context, x: Value) -> list[Any]:
    """SEAL's objects of an HE value, whatever its packing. PartyError PPC6006 where one is not relinearised."""
    if isinstance(x.data, list):
        return x.data
    value = as_held(context, x.data)
    if value.polynomials != 2:
        raise PartyError("PPC6006", "the plan lets a product leave HE that is not relinearised")
    return [limbs.make_ciphertext(context, value.level, r, value.scale) for r in value.residues]


def from_ciphertexts(context: Context, each: Iterable[Any], count: int, level: int, scale: float) -> Held:
    """An array of ciphertexts that come one after another, so that one SEAL object exists at a time."""
    out = np.empty((count, 2, level + 1, context.degree), np.uint64)
    for element, ciphertext in zip(out, each, strict=True):
        element[...] = limbs.ciphertext_residues(ciphertext)
    return Held(out, scale)

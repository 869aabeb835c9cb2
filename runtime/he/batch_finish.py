"""Between arrays of residues and SEAL's ciphertexts: key switching, rescaling, and the borders of a batch."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.he import limbs, vector
from ppc.runtime.he.batch_value import Held
from ppc.runtime.he.context import Context
from ppc.runtime.he.keys import ServerKeys


def finish(context: Context, keys: ServerKeys, value: Held, drop: int) -> Held:
    """Relinearise where there are three polynomials, then divide by the last `drop` primes."""
    if not 0 <= drop <= value.level:
        raise PartyError("PPC6006", f"the plan drops {drop} primes of a value at level {value.level}")
    level = value.level - drop
    scale = value.scale
    for q in context.chain.primes[level + 1 : value.level + 1]:
        scale /= q
    out = np.empty((value.elements, 2, level + 1, context.degree), np.uint64)
    for element, residues in zip(out, value.residues, strict=True):
        # SEAL's bound on scales is not ours: the value carries its own
        ciphertext = limbs.make_ciphertext(context, value.level, residues, float(context.chain.primes[value.level]))
        vector.relinearise(context, keys, ciphertext)
        for _ in range(drop):
            context.evaluator.rescale_to_next_inplace(ciphertext)
            ciphertext.scale = float(context.chain.primes[0])
        element[...] = limbs.ciphertext_residues(ciphertext)
    return Held(out, scale)


def to_ciphertexts(context: Context, value: Held) -> list[Any]:
    """SEAL's objects, one an element. Raises PartyError PPC6006 where one is not relinearised."""
    if value.polynomials != 2:
        raise PartyError("PPC6006", "the plan lets a product leave HE that is not relinearised")
    return [limbs.make_ciphertext(context, value.level, r, value.scale) for r in value.residues]


def from_ciphertexts(context: Context, count: int, level: int, scale: float, each: Callable[[int], Any]) -> Held:
    """An array of `count` ciphertexts, which `each` gives one after another: only one SEAL object exists at a time."""
    out = np.empty((count, 2, level + 1, context.degree), np.uint64)
    for i, element in enumerate(out):
        element[...] = limbs.ciphertext_residues(each(i))
    return Held(out, scale)

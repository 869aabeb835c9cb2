"""Between arrays of residues and SEAL's ciphertexts: key switching, rescaling, and the borders of a batch."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ppc.runtime.batch_layout import BatchLayout
from ppc.runtime.errors import PartyError
from ppc.runtime.he import limbs, vector
from ppc.runtime.he.batch_value import Held, Pending, materialise
from ppc.runtime.he.context import Context
from ppc.runtime.he.state import ServerEngine
from ppc.runtime.value import Value


def as_held(engine: ServerEngine, value: Pending) -> Held:
    """Compute what is pending."""
    return materialise(value, engine.context.chain.primes, engine.workers, engine.scratches)


def finish(engine: ServerEngine, value: Held, level: int) -> Held:
    """Relinearise where there are three polynomials, then divide by the primes above `level`."""
    if not 0 <= level <= value.level:
        raise PartyError("PPC6006", f"the plan rescales a value of level {value.level} to level {level}")
    way, scale = engine.ways.across(len(value.residues)), value.scale
    context = way.context
    for q in context.chain.primes[level + 1 : value.level + 1]:
        scale /= q
    count = len(value.residues)
    out = np.empty((count, 2, level + 1, context.degree), np.uint64)
    # SEAL's bound on scales is not ours, and it would lose digits of small ones: the value carries its own
    template = limbs.make_ciphertext(context, value.level, value.residues[0], 1.0)

    def run(e: int) -> None:
        ciphertext = limbs.alike(context, template, value.residues[e])
        vector.relinearise(context, engine.keys, ciphertext)
        for _ in range(value.level - level):
            ciphertext.scale = 1.0
            context.arithmetic.rescale(ciphertext)
        out[e] = limbs.ciphertext_residues(ciphertext)

    way.workers.map(run, range(count))
    return Held(out, scale, value.groups)


def ciphertexts(engine: ServerEngine, x: Value) -> list[Any]:
    """SEAL's objects of an HE value, whatever its packing. PartyError PPC6006 where one is not relinearised."""
    if isinstance(x.data, list):
        return x.data
    value = as_held(engine, x.data)
    if value.polynomials != 2:
        raise PartyError("PPC6006", "the plan lets a product leave HE that is not relinearised")
    return [limbs.make_ciphertext(engine.context, value.level, r, value.scale) for r in value.residues]


def from_ciphertexts(context: Context, each: Iterable[Any], layout: BatchLayout, level: int, scale: float) -> Held:
    """An array of ciphertexts that come one after another, so that one SEAL object exists at a time."""
    out = np.empty((layout.groups * layout.elements, 2, level + 1, context.degree), np.uint64)
    for element, ciphertext in zip(out, each, strict=True):
        element[...] = limbs.ciphertext_residues(ciphertext)
    return Held(out, scale, layout.groups)

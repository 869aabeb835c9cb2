"""`he.linear` on ciphertexts: diagonals by baby-step giant-step (Halevi and Shoup, 2014), with post-sums."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.he import vector
from ppc.runtime.he.attrs import Term
from ppc.runtime.he.context import Context, pin_scale
from ppc.runtime.he.keys import ServerKeys


def encode_rows(context: Context, rows: NDArray[np.float64], level: int, scale: float) -> list[Any]:
    """Each row as a plaintext.

    SEAL refuses a product with zero ("transparent"). Leaving such a row out would tell the number of zero rows by
    the time a step takes, so the smallest plaintext, 1/scale in every slot, stands for it: less than the noise.
    """
    encoded: dict[bytes, Any] = {}  # groups of samples share their diagonals: each is encoded once
    for row in rows:
        key = row.tobytes()
        if key not in encoded:
            plaintext = context.encode(row, level, scale)
            encoded[key] = context.encode(1 / scale, level, scale) if plaintext.is_zero() else plaintext
    return [encoded[row.tobytes()] for row in rows]


def evaluate(
    context: Context,
    keys: ServerKeys,
    inputs: Sequence[Any],
    terms: Sequence[Term],
    diagonals: Sequence[Any],
    bias: Sequence[Any],
    post: Sequence[int],
    weight_scale: float,
    result: tuple[int, float],
) -> list[Any]:
    """Ciphertexts at the level and scale `result`: rescaled once where that level is the next one, else not at all.

    Rotations of an input are made once for all terms; a giant rotation once for each output. Giants of one output
    share key steps from the leaves of their tree to the root.
    """
    slots, level = context.slots, context.level(inputs[0])
    steps = keys.steps(level)
    partial = _products(context, keys, inputs, terms, diagonals, weight_scale)
    results = []
    for o in range(len(bias)):
        sums = {g: partial.pop((o, g)) for g in sorted({t[3] % slots for t in terms if t[1] == o}) if (o, g) in partial}
        for step, parent, key in reversed(vector.rotation_tree(sums, steps, slots)):
            moved = vector.rotate(context, keys, sums.pop(step), key)
            sums[parent] = vector.accumulate(context, sums.get(parent), moved)
        total = sums.get(0)
        if total is None:  # no term at all: an encryption of zero stands for the sum
            total = seal.Ciphertext()
            keys.encryptor.encrypt_zero(context.parms_ids[level], total)
            total.scale = inputs[0].scale * weight_scale
        for step in post:
            if step % slots not in steps:
                raise PartyError(
                    "PPC6006", f"plan.json lists no Galois key for rotation by {step % slots} at level {level}"
                )
            context.evaluator.add_inplace(total, vector.rotate(context, keys, total, step % slots))
        if result[0] < level:
            vector.rescale(context, total, result[1])
        else:
            pin_scale(total, result[1])
        context.evaluator.add_plain_inplace(total, bias[o])
        results.append(total)
    return results


def _products(
    context: Context,
    keys: ServerKeys,
    inputs: Sequence[Any],
    terms: Sequence[Term],
    diagonals: Sequence[Any],
    weight_scale: float,
) -> dict[tuple[int, int], Any]:
    """Σ rot(in, baby) ⊙ diagonal for each (output, giant). One input ciphertext at a time, to hold few rotations."""
    slots, level = context.slots, context.level(inputs[0])
    steps = keys.steps(level)
    partial: dict[tuple[int, int], Any] = {}
    for c, ciphertext in enumerate(inputs):
        mine = [t for t, term in enumerate(terms) if term[0] == c]
        turned = {0: ciphertext}
        for step, parent, key in vector.rotation_tree((terms[t][2] for t in mine), steps, slots):
            turned[step] = vector.rotate(context, keys, turned[parent], key)
        for t in mine:
            _, o, baby, giant = terms[t]
            product = seal.Ciphertext()
            context.evaluator.multiply_plain(turned[baby % slots], diagonals[t], product)
            product.scale = ciphertext.scale * weight_scale
            slot = (o, giant % slots)
            partial[slot] = vector.accumulate(context, partial.get(slot), product)
    return partial

"""Operations on one ciphertext that the steps are made of. None of them changes its operands."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he.context import Context, pin_scale
from ppc.runtime.he.keys import ServerKeys
from ppc.runtime.levels import MATCHED


def copy(context: Context, a: Any) -> Any:
    return lower(context, a, context.level(a))


def lower(context: Context, a: Any, level: int) -> Any:
    """Drop primes: same value, same scale, lower level. Exact but for rounding nothing at all."""
    out = seal.Ciphertext()
    context.evaluator.mod_switch_to(a, context.parms_ids[level], out)
    return out


def times_number(context: Context, a: Any, number: float, scale: float) -> Any | None:
    """a * number with the result at exactly `scale`, not rescaled; None where the product is zero at that scale."""
    ratio = scale / a.scale
    if not isfinite(number) or abs(number * ratio) < 0.5:
        return None
    out = seal.Ciphertext()
    context.evaluator.multiply_plain(a, context.encode(number, context.level(a), ratio), out)
    pin_scale(out, scale)
    return out


def plus_number(context: Context, a: Any, number: float) -> None:
    """a += number, in place."""
    if abs(number * a.scale) >= 0.5:
        context.evaluator.add_plain_inplace(a, context.encode(number, context.level(a), a.scale))


def rescale(context: Context, a: Any, scale: float) -> None:
    """Divide by the last prime, in place; `scale` is the planned result."""
    context.evaluator.rescale_to_next_inplace(a)
    pin_scale(a, scale)


def relinearise(context: Context, keys: ServerKeys, a: Any) -> None:
    """Back to two polynomials, in place."""
    if a.size() > 2:
        level = context.level(a)
        if level not in keys.relin:
            raise PartyError("PPC6006", f"the plan multiplies at level {level}, where it lists no relinearisation key")
        context.at(level).evaluator.relinearize_inplace(a, keys.relin[level])


def taken_as(context: Context, a: Any, scale: float) -> Any:
    """A copy whose scale is said to be `scale`, to add what has that one: the value changes by the ratio of the two.

    The primes of one bit length differ a little, and with them the scales of what was rescaled by them. The compiler
    counts the change as an error; beyond MATCHED it is no such rounding, but PartyError PPC6006.
    """
    if abs(a.scale / scale - 1) > MATCHED:
        raise PartyError("PPC6006", f"the plan adds ciphertexts of scales {a.scale:g} and {scale:g}")
    out = copy(context, a)
    out.scale = scale
    return out


def upscaled(context: Context, a: Any, scale: float) -> Any:
    """The same value at a larger scale, no level lower: one product with 1 encoded at the ratio of the two.

    The ratio is an integer, so that the encoding is exact; anything else is PartyError PPC6006.
    """
    ratio = scale / a.scale
    out = times_number(context, a, 1.0, scale) if ratio >= 1 and ratio.is_integer() else None
    if out is None:
        raise PartyError("PPC6006", f"the plan scales a ciphertext up from {a.scale:g} to {scale:g}")
    return out


def rotation_tree(needed: Iterable[int], keys: frozenset[int], slots: int) -> list[tuple[int, int, int]]:
    """How to reach every needed rotation from 0: (step, from, key step), parents first.

    A step that has a key is one rotation of the input; one without goes over other needed steps, so that a few keys
    serve many rotations at the same number of rotations. Raises PartyError PPC6006 where that is not enough.
    """
    todo = {s % slots for s in needed} - {0}
    tree = [(s, 0, s) for s in sorted(todo & keys)]
    reached = [0, *(s for s, _, _ in tree)]
    todo -= set(reached)
    at = 0
    while todo and at < len(reached):
        for key in sorted(keys):
            step = (reached[at] + key) % slots
            if step in todo:
                tree.append((step, reached[at], key))
                reached.append(step)
                todo.remove(step)
        at += 1
    if todo:
        raise PartyError("PPC6006", f"plan.json lists no Galois key that reaches rotation by {min(todo)}")
    return tree


def rotate(context: Context, keys: ServerKeys, a: Any, step: int) -> Any:
    """rot(a, step)[i] = a[i + step]; the step must have a key at the level of `a`."""
    out, level = seal.Ciphertext(), context.level(a)
    context.at(level).evaluator.rotate_vector(a, step, keys.galois[level][step], out)
    return out


def accumulate(context: Context, total: Any | None, term: Any) -> Any:
    """total += term, in place; the first term becomes the total."""
    if total is None:
        return term
    context.evaluator.add_inplace(total, term)
    return total

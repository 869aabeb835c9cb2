"""Operations on one ciphertext that the steps are made of. None of them changes its operands."""

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
    operand = context.arithmetic.operand(context.encode(number, context.level(a), ratio))
    return context.arithmetic.sum_of_products([(a, operand)], scale)


def plus_number(context: Context, a: Any, number: float) -> None:
    """a += number, in place."""
    if abs(number * a.scale) >= 0.5:
        context.arithmetic.add_plain(a, context.arithmetic.operand(context.encode(number, context.level(a), a.scale)))


def rescale(context: Context, a: Any, scale: float) -> None:
    """Divide by the last prime, in place; `scale` is the planned result."""
    context.arithmetic.rescale(a)
    pin_scale(a, scale)


def relinearise(context: Context, keys: ServerKeys, a: Any) -> None:
    """Back to two polynomials, in place."""
    if a.size() > 2:
        level = context.level(a)
        if level not in keys.relin:
            raise PartyError("PPC6006", f"the plan multiplies at level {level}, where it lists no relinearisation key")
        context.arithmetic.relinearise(a, keys.relin[level])


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


def rotate(context: Context, keys: ServerKeys, a: Any, step: int) -> Any:
    """rot(a, step)[i] = a[i + step]; the step must have a key at the level of `a`."""
    return context.arithmetic.rotate(a, step, keys.galois[context.level(a)][step])


def accumulate(context: Context, total: Any | None, term: Any) -> Any:
    """total += term, in place; the first term becomes the total."""
    if total is None:
        return term
    context.arithmetic.add(total, term)
    return total

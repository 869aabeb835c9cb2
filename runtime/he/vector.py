"""Operations on one ciphertext that the steps are made of. None of them changes its operands."""

from math import isfinite
from typing import Any

import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he.context import Context, pin_scale
from ppc.runtime.he.keys import ServerKeys


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


def mended(context: Context, a: Any, level: int) -> Any:
    """`a` at a lower level, at exactly that level's scale: one product with 1, encoded to close the gap."""
    have = context.level(a)
    if have < level:
        raise PartyError("PPC6006", f"the plan drops a ciphertext from level {have} to level {level}")
    if have == level:
        return copy(context, a)
    above = lower(context, a, level + 1)
    out = times_number(context, above, 1.0, context.scale(level) * context.chain.primes[level + 1])
    if out is None:
        raise PartyError("PPC6006", f"the scales of levels {have} and {level} are too far apart to mend")
    rescale(context, out, context.scale(level))
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

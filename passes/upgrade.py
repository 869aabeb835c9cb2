"""The next better polynomial of an activation: single ones of high degree, then compositions."""

from functools import cache

from ppc.ir.approximation import degrees
from ppc.ir.module import Op
from ppc.passes.approximate import activation, with_polynomial
from ppc.passes.composite import STAGES, composite, kink
from ppc.passes.minimax import DEGREES, minimax

#: Degrees beyond those that `Approximate` tries; above these, the linear program takes minutes.
HIGH_DEGREES = (63, 127)
#: A polynomial that leaves more than this share of the error is not worth its levels.
WORTH = 0.8

_fitted = cache(minimax)  # of activations alike


def upgraded(op: Op) -> Op | None:
    """`op` with the first polynomial of the ladder that is clearly nearer than its own; None at the top.

    A composition needs a function with a kink at 0 that its range has on both sides.
    """
    lo, hi, error = _fit(op)
    own = degrees(op)
    for degree in (*DEGREES, *HIGH_DEGREES) if len(own) == 1 else ():
        if degree > own[0]:
            single = _fitted(activation(op), lo, hi, degree)
            if single.error <= WORTH * error:
                return with_polynomial(op, single)
    ab = _two_sided(op)
    if ab is None:
        return None
    for stages in STAGES:
        found = composite(ab, max(-lo, hi), stages)
        if found.error <= WORTH * error:
            return with_polynomial(op, found)
    return None


def best(op: Op) -> Op:
    """`op` with the polynomial at the top of the ladder."""
    lo, hi, _ = _fit(op)
    ab = _two_sided(op)
    if ab:
        return with_polynomial(op, composite(ab, max(-lo, hi), STAGES[-1]))
    while (better := upgraded(op)) is not None:
        op = better
    return op


def is_deep(op: Op) -> bool:
    """True where the op has a polynomial that only an upgrade gives."""
    return len(degrees(op)) > 1 or max(degrees(op), default=0) > DEGREES[-1]


def _two_sided(op: Op) -> tuple[float, float] | None:
    """What `kink` gives, where the range has 0 inside."""
    lo, hi, _ = _fit(op)
    return kink(op) if lo < 0 < hi else None


def _fit(op: Op) -> tuple[float, float, float]:
    """lo, hi and error of the polynomial that the op has."""
    lo, hi, error = op.attrs["he_lo"], op.attrs["he_hi"], op.attrs["he_error"]
    assert isinstance(lo, float) and isinstance(hi, float) and isinstance(error, float), "the pass writes floats"
    return lo, hi, error

"""The polynomial that HE runs in place of an activation, carried as attributes of the op (`he_*`).

The `approximate` pass writes them; the op itself stays what it was, so every other domain runs it exactly.
"""

from dataclasses import replace

from ppc.ir.module import Op

#: The attributes that the pass adds.
POLYNOMIAL = frozenset({"he_coefficients", "he_lo", "he_hi", "he_error", "he_loss", "he_inner", "he_gate"})

#: Those that the polynomial consists of (`runtime.kernels.polynomial`).
_SHAPE = ("coefficients", "lo", "hi", "inner", "gate")


def as_polynomial(op: Op) -> Op:
    """What HE runs for `op`: its polynomial where it has one, else the op itself."""
    if "he_coefficients" not in op.attrs:
        return op
    attrs = {name: op.attrs[f"he_{name}"] for name in _SHAPE if f"he_{name}" in op.attrs}
    return replace(op, name="Polynomial", operands=tuple(o for o in op.operands if o), attrs=attrs)


def degrees(op: Op) -> tuple[int, ...]:
    """Of the stages of an op's polynomial, in order: one number where it is not a composition, none without one."""
    if "he_coefficients" not in op.attrs:
        return ()
    inner, last = op.attrs.get("he_inner", ()), op.attrs["he_coefficients"]
    assert isinstance(inner, tuple) and isinstance(last, tuple), "the passes write tuples"
    return tuple(len(stage) - 1 for stage in (*inner, last) if isinstance(stage, tuple))


def described(op: Op) -> str:
    """An op's polynomial in words: "degree 31", "composite 7, 7, 15"."""
    stages = degrees(op)
    return f"degree {stages[0]}" if len(stages) == 1 else f"composite {', '.join(map(str, stages))}"


def without_polynomial(op: Op) -> Op:
    """`op` as every domain but HE runs it."""
    return replace(op, attrs={k: v for k, v in op.attrs.items() if k not in POLYNOMIAL})

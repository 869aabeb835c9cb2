"""The polynomial that HE runs in place of an activation, carried as attributes of the op (`he_*`).

The `approximate` pass writes them; the op itself stays what it was, so every other domain runs it exactly.
"""

from dataclasses import replace

from ppc.ir.module import Op

#: The attributes that the pass adds.
POLYNOMIAL = frozenset({"he_coefficients", "he_lo", "he_hi", "he_error", "he_loss"})


def as_polynomial(op: Op) -> Op:
    """What HE runs for `op`: its polynomial where it has one, else the op itself."""
    if "he_coefficients" not in op.attrs:
        return op
    attrs = {"coefficients": op.attrs["he_coefficients"], "lo": op.attrs["he_lo"], "hi": op.attrs["he_hi"]}
    return replace(op, name="Polynomial", operands=tuple(o for o in op.operands if o), attrs=attrs)


def without_polynomial(op: Op) -> Op:
    """`op` as every domain but HE runs it."""
    return replace(op, attrs={k: v for k, v in op.attrs.items() if k not in POLYNOMIAL})

"""Which operands of an op under HE are refreshed: read from a copy that went through shares and has its levels back.

The assignment writes the attribute, the conversion turns it into steps.
"""

from dataclasses import replace

from ppc.ir.module import Op

#: The attribute that the assignment adds: names of operands.
REFRESHED = "he_refreshed"


def refreshed(op: Op) -> tuple[str, ...]:
    found = op.attrs.get(REFRESHED, ())
    return tuple(map(str, found)) if isinstance(found, tuple) else ()


def with_refreshed(op: Op, operands: tuple[str, ...]) -> Op:
    return replace(op, attrs={**op.attrs, REFRESHED: operands}) if operands else without_refreshed(op)


def without_refreshed(op: Op) -> Op:
    return replace(op, attrs={k: v for k, v in op.attrs.items() if k != REFRESHED})

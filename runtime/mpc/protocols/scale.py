"""Fractional bits that a lowered step names (`ppc.targets.mpc.fuse` decides, `ppc.targets.mpc.verify` checks).

A value has FRACTION_BITS of them unless the step that makes it says `fraction_bits`: a product keeps the bits of its
factors, and the step that reads it (`operand_bits`) truncates within an opening that it makes anyway.
"""

from collections.abc import Mapping
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.schema import FRACTION_BITS

Attrs = Mapping[str, Any]


def result_bits(attrs: Attrs) -> int:
    return int(attrs.get("fraction_bits", FRACTION_BITS))


def operand_bits(attrs: Attrs, index: int = 0) -> int:
    bits = attrs.get("operand_bits")
    return FRACTION_BITS if bits is None else int(bits[index])


def excess(attrs: Attrs) -> int:
    """By how many bits the first operand is to be truncated in the step's opening."""
    return operand_bits(attrs) - FRACTION_BITS


def keeps(attrs: Attrs, natural: int) -> bool:
    """Does the step leave its result at the bits of the product? PPC6003 where the plan names others."""
    bits = result_bits(attrs)
    if bits not in (FRACTION_BITS, natural):
        raise PartyError("PPC6003", f"a step keeps {natural} fractional bits or {FRACTION_BITS}, not {bits}")
    return bits == natural

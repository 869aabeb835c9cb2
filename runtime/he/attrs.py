"""Attributes of HE steps, read and checked. What is wrong is a damaged plan: PartyError PPC6006.

Needs no HE library: the clear and simulate modes read the same attributes.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.layout import Layout, layout_from_attrs
from ppc.runtime.levels import MOST_HIDDEN_BITS, MOST_SCALE_BITS
from ppc.runtime.party import Step
from ppc.runtime.value import Weight

#: (input ciphertext, output ciphertext, baby rotation, giant rotation)
Term = tuple[int, int, int, int]


def layout_of(attrs: Mapping[str, Any], key: str) -> Layout:
    """A layout attribute, as plan.json writes it. Raises PartyError PPC6006 where it is absent or malformed."""
    try:
        return layout_from_attrs(attrs, key.removesuffix("layout"))
    except (TypeError, KeyError, ValueError) as e:
        raise PartyError("PPC6006", f"plan.json has no valid {key} for a step ({e!r})") from None


def packed_layout(step: Step, slots: int, key: str = "layout") -> Layout:
    """The layout of what a step packs or unpacks; must be for ciphertexts of this many slots."""
    layout = layout_of(step.attrs, key)
    if layout.slots != slots or layout.size != prod(step.shape):
        raise PartyError(
            "PPC6006",
            f"step {step.id} ({step.name}): a layout of {layout.size} elements in {layout.slots} slots does not fit "
            f"a value of {prod(step.shape)} elements in ciphertexts of {slots} slots",
        )
    return layout


def level_of(step: Step, key: str = "level") -> int:
    try:
        return int(step.attrs[key])
    except (KeyError, TypeError, ValueError):
        raise PartyError("PPC6006", f"plan.json has no valid {key} for step {step.id} ({step.name})") from None


def scale_of(step: Step, key: str = "scale") -> float:
    """A scale attribute: of the step's result, or of the weights it is multiplied with ("weight_scale")."""
    found = step.attrs.get(key)
    if not isinstance(found, int | float) or not 1 < found < 2.0 ** (MOST_SCALE_BITS + 1):
        raise PartyError("PPC6006", f"plan.json has no valid {key} for step {step.id} ({step.name})")
    return float(found)


def hidden_bits(step: Step) -> int:
    """How many of the lowest bits of a result stay with the server that reveals it under a mask."""
    found = step.attrs.get("hidden_bits", 0)
    if not isinstance(found, int) or not 0 <= found <= MOST_HIDDEN_BITS:
        raise PartyError("PPC6006", f"plan.json has no valid hidden_bits for step {step.id} ({step.name})")
    return found


def linear_levels(step: Step) -> tuple[int, int]:
    """(level of the operand, level of the result) of a he.linear step: it rescales once or not at all."""
    level, out_level = level_of(step), level_of(step, "out_level")
    if out_level not in (level, level - 1) or out_level < 0:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) goes from level {level} to level {out_level}")
    return level, out_level


def linear_terms(step: Step, inputs: int | None = None) -> tuple[list[Term], int]:
    """The terms, checked against the number of input ciphertexts where it is known; and that of the outputs."""
    terms = [(int(i), int(o), int(b), int(g)) for i, o, b, g in step.attrs["terms"]]
    outputs = max(layout_of(step.attrs, "out_layout").ciphertexts, 1 + max((t[1] for t in terms), default=0))
    if any(t[0] < 0 or t[1] < 0 or (inputs is not None and t[0] >= inputs) for t in terms):
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) reads a ciphertext that its operand does not have")
    return terms, outputs


def sums_of(step: Step, key: str) -> list[int]:
    """Rotations of the rotate-and-adds before ("pre") or after ("post") the terms of a linear step, or on the shares
    that a value leaves as ("sums")."""
    try:
        return [int(s) for s in step.attrs.get(key, ())]
    except (TypeError, ValueError):
        raise PartyError("PPC6006", f"plan.json has no valid {key} for step {step.id} ({step.name})") from None


def linear_arrays(
    step: Step, diagonals: Weight, bias: Weight | None, terms: int, outputs: int, slots: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Diagonals of shape (terms, slots) and bias of shape (outputs, slots), in float64."""
    rows = np.asarray(diagonals.data, np.float64)
    offsets = np.zeros((outputs, slots)) if bias is None else np.asarray(bias.data, np.float64).reshape(-1, slots)
    if rows.shape != (terms, slots) or offsets.shape != (outputs, slots):
        raise PartyError(
            "PPC6006",
            f"step {step.id} ({step.name}): weights of shapes {rows.shape} and {offsets.shape} where "
            f"{(terms, slots)} and {(outputs, slots)} belong",
        )
    return rows, offsets


def polynomial_attrs(step: Step) -> tuple[list[float], float, float, int]:
    """coefficients, lo, hi, out_level."""
    coefficients = [float(c) for c in step.attrs["coefficients"]]
    lo, hi = float(step.attrs["lo"]), float(step.attrs["hi"])
    if len(coefficients) < 2 or not lo < hi:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) is no polynomial on an interval")
    return coefficients, lo, hi, level_of(step, "out_level")

"""Attributes of `he.batch_*` steps, read and checked. What is wrong is a damaged plan: PartyError PPC6006.

Needs no HE library: the clear and simulate modes read the same attributes.
"""

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.batch_layout import BatchLayout
from ppc.runtime.errors import PartyError
from ppc.runtime.he.attrs import packed_layout
from ppc.runtime.he.batch_matrix import Block
from ppc.runtime.party import Step
from ppc.runtime.value import Weight

#: The attribute `packing` of a conversion whose value has one sample a slot.
BATCH = "batch"


def is_batch(step: Step) -> bool:
    """Does this conversion make a batch-packed value?"""
    return bool(step.attrs.get("packing") == BATCH)


def batch_layout(step: Step, slots: int, key: str = "layout") -> BatchLayout:
    """A layout with one sample a slot."""
    found = BatchLayout.of(packed_layout(step, slots, key))
    if found is None or not step.shape or step.shape[0] % (found.groups * found.samples):
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) does not lay out one sample a slot")
    return found


def blocks_of(step: Step) -> list[Block]:
    """The structure of a linear step: (outputs, inputs) of each dense block."""
    try:
        return [([int(r) for r in rows], [int(c) for c in cols]) for rows, cols in step.attrs["blocks"]]
    except (KeyError, TypeError, ValueError) as e:
        raise PartyError("PPC6006", f"plan.json has no valid blocks for step {step.id} ({step.name}): {e!r}") from None


def linear_weights(
    step: Step, weights: Weight, bias: Weight | None, blocks: list[Block], outputs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The entries of all blocks, shape (entries,), and the bias, shape (outputs,), in float64."""
    entries = np.asarray(weights.data, np.float64)
    offsets = np.zeros(outputs) if bias is None else np.asarray(bias.data, np.float64)
    size = sum(len(rows) * len(cols) for rows, cols in blocks)
    if entries.shape != (size,) or offsets.shape != (outputs,):
        raise PartyError(
            "PPC6006",
            f"step {step.id} ({step.name}): weights of shapes {entries.shape} and {offsets.shape} where "
            f"{(size,)} and {(outputs,)} belong",
        )
    if not (np.isfinite(entries).all() and np.isfinite(offsets).all()):
        raise PartyError("PPC6006", f"step {step.id} ({step.name}): a weight is NaN or infinite")
    return entries, offsets

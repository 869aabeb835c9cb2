"""Weights of linear steps as plaintexts: encoded once a session, used in every pass."""

from dataclasses import dataclass, field
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.he.attrs import linear_arrays, linear_levels, linear_terms, scale_of
from ppc.runtime.he.context import Context
from ppc.runtime.he.linear import encode_rows
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Weight

#: Memory for encoded weights; what goes beyond is encoded anew in each pass.
ENCODED_BYTES = 4 << 30

#: Plaintexts of the diagonals at the weights' scale, and of the bias at the result's.
Plaintexts = tuple[list[Any], list[Any]]


@dataclass
class Encoded:
    """Encoded weights by step id."""

    limit: int = ENCODED_BYTES
    size: int = 0
    kept: dict[int, Plaintexts] = field(default_factory=dict, repr=False)

    def of(self, context: Context, step: Step, diagonals: Weight, bias: Weight | None) -> Plaintexts:
        """Encode the weights of a linear step, or remember them."""
        if step.id in self.kept:
            return self.kept[step.id]
        (level, out_level), (terms, outputs) = linear_levels(step), linear_terms(step)
        rows, offsets = linear_arrays(step, diagonals, bias, len(terms), outputs, context.slots)
        try:
            plaintexts = (
                encode_rows(context, rows, level, scale_of(step, "weight_scale")),
                encode_rows(context, offsets, out_level, scale_of(step)),
            )
        except ValueError as e:
            raise PartyError("PPC6006", f"a weight of step {step.id} cannot be encoded at level {level}: {e}") from None
        size = 8 * context.degree * ((level + 1) * len(terms) + (out_level + 1) * outputs)
        if self.size + size <= self.limit:
            self.kept[step.id], self.size = plaintexts, self.size + size
        return plaintexts


def all_linear(session: Session, context: Context) -> Encoded:
    """Encode every linear step that names its weights in attrs; the others are encoded when they are first met."""
    encoded = Encoded()
    for j in session.manifest["steps"]:
        if j["step"] == "he.linear" and j["attrs"].get("diagonals"):
            step, bias = Step.from_json(j), j["attrs"].get("bias")
            encoded.of(context, step, session.weight(j["attrs"]["diagonals"]), session.weight(bias) if bias else None)
    return encoded

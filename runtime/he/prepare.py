"""Weights of linear steps as plaintexts: made once a session, or read from the server's cache; used in every pass."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.he.attrs import linear_arrays, linear_levels, linear_terms, scale_of
from ppc.runtime.he.context import Context
from ppc.runtime.he.limbs import plaintext_residues
from ppc.runtime.he.ways import Ways
from ppc.runtime.he.weight_cache import WeightCache, key_of
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Weight

#: Memory for encoded weights; what goes beyond is encoded anew in each pass.
ENCODED_BYTES = 4 << 30

#: Rows from which on they are worth a file; a step's bias has fewer.
ROWS_OF_A_FILE = 4

#: Operands: of the diagonals at the weights' scale, and of the bias at the result's.
Plaintexts = tuple[list[Any], list[Any]]


@dataclass
class Encoded:
    """Encoded weights by step id."""

    cache: WeightCache | None = None
    limit: int = ENCODED_BYTES
    size: int = 0
    kept: dict[int, Plaintexts] = field(default_factory=dict, repr=False)

    def of(self, context: Context, step: Step, diagonals: Weight, bias: Weight | None) -> Plaintexts:
        """Encode the weights of a linear step, or remember them: for the arithmetic of this context."""
        if step.id in self.kept:
            return self.kept[step.id]
        (level, out_level), (terms, outputs) = linear_levels(step), linear_terms(step)
        rows, offsets = linear_arrays(step, diagonals, bias, len(terms), outputs, context.slots)
        try:
            plaintexts = (
                encode_rows(context, rows, level, scale_of(step, "weight_scale"), self.cache),
                encode_rows(context, offsets, out_level, scale_of(step), self.cache),
            )
        except ValueError as e:
            raise PartyError("PPC6006", f"a weight of step {step.id} cannot be encoded at level {level}: {e}") from None
        size = 8 * context.degree * ((level + 1) * len(terms) + (out_level + 1) * outputs)
        if self.size + size <= self.limit:
            self.kept[step.id], self.size = plaintexts, self.size + size
        return plaintexts


def encode_rows(
    context: Context, rows: NDArray[np.float64], level: int, scale: float, cache: WeightCache | None = None
) -> list[Any]:
    """Each row as an operand of `Evaluator.sum_of_products`. Equal rows are encoded once: groups of samples share
    their diagonals."""
    distinct: dict[bytes, int] = {}
    index = [distinct.setdefault(row.tobytes(), len(distinct)) for row in rows]
    first = np.unique(index, return_index=True)[1]
    operands = _encode(context, rows[first], level, scale, cache if len(first) >= ROWS_OF_A_FILE else None)
    return [operands[i] for i in index]


def _encode(
    context: Context, rows: NDArray[np.float64], level: int, scale: float, cache: WeightCache | None
) -> list[Any]:
    key = key_of(context, rows, level, scale) if cache else b""
    found = cache.load(key, (len(rows), level + 1, context.degree)) if cache else None
    if found is not None:
        return [context.arithmetic.operand_of(residues, level, scale) for residues in found]
    plaintexts = [_plaintext(context, row, level, scale) for row in rows]
    if cache:
        cache.store(key, np.stack([plaintext_residues(p, context) for p in plaintexts]))
    return [context.arithmetic.operand(p) for p in plaintexts]


def _plaintext(context: Context, row: NDArray[np.float64], level: int, scale: float) -> Any:
    """SEAL refuses a product with zero ("transparent"). Leaving such a row out would tell the number of zero rows by
    the time a step takes, so the smallest plaintext, 1/scale in every slot, stands for it: less than the noise."""
    plaintext = context.encode(row, level, scale)
    return context.encode(1 / scale, level, scale) if plaintext.is_zero() else plaintext


def all_linear(session: Session, ways: Ways, cache: WeightCache | None = None) -> Encoded:
    """Encode every linear step that names its weights in attrs; the others are encoded when they are first met."""
    encoded = Encoded(cache)
    for j in session.manifest["steps"]:
        if j["step"] == "he.linear" and j["attrs"].get("diagonals"):
            step, bias = Step.from_json(j), j["attrs"].get("bias")
            diagonals, offsets = session.weight(j["attrs"]["diagonals"]), session.weight(bias) if bias else None
            encoded.of(ways.linear(step).context, step, diagonals, offsets)
    return encoded

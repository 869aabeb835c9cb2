"""Primitives that the server runs for a batch-packed module, counted on its steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ppc.ir.module import Module
from ppc.runtime.batch_layout import BatchLayout
from ppc.runtime.layout import layout_from_attrs
from ppc.targets.he.batch_schedule import PRODUCTS
from ppc.targets.he.graph import ENTER


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Of a pass: ciphertexts that are relinearised, divisions of a ciphertext by a prime, products of ciphertexts, and
    products of a ciphertext with a weight."""

    groups: int
    relinearised: int = 0
    rescaled: int = 0
    products: int = 0
    weighted: int = 0

    def to_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in self.__slots__}


def batch_counts(module: Module) -> BatchCounts:
    """Counts of a lowered module's he.batch_* steps."""
    ciphertexts: dict[str, int] = {}
    wide: set[str] = set()  # values of three polynomials
    groups = relinearised = rescaled = products = weighted = 0
    for op in module.ops:
        attrs: Any = op.attrs
        if op.name in ENTER:
            found = BatchLayout.of(layout_from_attrs(attrs))
            assert found is not None, "the verifier has seen that a slot holds a sample"
            groups, count = found.groups, found.groups * found.elements
        elif not op.name.startswith("he.batch_"):
            continue
        else:
            count = ciphertexts[op.operands[0]]
        kind = op.name.removeprefix("he.batch_")
        if kind in PRODUCTS or (kind != "rescale" and _any(wide, op.operands)):
            wide.add(op.results[0])
        if kind in PRODUCTS:
            products += count
        elif kind == "linear":
            weighted += groups * sum(len(rows) * len(cols) for rows, cols in attrs["blocks"])
            count = layout_from_attrs(attrs, "out_").ciphertexts
        elif kind == "rescale":
            relinearised += count if op.operands[0] in wide else 0
            rescaled += count * (attrs["level"] - attrs["out_level"])
        ciphertexts[op.results[0]] = count
    return BatchCounts(groups, relinearised, rescaled, products, weighted)


def _any(wide: set[str], names: Sequence[str]) -> bool:
    return any(name in wide for name in names)

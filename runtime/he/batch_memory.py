"""How much memory batch-packed values need at the server, from plan.json alone.

What exists as a whole is what enters, what a rescale reads, what it makes, and results of linear steps that several
steps read (`batch_readers`); the rest only in blocks (`batch_value`). Values go after the last step that reads them,
or something pending that was made of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppc.runtime.he.attrs import layout_of, level_of
from ppc.runtime.he.batch_readers import read_again
from ppc.runtime.he.batch_value import BLOCK_WORDS
from ppc.runtime.party import Step, last_reads

#: Blocks of the largest value that a thread holds: operands, results, parts in float64 and what is gathered of them.
_BLOCKS = 6


@dataclass(frozen=True)
class _Seen:
    """What the server holds of a value: its own polynomials modulo one prime, or only those it is pending on."""

    elements: int
    polynomials: int
    level: int
    sources: frozenset[str]  # values in memory that it reads; itself, where it is one

    @property
    def size(self) -> int:
        return self.elements * self.polynomials * (self.level + 1)


def polynomials(manifest: Mapping[str, Any], threads: int) -> int:
    """The most polynomials modulo one prime that exist at the same time."""
    seen: dict[str, _Seen] = {}
    ends = _ends(manifest, seen)
    held: dict[str, int] = {}
    peak = 0
    for at, line in enumerate(manifest["steps"]):
        step, name = Step.from_json(line), next(iter(line.get("results", ())), "")
        work = 0
        if step.name in ("he.batch_rescale", "reveal.he_to_client", "convert.he_to_mpc"):
            work = seen[line["operands"][0]].size
        if name in seen and name in seen[name].sources:
            held[name] = seen[name].size
        peak = max(peak, sum(held.values()) + work)
        held = {n: size for n, size in held.items() if ends[n] > at}
    degree = int(manifest["he"]["degree"])
    return peak + threads * _BLOCKS * -(-BLOCK_WORDS // degree)


def _ends(manifest: Mapping[str, Any], seen: dict[str, _Seen]) -> dict[str, int]:
    """Fills `seen`; the last step that needs each value that is in memory."""
    ends: dict[str, int] = {}
    last, again = last_reads(manifest), read_again(manifest)
    for at, line in enumerate(manifest["steps"]):
        step, operands = Step.from_json(line), [seen[o] for o in line.get("operands", ()) if o in seen]
        for name in line.get("results", ()):
            found = _result(step, name, operands, again)
            if found is not None:
                seen[name] = found
                for source in found.sources:
                    ends[source] = max(ends.get(source, at), last.get(name, at))
    return ends


def _result(step: Step, name: str, operands: list[_Seen], again: frozenset[int]) -> _Seen | None:
    if step.name in ("convert.client_to_he", "convert.mpc_to_he"):
        return _Seen(layout_of(step.attrs, "layout").ciphertexts, 2, level_of(step), frozenset({name}))
    if not step.name.startswith("he.batch_"):
        return None
    x = operands[0]
    if step.name == "he.batch_rescale":
        return _Seen(x.elements, 2, level_of(step, "out_level"), frozenset({name}))
    sources = frozenset[str]().union(*(o.sources for o in operands))
    elements = x.elements
    if step.name == "he.batch_linear":
        elements = layout_of(step.attrs, "out_layout").ciphertexts
        if step.id in again:
            sources = frozenset({name})
    products = step.name in ("he.batch_square", "he.batch_mul")
    return _Seen(elements, 3 if products else max(o.polynomials for o in operands), level_of(step), sources)

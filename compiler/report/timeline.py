"""The segments of a plan in the order in which it runs, each with its predicted cost: what a run is compared with.

A segment is a run of steps in one domain, or of moves between domains. HE counts as it was lowered; the other steps as
the nodes they were made from, and a node that was merged into another one counts with the next of its domain.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ppc.ir.module import Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.passes.assign.build import op_nodes
from ppc.targets.he.count import counted

if TYPE_CHECKING:
    from ppc.compiler.report.build import Findings

KEYS = ("seconds", "bytes", "rounds", "offline_bytes")


def timeline(f: "Findings") -> list[dict[str, Any]]:
    """JSON-able rows: place, first and last step (numbered from 1 as in the plan), costs of one pass."""
    rows: list[dict[str, Any]] = []
    for i, (op, cost) in enumerate(zip(f.lowered.ops, _costs(f), strict=True), start=1):
        place = place_of(op)
        if place is None:
            continue
        if not rows or rows[-1]["place"] != place:
            rows.append({"place": place, "first": i, **dict.fromkeys(KEYS, 0.0)})
        rows[-1]["last"] = i
        for key in KEYS:
            rows[-1][key] += getattr(cost, key)
    return rows


def place_of(op: Op) -> str | None:
    """`he`, `mpc`, ...; `client to he` for a move; None where nothing happens between parties (inputs, outputs)."""
    kind, _, rest = op.name.partition(".")
    if rest in ("input", "output"):
        return None
    return rest.replace("_", " ") if kind in ("convert", "reveal") else kind


def _costs(f: "Findings") -> Iterator[Cost]:
    """Of each step."""
    rung = _rung(f)
    in_he = _he_costs(f)
    of_nodes = _node_costs(f, rung, with_he=in_he is None)
    for op in f.lowered.ops:
        kind, _, rest = op.name.partition(".")
        if kind in ("convert", "reveal"):
            source, _, target = rest.partition("_to_")
            level = op.attrs.get("level")
            known = op.loc in f.assigned.module.values
            args = (op.loc, f.assigned.module, rung, level if isinstance(level, int) else None)
            cost = f.pricing.conversions.cost(Domain(source), Domain(target), *args) if known else None
            yield cost or Cost()
        elif kind == "he" and in_he is not None:
            yield Cost(seconds=in_he.get(id(op), 0.0))
        else:
            yield of_nodes.pop((kind, op.loc), Cost())


def _rung(f: "Findings") -> HeRung:
    """The HE parameters that the plan has; those that were counted on where it has none."""
    degree, top = f.lowered.attrs.get("he.degree"), f.lowered.attrs.get("he.top_level")
    return HeRung(degree, top) if isinstance(degree, int) and isinstance(top, int) else f.assigned.rung


def _he_costs(f: "Findings") -> Mapping[int, float] | None:
    """Seconds of the he.* steps by identity; None where they are priced by node (batch packing, or no HE)."""
    if "he.degree" not in f.lowered.attrs or f.lowered.attrs.get("he.packing") == "batch":
        return None
    return {id(step.op): step.seconds for step in counted(f.lowered, f.he)}


def _node_costs(f: "Findings", rung: HeRung, with_he: bool) -> dict[tuple[str, str], Cost]:
    """Of the nodes that have steps, by domain and name; what was merged is added to the next one of its domain."""
    present = {(op.name.partition(".")[0], op.loc) for op in f.lowered.ops}
    found: dict[tuple[str, str], Cost] = {}
    waiting: dict[str, Cost] = {}
    last: dict[str, tuple[str, str]] = {}
    module = f.assigned.module
    for v, op in op_nodes(module).items():
        assert op.domain is not None
        if op.domain is Domain.HE and not with_he:
            continue
        cost = f.pricing.targets[op.domain].cost(op, module, rung, f.assigned.solution.labels[v][1])
        key = str(op.domain), op.loc
        cost = cost + waiting.pop(key[0], Cost())
        if key in present:
            found[key] = found.get(key, Cost()) + cost
            last[key[0]] = key
        else:
            waiting[key[0]] = cost
    for domain, cost in waiting.items():  # merged into one before it
        if domain in last:
            found[last[domain]] += cost
    return found

"""The segments of a plan in the order in which it runs, each with its predicted cost: what a run is compared with.

A segment is a run of steps in one domain, or of moves between domains. HE counts as it was lowered (merged, laid out,
at its levels) where elements share ciphertexts, MPC as it was lowered (fused, with its tables), a row of steps with its
first, as they share rounds. The others count as the nodes they were made from, and a node that was merged into another
one with the next of its domain.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ppc.ir.module import Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.passes.assign.build import op_nodes
from ppc.runtime.layout import layout_from_attrs
from ppc.targets.he.count import counted
from ppc.targets.mpc.schedule import in_lockstep

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


def move_cost(f: "Findings", op: Op) -> Cost | None:
    """Of a conversion or reveal of the lowered module, with its ciphertexts as they are laid out; None for other steps,
    and where a party gives away what it has."""
    kind, _, rest = op.name.partition(".")
    if kind not in ("convert", "reveal") or op.loc not in f.assigned.module.values:
        return None
    source, _, target = rest.partition("_to_")
    level = op.attrs.get("level")
    laid_out = layout_from_attrs(op.attrs).ciphertexts if "layout_digits" in op.attrs else None
    known = level if isinstance(level, int) else None
    return f.pricing.conversions.cost(
        Domain(source), Domain(target), op.loc, f.assigned.module, lowered_rung(f), known, laid_out
    )


def _costs(f: "Findings") -> Iterator[Cost]:
    """Of each step."""
    rung = lowered_rung(f)
    in_he = _he_costs(f)
    in_mpc = {id(first): cost for first, cost in in_lockstep(f.lowered, f.table.mpc)}
    of_nodes = _node_costs(f, rung, with_he=in_he is None)
    for op in f.lowered.ops:
        kind = op.name.partition(".")[0]
        if kind in ("convert", "reveal"):
            yield move_cost(f, op) or Cost()
        elif kind == "he" and in_he is not None:
            yield Cost(seconds=in_he.get(id(op), 0.0))
        elif kind == "mpc":
            yield in_mpc.get(id(op), Cost())
        else:
            yield of_nodes.pop((kind, op.loc), Cost())


def lowered_rung(f: "Findings") -> HeRung:
    """The HE parameters that the plan has; those that were counted on where it has none."""
    degree, top = f.lowered.attrs.get("he.degree"), f.lowered.attrs.get("he.top_level")
    batch = f.lowered.attrs.get("he.packing") == "batch"
    return HeRung(degree, top, batch) if isinstance(degree, int) and isinstance(top, int) else f.assigned.rung


def _he_costs(f: "Findings") -> Mapping[int, float] | None:
    """Seconds of the he.* steps by identity; None where they are priced by node (batch packing, or no HE)."""
    if "he.degree" not in f.lowered.attrs or f.lowered.attrs.get("he.packing") == "batch":
        return None
    return {id(step.op): step.seconds for step in counted(f.lowered, f.table.he)}


def _node_costs(f: "Findings", rung: HeRung, with_he: bool) -> dict[tuple[str, str], Cost]:
    """Of the nodes that have steps, by domain and name; what was merged is added to the next one of its domain."""
    present = {(op.name.partition(".")[0], op.loc) for op in f.lowered.ops}
    found: dict[tuple[str, str], Cost] = {}
    waiting: dict[str, Cost] = {}
    last: dict[str, tuple[str, str]] = {}
    module = f.assigned.module
    for v, op in op_nodes(module).items():
        assert op.domain is not None
        if op.domain is Domain.MPC or (op.domain is Domain.HE and not with_he):
            continue
        level = min(f.assigned.solution.labels[v][1], rung.levels)
        cost = f.pricing.targets[op.domain].cost(op, module, rung, level)
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

"""The `report` field of plan.json: what a reader wants to know of a plan, gathered while it was compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from ppc.compiler.report.he import he_section
from ppc.compiler.report.reasons import amount
from ppc.compiler.report.timeline import KEYS, timeline
from ppc.ir.approximation import described
from ppc.ir.module import Module, Op
from ppc.ir.refresh import refreshed
from ppc.ir.target import Cost
from ppc.ir.types import Domain
from ppc.ir.views import Views
from ppc.passes.assign.build import DOMAINS, Pricing, op_nodes
from ppc.passes.assign.search import Outcome
from ppc.runtime.places import OUTSOURCED
from ppc.targets.prices import Prices

NOT_COMPUTED = "allowed, not chosen (the difference was not computed: the graph is too wide)"

CHEAPER = "fewer levels in a row cost less, the refreshes included"


@dataclass(frozen=True)
class Findings:
    """What the stages of a compilation found out, as far as the report shows it."""

    assigned: Outcome
    free: Outcome | None  # the optimum without the policy's pins, where it has any
    reasons: Mapping[str, Mapping[Domain, str]]  # by first result: why a domain is not a candidate
    converted: Module
    lowered: Module
    views: Views
    pricing: Pricing
    split: str | None  # why it was solved again with fewer levels of HE in a row, where it was
    prices: Mapping[str, Any]  # which table they are of
    table: Prices


def build(f: Findings) -> dict[str, Any]:
    """All values are JSON-able and depend on the input alone (no times, no paths)."""
    module = f.assigned.module
    nodes = _nodes(f)
    made = {r: op.loc for op in module.ops for r in op.results}
    return {
        "nodes": nodes,
        "counts": {str(d): sum(n["domain"] == str(d) for n in nodes) for d in DOMAINS},
        "segments": _segments(module),
        "refreshed": [made[v] for v in dict.fromkeys(v for op in module.ops for v in refreshed(op))],
        "split": f.split or (CHEAPER if any(map(refreshed, module.ops)) else None),
        "parties": _parties(f.views, f.lowered),
        "holds": {
            party: [{"what": h.what, "values": h.values, "why": h.why} for h in held]
            for party, held in f.views.holds.items()
        },
        "soundness": [{"output": s.output, "to": s.party, "altered_by": list(s.altered_by)} for s in f.views.soundness],
        "reveals": [
            {"value": r.node or r.value, "to": r.party, "because": r.because, "line": r.line} for r in f.views.reveals
        ],
        "optimality": {
            "objective": str(f.pricing.objective),
            "unit": f.pricing.objective.unit,
            "value": f.assigned.solution.value,
            "bound": f.assigned.solution.bound,
            "gap": f.assigned.solution.gap,
            "method": f.assigned.solution.method,
        },
        "predicted": predicted(f),
        "timeline": timeline(f),
        "prices": dict(f.prices),
        "without_pins": _without_pins(f),
        "approximations": [
            {
                "node": op.loc,
                "op": op.name,
                "polynomial": described(op),
                "lo": op.attrs["he_lo"],
                "hi": op.attrs["he_hi"],
                "error": op.attrs["he_error"],
                "loss": op.attrs.get("he_loss"),
            }
            for op in module.ops
            if op.domain is Domain.HE and "he_coefficients" in op.attrs
        ],
        "he": he_section(f.lowered, f.converted, f.table),
        "levels": [
            {"node": op.loc, "step": op.name, "level": op.attrs["level"]} for op in f.lowered.ops if "level" in op.attrs
        ],
        "trust": [f"{t.text} ({t.line}; for {', '.join(t.used_by)})" for t in f.views.trust],
        "leaks": list(f.views.leaks),
        "simulated": ["tee"] if any(op.name.startswith("tee.") for op in f.lowered.ops) else [],
    }


def _parties(views: Views, lowered: Module) -> dict[str, list[dict[str, str]]]:
    """What each party of the plan sees in clear; the server's weights are one row, not one a tensor. A plan without a
    step on shares has no dealer and none that only holds shares, one without a TEE step no enclave."""
    engines = {op.name.split(".")[0] for op in lowered.ops}
    of = {"mpc": ("dealer", *OUTSOURCED), "tee": ("enclave",)}
    absent = {party for engine, parties in of.items() for party in parties if engine not in engines}
    found: dict[str, list[dict[str, str]]] = {}
    for party, sights in views.sees.items():
        if party in absent and not sights:
            continue
        rows = [
            {"value": s.value, "why": f"{s.ground}: {s.because}" if s.because else s.ground}
            for s in sights
            if not s.value.startswith("@")
        ]
        weights = [s for s in sights if s.value.startswith("@")]
        if weights:
            rows.append({"value": f"{len(weights)} weights", "why": weights[0].ground})
        found[party] = rows
    return found


def _nodes(f: Findings) -> list[dict[str, Any]]:
    made = {r: op.loc for op in f.assigned.module.ops for r in op.results}
    rows = []
    for v, op in op_nodes(f.assigned.module).items():
        assert op.domain is not None
        why = {}
        for i, d in enumerate(DOMAINS):
            if d is op.domain:
                continue
            reason = f.reasons[op.results[0]].get(d)
            why[str(d)] = _dearer(f, v, i, op.results[0]) if reason is None else reason
        inputs = [made[o] for o in op.operands if o in made]
        row = {"name": op.loc, "op": op.name, "domain": str(op.domain), "seconds": _seconds(f, v, op), "why_not": why}
        rows.append({**row, "inputs": inputs})
    return rows


def _seconds(f: Findings, node: int, op: Op) -> float:
    """Of one node, as the assignment priced it."""
    assert op.domain is not None
    level = f.assigned.solution.labels[node][1]
    return f.pricing.network.seconds(f.pricing.targets[op.domain].cost(op, f.assigned.module, f.assigned.rung, level))


def _dearer(f: Findings, node: int, domain: int, value: str) -> str:
    if f.assigned.dearer is None:
        return NOT_COMPUTED
    by = float(f.assigned.dearer[node, domain])
    if by == inf:
        return "impossible together with the other nodes" + _apart(f, DOMAINS[domain], value)
    least = "at least " if f.assigned.problem.limits else ""
    return f"dearer by {least}{amount(by, f.pricing.objective.unit)}"


def _apart(f: Findings, domain: Domain, value: str) -> str:
    """Where values cannot get to the shares of this deployment."""
    module, rung = f.assigned.module, f.assigned.rung
    if domain not in (Domain.HE, Domain.TEE) or f.pricing.conversions.cost(domain, Domain.MPC, value, module, rung):
        return ""
    return f": no value gets from {domain} to the shares of this deployment, or back"


def _segments(module: Module) -> list[dict[str, Any]]:
    """Runs of consecutive nodes in one domain, in program order."""
    out: list[dict[str, Any]] = []
    for op in module.ops:
        if not out or out[-1]["domain"] != str(op.domain):
            out.append({"domain": str(op.domain), "nodes": []})
        out[-1]["nodes"].append(op.loc)
    return out


def predicted(f: Findings) -> dict[str, Any]:
    """Totals of the plan as it will run: the sums of its timeline, with what the network adds to the seconds, and what
    a pass takes besides its steps where several parties take part."""
    rows = timeline(f)
    total = {key: sum(row[key] for row in rows) for key in KEYS}
    seconds = f.pricing.network.seconds(Cost(**total))
    if len({row["place"] for row in rows}) > 1:
        seconds += f.table.link["pass"]
    return {**total, "seconds": seconds, "network": f.pricing.network.name}


def _without_pins(f: Findings) -> dict[str, Any] | None:
    if f.free is None:
        return None
    changed = [
        {"name": pinned.loc, "pinned": str(pinned.domain), "free": str(free.domain)}
        for pinned, free in zip(f.assigned.module.ops, f.free.module.ops, strict=True)
        if pinned.domain is not free.domain
    ]
    values = {"value": f.free.solution.value, "pinned_value": f.assigned.solution.value}
    return {"nodes": changed, "unit": f.pricing.objective.unit, **values}

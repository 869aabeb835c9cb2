"""The `report` field of plan.json: what a reader wants to know of a plan, gathered while it was compiled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppc.compiler.report.he import he_section
from ppc.ir.module import Module
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.ir.views import Views
from ppc.passes.assign.milp import OutOfTime
from ppc.passes.assign.problem import DOMAINS, Pricing, op_nodes
from ppc.passes.assign.search import Outcome, dearer_by
from ppc.targets.he.count import counted
from ppc.targets.he.primitives import Primitives
from ppc.targets.mpc.schedule import in_lockstep

#: A why-not figure is one more exact solve; in larger graphs nodes are said to be dearer without the figure. A fixed
#: number, not a clock: a plan must not depend on how busy the machine was.
WHY_NOT_NODES = 24

NOT_COMPUTED = "allowed, not chosen (the difference was not computed)"


@dataclass(frozen=True)
class Findings:
    """What the stages of a compilation found out, as far as the report shows it."""

    assigned: Outcome
    free: Outcome | None  # the optimum without the policy's pins, where it has any
    reasons: Mapping[str, Mapping[Domain, str]]  # by first result: why a domain is not a candidate
    lowered: Module
    views: Views
    pricing: Pricing
    prices: Mapping[str, Any]  # which table they are of
    he: Primitives  # of that table
    mpc: Mapping[str, float]  # of that table: seconds of the units of work, and of a round


def build(f: Findings) -> dict[str, Any]:
    """All values are JSON-able and depend on the input alone (no times, no paths)."""
    module = f.assigned.module
    nodes = _nodes(f)
    return {
        "nodes": nodes,
        "counts": {str(d): sum(n["domain"] == str(d) for n in nodes) for d in DOMAINS},
        "segments": _segments(module),
        "parties": _parties(f.views, f.lowered),
        "reveals": [
            {"value": r.node or r.value, "to": r.party, "because": r.because, "line": r.line} for r in f.views.reveals
        ],
        "optimality": {
            "objective": "latency",
            "value": f.assigned.solution.value,
            "bound": f.assigned.solution.bound,
            "gap": f.assigned.solution.gap,
        },
        "predicted": predicted(f),
        "prices": dict(f.prices),
        "without_pins": _without_pins(f),
        "approximations": [
            {
                "node": op.loc,
                "op": op.name,
                "degree": len(op.attrs["he_coefficients"]) - 1,  # type: ignore[arg-type]
                "lo": op.attrs["he_lo"],
                "hi": op.attrs["he_hi"],
                "error": op.attrs["he_error"],
                "loss": op.attrs.get("he_loss"),
            }
            for op in module.ops
            if op.domain is Domain.HE and "he_coefficients" in op.attrs
        ],
        "he": he_section(f.lowered, f.he),
        "levels": [
            {"node": op.loc, "step": op.name, "level": op.attrs["level"]} for op in f.lowered.ops if "level" in op.attrs
        ],
        "trust": [f"{t.text} ({t.line}; for {', '.join(t.used_by)})" for t in f.views.trust],
        "leaks": list(f.views.leaks),
        "simulated": ["tee"] if any(op.name.startswith("tee.") for op in f.lowered.ops) else [],
    }


def _parties(views: Views, lowered: Module) -> dict[str, list[dict[str, str]]]:
    """What each party of the plan sees in clear; the server's weights are one row, not one a tensor. A plan without a
    step on shares has no dealer, one without a TEE step no enclave."""
    engines = {op.name.split(".")[0] for op in lowered.ops}
    absent = {party for party, engine in (("dealer", "mpc"), ("enclave", "tee")) if engine not in engines}
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
    index = {op.results[0]: v for v, op in op_nodes(f.assigned.module).items()}
    exact = len(f.assigned.module.ops) <= WHY_NOT_NODES
    made = {r: op.loc for op in f.assigned.module.ops for r in op.results}
    rows = []
    for op in f.assigned.module.ops:
        assert op.domain is not None
        v = index[op.results[0]]
        why = {}
        for d in DOMAINS:
            if d is op.domain:
                continue
            if d in f.reasons[op.results[0]]:
                why[str(d)] = f.reasons[op.results[0]][d]
            elif exact:
                why[str(d)] = _dearer(f, v, d)
            else:
                why[str(d)] = NOT_COMPUTED
        cost = f.assigned.problem.cost[v][DOMAINS.index(op.domain)]
        inputs = [made[o] for o in op.operands if o in made]
        row = {"name": op.loc, "op": op.name, "domain": str(op.domain), "seconds": cost, "why_not": why}
        rows.append({**row, "inputs": inputs})
    return rows


def _dearer(f: Findings, node: int, domain: Domain) -> str:
    try:
        by = dearer_by(f.assigned, node, domain)
    except OutOfTime:
        return NOT_COMPUTED
    return "impossible together with the other nodes" if by is None else f"dearer by {_duration(by)}"


def _duration(s: float) -> str:
    return f"{s * 1e3:.3g} ms" if s < 1 else f"{s:.3g} s"


def _segments(module: Module) -> list[dict[str, Any]]:
    """Runs of consecutive nodes in one domain, in program order."""
    out: list[dict[str, Any]] = []
    for op in module.ops:
        if not out or out[-1]["domain"] != str(op.domain):
            out.append({"domain": str(op.domain), "nodes": []})
        out[-1]["nodes"].append(op.loc)
    return out


def predicted(f: Findings) -> dict[str, Any]:
    """Totals of the plan as it will run: every node and every conversion of the assigned module.

    What is under HE counts as it was lowered (merged, laid out, at its levels) where elements share ciphertexts; what
    is under MPC as it was lowered (fused, with its tables), and independent steps share their rounds.
    """
    total = {"seconds": 0.0, "bytes": 0.0, "rounds": 0.0, "offline_bytes": 0.0}
    module, rung = f.assigned.module, f.assigned.rung
    degree, top = f.lowered.attrs.get("he.degree"), f.lowered.attrs.get("he.top_level")
    as_lowered = isinstance(degree, int) and isinstance(top, int) and f.lowered.attrs.get("he.packing") != "batch"
    if as_lowered:
        assert isinstance(degree, int) and isinstance(top, int)
        rung = HeRung(degree, top)

    def add(cost: Any) -> None:
        total["seconds"] += f.pricing.network.seconds(cost)
        for key in ("bytes", "rounds", "offline_bytes"):
            total[key] += getattr(cost, key)

    for op in module.ops:
        assert op.domain is not None
        if op.domain is not Domain.MPC and (op.domain is not Domain.HE or not as_lowered):
            add(f.pricing.targets[op.domain].cost(op, module, rung))
    add(in_lockstep(f.lowered, f.mpc))
    if as_lowered:
        add(Cost(seconds=sum(step.seconds for step in counted(f.lowered, f.he))))
    for source, target, value in moves(f.assigned):
        if (cost := f.pricing.conversions.cost(source, target, value, module, rung)) is not None:
            add(cost)
    return {**total, "network": f.pricing.network.name}


def moves(outcome: Outcome) -> list[tuple[Domain, Domain, str]]:
    """The conversions an assignment pays for: (from, to, value), each once."""
    p, choice = outcome.problem, outcome.solution.choice
    found: dict[tuple[Domain, Domain, str], None] = {}
    for c, preds in enumerate(p.preds):
        for v in preds:
            if choice[v] != choice[c]:
                found[DOMAINS[choice[v]], DOMAINS[choice[c]], p.names[v]] = None
    return list(found)


def _without_pins(f: Findings) -> dict[str, Any] | None:
    if f.free is None:
        return None
    changed = [
        {"name": pinned.loc, "pinned": str(pinned.domain), "free": str(free.domain)}
        for pinned, free in zip(f.assigned.module.ops, f.free.module.ops, strict=True)
        if pinned.domain is not free.domain
    ]
    return {"nodes": changed, "seconds": f.free.solution.value, "pinned_seconds": f.assigned.solution.value}

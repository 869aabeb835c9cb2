"""A solver's answer, judged by code that shares nothing with it: legality, levels, refreshes, cost and limits."""

from dataclasses import dataclass
from math import inf

from ppc.passes.assign.problem import Costs, Label, Problem

#: What rounding may add to a limit.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What an assignment costs, `why` it is not legal ("" where it is), and how much of each limit it uses."""

    value: float
    why: str
    used: tuple[float, ...]


def judge(p: Problem, labels: tuple[Label, ...]) -> Verdict:
    """The one definition of the objective."""
    if len(labels) != p.n:
        return Verdict(inf, f"{len(labels)} labels for {p.n} nodes", ())
    for v, (k, level) in enumerate(labels):
        if not 0 <= k < len(p.tops):
            return Verdict(inf, f"{p.names[v]} is in no domain", ())
        if not p.depth[v][k] <= level <= p.tops[k]:
            return Verdict(inf, f"{p.names[v]} runs at level {level} of {p.tops[k]}, it takes {p.depth[v][k]}", ())
    copies = copies_of(p, labels)
    for v, k in copies:
        home, level = labels[v]
        if level - p.depth[v][home] < p.exits[home]:
            return Verdict(inf, f"{p.names[v]} leaves with {level - p.depth[v][home]} levels", ())
        if not copies[v, k] <= p.tops[k]:
            return Verdict(inf, f"a copy of {p.names[v]} arrives above the top level", ())
    used = tuple(_total(limit.costs, labels, copies) for limit in p.limits)
    for limit, amount in zip(p.limits, used, strict=True):
        if amount > limit.most * (1 + ROUNDING) + ROUNDING * ROUNDING:
            return Verdict(inf, f"{limit.name}: {amount:.6g} of {limit.most:.6g}", used)
    value = _total(p.costs, labels, copies)
    return Verdict(value, "" if value < inf else "a node or a copy is where it may not be", used)


def copies_of(p: Problem, labels: tuple[Label, ...]) -> dict[tuple[int, int], int]:
    """The copies that the readers need: (node, domain) -> level of arrival."""
    found: dict[tuple[int, int], int] = {}
    for reader, preds in enumerate(p.preds):
        k, level = labels[reader]
        for v in preds:
            home, start = labels[v]
            if home != k or start - p.depth[v][home] < level:
                found[v, k] = max(found.get((v, k), 0), level)
    return found


def _total(costs: Costs, labels: tuple[Label, ...], copies: dict[tuple[int, int], int]) -> float:
    total = 0.0
    for v, (k, level) in enumerate(labels):
        total += float(costs.node[v][k, level])
    for (v, k), level in copies.items():
        total += float(costs.move[v][labels[v][0], k, level])
    return total + sum(costs.setup[k] for k in {k for k, _ in labels})

"""Which solver takes a problem: elimination where the graph is narrow and no limit binds, else the flow program."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from ppc.ir.diagnostic import InternalError
from ppc.passes.assign import elimination, milp
from ppc.passes.assign.problem import Costs, Curves, Label, Problem, Solution
from ppc.passes.assign.recheck import copies_of, judge

#: Relative difference that two evaluations of one assignment may have.
ROUNDING = 1e-6


def optimum(p: Problem, time_limit: float, beat: float = inf) -> Solution | None:
    """The cheapest legal assignment, re-checked; None where it is proven that none costs less than `beat`.

    Raises OutOfTime, and InternalError where a solver's answer is not what it says.
    """
    found: Solution | None
    try:
        found = elimination.solve(p)
    except elimination.TooWide:
        found = milp.solve(p, time_limit)
    else:
        if found is None or found.value >= beat:
            return None
        if p.limits and judge(p, found.labels).why:
            unlimited, found = found, milp.solve(p, time_limit)
            if found is not None:
                found = replace(found, bound=max(found.bound, unlimited.bound))
    return None if found is None else checked(p, found)


def checked(p: Problem, found: Solution) -> Solution:
    """At the least levels, judged by code that shares nothing with the solvers."""
    found = replace(found, labels=least(p, found.labels))
    verdict = judge(p, found.labels)
    if verdict.why:
        raise InternalError(f"{found.method} gave an assignment that is not legal: {verdict.why}")
    if abs(verdict.value - found.value) > ROUNDING * max(abs(found.value), np.finfo(float).tiny):
        raise InternalError(f"{found.method} says {found.value}, its assignment costs {verdict.value}")
    return replace(found, value=verdict.value, bound=min(found.bound, verdict.value))


def least(p: Problem, labels: tuple[Label, ...]) -> tuple[Label, ...]:
    """The same domains and copies with every level as low as its readers allow."""
    leaves = {v for v, _ in copies_of(p, labels)}
    found = list(labels)
    for v in reversed(range(p.n)):
        k, level = labels[v]
        depth = p.depth[v][k]
        need = p.exits[k] if v in leaves else 0
        for c in p.consumers[v]:
            if labels[c][0] == k and labels[c][1] <= level - depth:
                need = max(need, found[c][1])
        found[v] = (k, depth + need)
    return tuple(found)


def of_limits(p: Problem) -> Problem:
    """The same problem, to use as little as can be of its limits together, each as a share of what it allows."""
    parts = [(1 / m.most if m.most > 0 else 1.0, m.costs) for m in p.limits]

    def use(own: Curves, of: Callable[[Costs], Curves]) -> Curves:
        return np.where(np.isfinite(own), sum(weight * of(costs) for weight, costs in parts), inf)

    node = tuple(use(own, lambda c, v=v: c.node[v]) for v, own in enumerate(p.costs.node))  # type: ignore[misc]
    move = tuple(use(own, lambda c, v=v: c.move[v]) for v, own in enumerate(p.costs.move))  # type: ignore[misc]
    setup = tuple(sum(weight * costs.setup[k] for weight, costs in parts) for k in range(len(p.tops)))
    return replace(p, costs=Costs(node, move, setup), limits=())

"""Assign every node to the domain that makes the whole plan cheapest."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

from ppc.ir.diagnostic import InternalError, UserError, fail
from ppc.ir.module import Module, Stage
from ppc.ir.target import HeRung
from ppc.ir.types import Domain
from ppc.passes.assign.milp import OutOfTime, Solution, solve
from ppc.passes.assign.problem import DOMAINS, HE, Allowed, Pricing, Problem, build, op_nodes
from ppc.passes.assign.recheck import price


@dataclass(frozen=True)
class Outcome:
    """What the search found, for the report."""

    module: Module
    problem: Problem
    solution: Solution
    rung: HeRung

    @property
    def he_depth(self) -> int:
        """Levels of the longest chain of nodes in HE."""
        p, chosen = self.problem, self.solution.choice
        deepest: list[int] = []
        for v in range(p.n):
            before = max((deepest[u] for u in p.preds[v] if chosen[u] == HE), default=0)
            deepest.append(before + p.depth[v] if chosen[v] == HE else 0)
        return max(deepest, default=0)


@dataclass(frozen=True)
class Assign:
    """Solve one program a rung of HE parameters and keep the cheapest answer; each is re-checked independently.

    Raises PPC3003 where no assignment is legal (a chain of HE nodes deeper than any parameters allow, say).
    """

    name: ClassVar[str] = "assign"
    allowed: Allowed
    recipients: Mapping[str, tuple[Domain, ...]]
    pricing: Pricing
    rungs: tuple[HeRung, ...]
    time_limit: float = 60.0

    def run(self, module: Module) -> Module:
        return self.search(module).module

    def search(self, module: Module) -> Outcome:
        best: tuple[Solution, Problem, HeRung] | None = None
        bound = inf  # proven for all rungs together: a rung that was cut short without an answer proves nothing
        uses_he = any(Domain.HE in d for d in self.allowed.values())
        for rung in self.rungs if uses_he else self.rungs[:1]:
            problem = build(module, self.allowed, self.recipients, rung, self.pricing)
            try:
                solution = solve(problem, self.time_limit)
            except OutOfTime:
                bound = 0.0
                continue
            if solution is None:
                continue
            recomputed = price(problem, solution.choice)
            if abs(recomputed - solution.value) > 1e-6 * max(1.0, abs(solution.value)):
                raise InternalError(f"the solver says {solution.value}, its assignment costs {recomputed}")
            bound = min(bound, solution.bound)
            if best is None or solution.value < best[0].value:
                best = solution, problem, rung
        if best is None:
            raise _nothing_found(out_of_time=bound == 0.0, seconds=self.time_limit)
        best = replace(best[0], bound=min(bound, best[0].value)), best[1], best[2]
        solution, problem, rung = best
        domains = {op.results[0]: DOMAINS[solution.choice[v]] for v, op in op_nodes(module).items()}
        ops = tuple(replace(op, domain=domains[op.results[0]]) for op in module.ops)
        return Outcome(replace(module, ops=ops, stage=Stage.ASSIGNED), problem, solution, rung)


def _nothing_found(*, out_of_time: bool, seconds: float) -> UserError:
    if out_of_time:
        return fail(
            "PPC3006",
            f"the search for an assignment found nothing within {seconds:g} s for each choice of HE parameters",
            help="narrow the choice: --targets, or `place` lines in the policy",
        )
    return fail(
        "PPC3003",
        "no assignment of the nodes to domains is legal",
        help="the HE nodes may be deeper than the largest parameters allow: let the policy offer mpc, tee or "
        "client to some of them",
    )


def dearer_by(outcome: Outcome, node: int, domain: Domain, time_limit: float = 2.0) -> float | None:
    """Seconds by which the plan would get dearer if `node` ran in `domain`, HE parameters as they are; None where that
    is impossible. Raises OutOfTime where the figure would not be exact."""
    k = DOMAINS.index(domain)
    p = outcome.problem
    only = tuple(c if i == k else None for i, c in enumerate(p.cost[node]))
    cost = tuple(only if v == node else c for v, c in enumerate(p.cost))
    forced = solve(replace(p, cost=cost), time_limit)
    if forced is not None and forced.gap > 1e-6:
        raise OutOfTime("the forced problem was not solved to its optimum")
    return None if forced is None else max(0.0, forced.value - outcome.solution.value)

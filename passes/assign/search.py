"""Assign every node to the domain that makes the whole plan cheapest."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from ppc.ir.diagnostic import InternalError, fail
from ppc.ir.module import Module, Stage
from ppc.ir.target import HeRung
from ppc.ir.types import Domain
from ppc.passes.assign.milp import Solution, solve
from ppc.passes.assign.problem import DOMAINS, Allowed, Pricing, Problem, build, op_nodes
from ppc.passes.assign.recheck import price


@dataclass(frozen=True)
class Outcome:
    """What the search found, for the report."""

    module: Module
    problem: Problem
    solution: Solution
    rung: HeRung


@dataclass(frozen=True)
class Assign:
    """Solve one program a rung of HE parameters and keep the cheapest answer; each is re-checked independently.

    Raises PPC3003 where no assignment is legal (a chain of HE nodes deeper than any parameters allow, say).
    """

    name: ClassVar[str] = "assign"
    allowed: Allowed
    recipients: Mapping[str, Domain]
    pricing: Pricing
    rungs: tuple[HeRung, ...]
    time_limit: float = 60.0

    def run(self, module: Module) -> Module:
        return self.search(module).module

    def search(self, module: Module) -> Outcome:
        best: tuple[Solution, Problem, HeRung] | None = None
        uses_he = any(Domain.HE in d for d in self.allowed.values())
        for rung in self.rungs if uses_he else self.rungs[:1]:
            problem = build(module, self.allowed, self.recipients, rung, self.pricing)
            solution = solve(problem, self.time_limit)
            if solution is None:
                continue
            recomputed = price(problem, solution.choice)
            if abs(recomputed - solution.value) > 1e-6 * max(1.0, abs(solution.value)):
                raise InternalError(f"the solver says {solution.value}, its assignment costs {recomputed}")
            if best is None or solution.value < best[0].value:
                best = solution, problem, rung
        if best is None:
            raise fail(
                "PPC3003",
                "no assignment of the nodes to domains is legal",
                help="the HE nodes may be deeper than the largest parameters allow: let the policy offer mpc, tee or "
                "client to some of them",
            )
        solution, problem, rung = best
        domains = {op.results[0]: DOMAINS[solution.choice[v]] for v, op in op_nodes(module).items()}
        ops = tuple(replace(op, domain=domains[op.results[0]]) for op in module.ops)
        return Outcome(replace(module, ops=ops, stage=Stage.ASSIGNED), problem, solution, rung)


def dearer_by(outcome: Outcome, node: int, domain: Domain, time_limit: float = 2.0) -> float | None:
    """Seconds by which the plan would get dearer if `node` ran in `domain`; None where that is impossible."""
    k = DOMAINS.index(domain)
    p = outcome.problem
    only = tuple(c if i == k else None for i, c in enumerate(p.cost[node]))
    cost = tuple(only if v == node else c for v, c in enumerate(p.cost))
    forced = solve(replace(p, cost=cost), time_limit)
    return None if forced is None else max(0.0, forced.value - outcome.solution.value)

"""Assign every node to the domain that makes the whole plan best."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ppc.ir.diagnostic import InternalError, UserError, fail
from ppc.ir.module import Module, Stage
from ppc.ir.refresh import with_refreshed
from ppc.ir.target import HeRung
from ppc.ir.types import Domain
from ppc.passes.assign import elimination
from ppc.passes.assign.audit import Audit
from ppc.passes.assign.build import DOMAINS, HE, Pricing, Rules, build, op_nodes
from ppc.passes.assign.optimum import ROUNDING, of_limits, optimum
from ppc.passes.assign.problem import OutOfTime, Problem, Solution
from ppc.passes.assign.recheck import copies_of, judge


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the search found, for the report. `problems`: of all rungs; `uses`: of each limit that is counted, what
    the plan takes and what it may, by the prices of single nodes."""

    module: Module
    rules: Rules
    problem: Problem
    solution: Solution
    rung: HeRung
    problems: tuple[Problem, ...]
    uses: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def he_levels(self) -> int:
        """The most levels that a value under HE has to enter with."""
        return max((level for k, level in self.solution.labels if k == HE), default=0)

    @cached_property
    def copies(self) -> dict[tuple[int, int], int]:
        """(node, place) -> level of arrival of every copy that the plan makes."""
        return copies_of(self.problem, self.solution.labels)

    @cached_property
    def dearer(self) -> NDArray[np.float64] | None:
        """(node, domain) -> what the objective grows by with that node there, everything else as good as can be (HE
        parameters included); infinite where that is not legal. Limits are not counted in, so where there are some a
        figure is a lower bound. None where the graph is too wide for the second pass."""
        try:
            least = np.min([elimination.marginals(p) for p in self.problems], axis=0)
        except elimination.TooWide:
            return None
        home = least[np.arange(self.problem.n), self.solution.choice]
        proven = not self.problem.limits and self.solution.gap == 0
        if proven and np.abs(home - self.solution.value).max() > ROUNDING * abs(self.solution.value):
            raise InternalError("the second pass does not agree with the optimum")
        by_domain = [
            least[:, [k for k, at in enumerate(self.rules.places) if at is d]].min(axis=1, initial=inf) for d in DOMAINS
        ]
        return np.maximum(np.stack(by_domain, axis=1) - self.solution.value, 0.0)


@dataclass(frozen=True)
class Assign:
    """Solve one problem a rung of HE parameters and keep the best answer; each is re-checked independently.

    Raises PPC3003 where no assignment is legal (a chain of HE nodes deeper than any parameters allow, say).
    """

    name: ClassVar[str] = "assign"
    rules: Rules
    pricing: Pricing
    rungs: tuple[HeRung, ...]
    time_limit: float = 60.0

    def run(self, module: Module) -> Module:
        return self.search(module).module

    def search(self, module: Module) -> Outcome:
        """Where no plan keeps the limits, by the prices of single nodes, the one that comes nearest to them."""
        uses_he = any(Domain.HE in d for d in self.rules.allowed.values())
        rungs = self.rungs if uses_he else self.rungs[:1]
        problems = [build(module, self.rules, rung, self.pricing) for rung in rungs]
        answers = self._answers(problems)
        if answers is None and problems[0].limits:
            answers = self._nearest(problems)
        if answers is None:
            raise _nothing_legal()
        solution, best = answers
        placed = _placed(module, problems[best], solution)
        levels = {op.results[0]: solution.labels[v][1] for v, op in op_nodes(placed).items() if op.domain is Domain.HE}
        audit = Audit(placed, self.rules, self.pricing, rungs[best], levels).run()
        audit.agrees(solution.value)
        return Outcome(placed, self.rules, problems[best], solution, rungs[best], tuple(problems), audit.limits())

    def _nearest(self, problems: list[Problem]) -> tuple[Solution, int] | None:
        """Where nothing keeps the limits: what uses the least of them. Of its objective nothing is proven."""
        answers = self._answers([of_limits(p) for p in problems])
        if answers is None:
            return None
        solution, best = answers
        value = judge(replace(problems[best], limits=()), solution.labels).value
        method = f"{solution.method}, for the limits alone"
        return replace(solution, value=value, bound=0.0, method=method), best

    def _answers(self, problems: list[Problem]) -> tuple[Solution, int] | None:
        """The best of all rungs, with a bound that is proven for all of them together."""
        best: tuple[Solution, int] | None = None
        bound, late = inf, False
        for i, problem in enumerate(problems):
            try:
                solution = optimum(problem, self.time_limit, inf if best is None else best[0].value)
            except OutOfTime:
                late = True  # a rung that was cut short without an answer proves nothing
                continue
            if solution is None:
                continue
            bound = min(bound, solution.bound)
            if best is None or solution.value < best[0].value:
                best = solution, i
        if best is None:
            if late:
                raise _out_of_time(self.time_limit)
            return None
        return replace(best[0], bound=0.0 if late else min(bound, best[0].value)), best[1]


def _placed(module: Module, p: Problem, solution: Solution) -> Module:
    """Every op with its domain, and with the operands that it reads refreshed."""
    at = {name: v for v, op in op_nodes(module).items() for name in op.results}
    ops = []
    for v, op in op_nodes(module).items():
        k, level = solution.labels[v]
        again = tuple(
            dict.fromkeys(
                o
                for o in op.operands
                if k == HE and (u := at.get(o)) is not None and solution.labels[u][0] == HE
                and solution.labels[u][1] - p.depth[u][HE] < level
            )
        )  # fmt: skip
        ops.append(replace(with_refreshed(op, again), domain=_domain(k)))
    return replace(module, ops=tuple(ops), stage=Stage.ASSIGNED)


def _domain(place: int) -> Domain:
    return DOMAINS[place] if place < len(DOMAINS) else Domain.CLIENT


def _nothing_legal() -> UserError:
    return fail(
        "PPC3003",
        "no assignment of the nodes to domains is legal",
        help="the HE nodes may be deeper than the largest parameters allow: let the policy offer mpc, tee or "
        "client to some of them",
    )


def _out_of_time(seconds: float) -> UserError:
    return fail(
        "PPC3006",
        f"the search for an assignment found nothing within {seconds:g} s for each choice of HE parameters",
        help="narrow the choice: --targets, or `place` lines in the policy",
    )

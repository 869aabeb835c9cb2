"""The exact optimum as a flow-shaped mixed-integer program, solved by HiGHS.

Variables: u[v,k,l] (binary, "v is in k at level l or above": levels are a chain, and the first of them says that v is
in k); f[v,j,k,l] (a copy of v's value from j arrives in k at level l or above, paid once for all readers; j = k is a
refresh); e[v,c,j,k] (v is in j and its reader c in k); z[k] (k is used). f and e are continuous: they are integral
wherever u is. Rows: (1) sum_k u[v,k,least] = 1, chains do not rise; (2) the flows e agree with u at both ends, and
e <= f for j != k; (3) u[c,k,l] <= u[v,k,l+depth] + sum_j f[v,j,k,l]; (4) f <= u[v,j,depth+exit]; (5) z >= u; a row a
limit, over its cap.
"""

from dataclasses import dataclass, field
from math import inf

import numpy as np

from ppc.passes.assign.problem import Costs, Labels, OutOfTime, Problem, Solution

#: scipy.optimize.milp: "Problem is infeasible."
INFEASIBLE = 2

Terms = list[tuple[int, float]]


def solve(p: Problem, time_limit: float = 60.0, labels: Labels | None = None) -> Solution | None:
    """The cheapest legal assignment, or None where it is proven that there is none. Raises OutOfTime.

    `labels`: those that may be used (none: all that are useful). HiGHS's tolerances are absolute, so costs are scaled
    to a median of 1 and the gap is asked to be 0; the answer is recomputed by `recheck` all the same.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    flow = _Flow(p, p.labels if labels is None else labels)
    if not flow.build():
        return None
    costs = np.array(flow.objective)
    scale = float(np.median(costs[costs > 0])) if (costs > 0).any() else 1.0
    matrix = csr_array((flow.v, (flow.r, flow.c)), shape=(len(flow.lo), len(costs)))
    result = milp(
        costs / scale,
        constraints=LinearConstraint(matrix, flow.lo, flow.hi),
        integrality=np.array(flow.integral),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0, "time_limit": time_limit},
    )
    if result.x is None:
        if result.status == INFEASIBLE:
            return None
        raise OutOfTime(f"no answer after {time_limit:g} s")
    bound = result.mip_dual_bound if result.mip_dual_bound is not None else result.fun
    return Solution(flow.read(result.x), float(result.fun) * scale, float(bound) * scale, "flow MILP")


@dataclass
class _Flow:
    """Columns and sparse rows lo <= a x <= hi, collected as triplets."""

    p: Problem
    labels: Labels
    objective: list[float] = field(default_factory=list)
    integral: list[int] = field(default_factory=list)
    r: list[int] = field(default_factory=list)
    c: list[int] = field(default_factory=list)
    v: list[float] = field(default_factory=list)
    lo: list[float] = field(default_factory=list)
    hi: list[float] = field(default_factory=list)
    u: list[list[dict[int, int]]] = field(default_factory=list)  # by node and domain: level -> column
    used: list[Terms] = field(default_factory=list)  # of each limit

    def build(self) -> bool:
        """False where a node has no label at all."""
        p = self.p
        self.used = [[] for _ in p.limits]
        for v in range(p.n):
            if not any(self.labels[v]):
                return False
            self.u.append([self._chain(v, k) for k in range(len(p.tops))])
            self._row([(self._in(v, k), 1.0) for k in self._domains(v)], 1, 1)
        for v in range(p.n):
            if p.consumers[v]:
                self._value(v)
        self._setups()
        for limit, terms in zip(p.limits, self.used, strict=True):
            unit = limit.most if limit.most > 0 else 1.0
            self._row([(column, a / unit) for column, a in terms], -inf, limit.most / unit)
        return True

    def read(self, x: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[tuple[int, int], ...]:
        """The labels of a solution."""
        found = []
        for v, chains in enumerate(self.u):
            k = max(self._domains(v), key=lambda k: x[self._in(v, k)])
            found.append((k, max([level for level, u in chains[k].items() if x[u] > 0.5] or [self.labels[v][k][0]])))
        return tuple(found)

    def _column(self, cost: float, integral: bool = False) -> int:
        self.objective.append(cost)
        self.integral.append(int(integral))
        return len(self.objective) - 1

    def _row(self, terms: Terms, lo: float, hi: float) -> None:
        for column, value in terms:
            self.r.append(len(self.lo))
            self.c.append(column)
            self.v.append(value)
        self.lo.append(lo)
        self.hi.append(hi)

    def _domains(self, v: int) -> list[int]:
        return [k for k, levels in enumerate(self.labels[v]) if levels]

    def _in(self, v: int, k: int) -> int:
        """The column that says that v is in k."""
        return self.u[v][k][self.labels[v][k][0]]

    def _steps(self, levels: tuple[int, ...], at: tuple[int, ...], v: int, kind: str) -> dict[int, int]:
        """One column a level, each costing what it adds to the one below; in the objective and in every limit."""
        columns: dict[int, int] = {}
        last = [0.0] * (1 + len(self.p.limits))
        for level in levels:
            now = [_at(costs, kind, v, (*at, level)) for costs in (self.p.costs, *(m.costs for m in self.p.limits))]
            column = self._column(now[0] - last[0], integral=kind == "node")
            for terms, new, old in zip(self.used, now[1:], last[1:], strict=True):
                if new != old:
                    terms.append((column, new - old))
            if columns:
                self._row([(next(reversed(columns.values())), 1.0), (column, -1.0)], 0, inf)
            columns[level], last = column, now
        return columns

    def _chain(self, v: int, k: int) -> dict[int, int]:
        return self._steps(self.labels[v][k], (k,), v, "node")

    def _value(self, v: int) -> None:
        """Copies of v's value, and the flows to its readers."""
        p, readers = self.p, self.p.consumers[v]
        copies: dict[tuple[int, int], dict[int, int]] = {}
        goals = sorted({k for c in readers for k in self._domains(c)})
        for j in self._domains(v):
            leaves = next((u for level, u in self.u[v][j].items() if level >= p.depth[v][j] + p.exits[j]), None)
            for k in goals:
                if leaves is None or (j == k and not p.tops[k]):
                    continue
                wanted = sorted({level for c in readers for level in self.labels[c][k]})
                possible = tuple(level for level in wanted if p.costs.move[v][j, k, level] < inf)
                if possible:
                    copies[j, k] = found = self._steps(possible, (j, k), v, "move")
                    self._row([(found[possible[0]], 1.0), (leaves, -1.0)], -inf, 0)
        for c in readers:
            self._edge(v, c, copies)

    def _edge(self, v: int, c: int, copies: dict[tuple[int, int], dict[int, int]]) -> None:
        p = self.p
        sources, targets = self._domains(v), self._domains(c)
        flow = {(j, k): self._column(0.0) for j in sources for k in targets if j == k or (j, k) in copies}
        for j in sources:
            self._row([(e, 1.0) for (a, _), e in flow.items() if a == j] + [(self._in(v, j), -1.0)], 0, 0)
        for k in targets:
            self._row([(e, 1.0) for (_, b), e in flow.items() if b == k] + [(self._in(c, k), -1.0)], 0, 0)
        for (j, k), e in flow.items():
            if j != k and (first := _least(copies[j, k], self.labels[c][k][0])) is not None:
                self._row([(first, 1.0), (e, -1.0)], 0, inf)
        for k in targets:
            for level, u in self.u[c][k].items():
                ready = [_least(found, level) for (_, b), found in copies.items() if b == k]
                terms = [(column, 1.0) for column in ready if column is not None]
                own = _least(self.u[v][k], level + p.depth[v][k])
                terms += [(own, 1.0)] if own is not None else []
                self._row([*terms, (u, -1.0)], 0, inf)

    def _setups(self) -> None:
        p = self.p
        measures = (p.costs, *(limit.costs for limit in p.limits))
        for k in range(len(p.tops)):
            if not any(costs.setup[k] for costs in measures):
                continue
            z = self._column(p.costs.setup[k], integral=True)
            for terms, limit in zip(self.used, p.limits, strict=True):
                terms.append((z, limit.costs.setup[k]))
            for v in range(p.n):
                if self.labels[v][k]:
                    self._row([(z, 1.0), (self._in(v, k), -1.0)], 0, inf)


def _least(columns: dict[int, int], level: int) -> int | None:
    """The column that says "at this level or above": that of the lowest level in the chain that is high enough."""
    return next((column for at, column in columns.items() if at >= level), None)


def _at(costs: Costs, kind: str, v: int, index: tuple[int, ...]) -> float:
    return float((costs.node if kind == "node" else costs.move)[v][index])

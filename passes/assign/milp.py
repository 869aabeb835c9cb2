"""The exact optimum as a flow-shaped mixed-integer program, solved by HiGHS.

Variables: x[v,k] (binary, node v in domain k); e[v,c,j,k] (edge v -> c with v in j and c in k) and f[v,j,k] (the copy
of v's value from j into k, paid once), both continuous because they are integral whenever x is; z[k] (domain k is
used); t[v] (level left in v's ciphertext). Constraints: sum_k x = 1; the flows e agree with x at both ends; e <= f for
j != k; levels fall along HE-HE edges by the depth of the consumer.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from ppc.ir.target import EXIT_LEVEL
from ppc.passes.assign.problem import HE, Problem

#: scipy.optimize.milp: "Problem is infeasible."
INFEASIBLE = 2


@dataclass(frozen=True)
class Solution:
    """A domain index a node; the objective in seconds; the proven lower bound."""

    choice: tuple[int, ...]
    value: float
    bound: float

    @property
    def gap(self) -> float:
        return 0.0 if self.value <= 0 else max(0.0, self.value - self.bound) / self.value


class _Rows:
    """Sparse rows lo <= a x <= hi, collected as triplets."""

    def __init__(self) -> None:
        self.r: list[int] = []
        self.c: list[int] = []
        self.v: list[float] = []
        self.lo: list[float] = []
        self.hi: list[float] = []

    def add(self, terms: list[tuple[int, float]], lo: float, hi: float) -> None:
        row = len(self.lo)
        for column, value in terms:
            self.r.append(row)
            self.c.append(column)
            self.v.append(value)
        self.lo.append(lo)
        self.hi.append(hi)


class OutOfTime(Exception):
    """The time limit came before a first answer: nothing is known, least of all that there is none."""


def solve(p: Problem, time_limit: float = 60.0) -> Solution | None:
    """The cheapest legal assignment, or None where it is proven that there is none. Raises OutOfTime.

    HiGHS's tolerances are absolute, so costs are scaled to a median of 1 and the gap is asked to be 0; the answer is
    recomputed by `ppc.passes.assign.recheck` all the same.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    K = range(len(p.setup))
    column: dict[tuple[object, ...], int] = {}
    objective: list[float] = []
    integral: list[int] = []
    upper: list[float] = []

    def variable(key: tuple[object, ...], cost: float, integer: bool = False, top: float = 1.0) -> int:
        column[key] = len(objective)
        objective.append(cost)
        integral.append(int(integer))
        upper.append(top)
        return column[key]

    rows = _Rows()
    for v in range(p.n):
        for k in K:
            cost = p.cost[v][k]
            if cost is not None:
                variable(("x", v, k), cost, integer=True)
        if p.cost[v][HE] is not None:
            variable(("t", v), 0.0, top=float(p.levels))
        rows.add([(column["x", v, k], 1.0) for k in K if ("x", v, k) in column], 1, 1)
    for k in K:
        if p.setup[k] > 0:
            z = variable(("z", k), p.setup[k])
            for v in range(p.n):
                if ("x", v, k) in column:
                    rows.add([(z, 1.0), (column["x", v, k], -1.0)], 0, inf)
    for c in range(p.n):
        for v in p.preds[c]:
            _edge(p, v, c, column, variable, rows)
    big = float(p.levels + 1)
    for (kind, *key), f in list(column.items()):
        if kind == "f" and key[1] == HE:  # a ciphertext that leaves through shares keeps EXIT_LEVEL levels
            rows.add([(column["t", key[0]], 1.0), (f, -float(EXIT_LEVEL))], 0, inf)
        if kind == "e" and key[2] == HE and key[3] == HE:
            v, c = int(key[0]), int(key[1])  # type: ignore[call-overload]
            rows.add([(column["t", v], 1.0), (column["t", c], -1.0), (f, -big)], p.depth[c] - big, inf)
    for v in range(p.n):  # a node that starts from copies loses its depth from the top level
        if ("t", v) in column:
            rows.add([(column["t", v], 1.0), (column["x", v, HE], float(p.depth[v]))], -inf, float(p.levels))

    scale = float(np.median([c for c in objective if c > 0])) if any(c > 0 for c in objective) else 1.0
    matrix = csr_array((rows.v, (rows.r, rows.c)), shape=(len(rows.lo), len(objective)))
    result = milp(
        np.array(objective) / scale,
        constraints=LinearConstraint(matrix, rows.lo, rows.hi),
        integrality=np.array(integral),
        bounds=Bounds(0, np.array(upper)),
        options={"mip_rel_gap": 0.0, "time_limit": time_limit},
    )
    if result.x is None:
        if result.status == INFEASIBLE:
            return None
        raise OutOfTime(f"no answer after {time_limit:g} s")
    choice = tuple(
        max(K, key=lambda k: result.x[column["x", v, k]] if ("x", v, k) in column else -1.0) for v in range(p.n)
    )
    bound = result.mip_dual_bound if result.mip_dual_bound is not None else result.fun
    return Solution(choice, float(result.fun) * scale, float(bound) * scale)


def _edge(p: Problem, v: int, c: int, column, variable, rows) -> None:  # type: ignore[no-untyped-def]
    """Flow variables and rows of the edge v -> c."""
    source = [j for j in range(len(p.setup)) if ("x", v, j) in column]
    target = [k for k in range(len(p.setup)) if ("x", c, k) in column]
    flow = {}
    for j in source:
        for k in target:
            if p.move[v][j][k] == inf:
                continue
            flow[j, k] = variable(("e", v, c, j, k), 0.0)
            if j != k:
                f = column.get(("f", v, j, k))
                if f is None:
                    f = variable(("f", v, j, k), p.move[v][j][k])
                rows.add([(f, 1.0), (flow[j, k], -1.0)], 0, inf)
    for j in source:
        rows.add([(e, 1.0) for (a, _), e in flow.items() if a == j] + [(column["x", v, j], -1.0)], 0, 0)
    for k in target:
        rows.add([(e, 1.0) for (_, b), e in flow.items() if b == k] + [(column["x", c, k], -1.0)], 0, 0)

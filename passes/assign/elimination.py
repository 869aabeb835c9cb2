"""The exact optimum by eliminating variables (dynamic programming over a tree decomposition), and its min-marginals.

Nets have treewidth 2 to 4, so that tables stay small. Set-up costs are paid by sets: one leading axis of every table
goes over the sets of charged domains that may be used, each set with its price, and the cheapest one wins. Limits are
not seen here. Min-marginals (the cost of the whole plan with one node in one domain) come from a second pass, outward
from the root, as in belief propagation.
"""

import heapq
from dataclasses import dataclass
from itertools import combinations
from math import inf, prod

import numpy as np
from numpy.typing import NDArray

from ppc.passes.assign.factors import Factor, Factors, Table
from ppc.passes.assign.problem import Labels, Problem, Solution

#: Entries of the largest table, and of all tables together where they are kept for the second pass.
LARGEST_TABLE, ALL_TABLES = 20_000_000, 60_000_000


class TooWide(Exception):
    """The graph needs a table with more entries than fit."""


@dataclass(frozen=True)
class _Step:
    """One variable and the neighbours that it had when it was eliminated."""

    variable: int
    scope: tuple[int, ...]


@dataclass(frozen=True)
class _Sets:
    """Sets of domains that may be used, one a row, and what their set-up costs."""

    allowed: NDArray[np.bool_]  # (set, domain)
    price: NDArray[np.float64]


def solve(p: Problem, labels: Labels | None = None) -> Solution | None:
    """The cheapest assignment, limits aside; None where there is none. Raises TooWide."""
    labels = p.labels if labels is None else labels
    if not all(map(any, labels)):
        return None
    run = _Elimination(p, labels)
    best: tuple[float, list[int]] | None = None
    for sets in run.chunks(LARGEST_TABLE // run.largest):
        found = run.inward(sets, keep=False)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        return None
    chosen = tuple(run.factors.labels[v][best[1][v]] for v in range(p.n))
    return Solution(chosen, best[0], best[0], "elimination")


def marginals(p: Problem) -> NDArray[np.float64]:
    """(node, domain) -> the least cost of a plan with that node there, limits aside; infinite where there is none.

    Raises TooWide.
    """
    least = np.full((p.n, len(p.tops)), inf)
    if not all(map(any, p.labels)):
        return least
    run = _Elimination(p, p.labels)
    for sets in run.chunks(min(LARGEST_TABLE // run.largest, max(1, ALL_TABLES // run.entries))):
        if run.inward(sets, keep=True) is not None:
            run.outward(sets, least)
    return least


class _Elimination:
    def __init__(self, p: Problem, labels: Labels):
        self.p = p
        self.factors = Factors.of(p, labels)
        self.steps = _order(self.factors)
        sizes = self.factors.sizes
        tables = [sizes[s.variable] * prod(sizes[a] for a in s.scope) for s in self.steps]
        self.largest, self.entries = max(tables, default=1), max(sum(tables), 1)
        self.position = {step.variable: i for i, step in enumerate(self.steps)}
        self.at: list[list[Factor]] = [[] for _ in self.steps]
        for factor in self.factors.factors:
            self.at[min(self.position[a] for a in factor.scope)].append(factor)
        self.bags: list[Table] = []
        self.messages: list[Table] = []

    def chunks(self, most: int) -> list[_Sets]:
        """Every set of domains that leaves each node a label, at most `most` at a time."""
        p = self.p
        having = [frozenset(k for k, _ in labels) for labels in dict.fromkeys(self.factors.labels)]
        charged = [k for k in range(len(p.tops)) if p.costs.setup[k] > 0 and any(k in ks for ks in having)]
        free = frozenset(range(len(p.tops))) - frozenset(charged)
        sets = [free | set(some) for n in range(len(charged) + 1) for some in combinations(charged, n)]
        sets = [s for s in sets if all(s & ks for ks in having)]
        found = []
        for i in range(0, len(sets), max(1, most)):
            some = sets[i : i + max(1, most)]
            allowed = np.array([[k in s for k in range(len(p.tops))] for s in some])
            found.append(_Sets(allowed, np.array([sum(p.costs.setup[k] for k in s if k in charged) for s in some])))
        return found

    def inward(self, sets: _Sets, keep: bool) -> tuple[float, list[int]] | None:
        """Eliminate every variable: the least cost, and the state of each; None where every set is impossible."""
        waiting: list[list[Factor]] = [[] for _ in self.steps]
        total = sets.price.copy()
        picks: list[NDArray[np.int32]] = []
        self.bags, self.messages = [], []
        masks: dict[object, Table] = {}
        for i, step in enumerate(self.steps):
            full = (*step.scope, step.variable)
            table = np.zeros((len(total), *(self.factors.sizes[a] for a in full)))
            for factor in (*self.at[i], *waiting[i]):
                table += _aligned(factor, full, self.factors.sizes)
            if step.variable < self.p.n:
                labels = self.factors.labels[step.variable]
                if labels not in masks:
                    masks[labels] = np.where(sets.allowed[:, [k for k, _ in labels]], 0.0, inf)
                table += masks[labels].reshape(len(total), *[1] * len(step.scope), -1)
            waiting[i] = []
            picks.append(table.argmin(-1).astype(np.int32))
            message = table.min(-1)
            if keep:
                self.bags.append(table)
                self.messages.append(message)
            if step.scope:
                waiting[min(self.position[a] for a in step.scope)].append(Factor(step.scope, message))
            else:
                total = total + message
        best = int(total.argmin())
        if not np.isfinite(total[best]):
            return None
        self.total = total
        states = dict[int, int]()
        for step, pick in zip(reversed(self.steps), reversed(picks), strict=True):
            states[step.variable] = int(pick[(best, *(states[a] for a in step.scope))])
        return float(total[best]), [states[v] for v in range(self.p.n)]

    def outward(self, sets: _Sets, least: NDArray[np.float64]) -> None:
        """The second pass: every bag becomes the cost of the whole plan; lowers `least` by what it shows."""
        for i in reversed(range(len(self.steps))):
            step = self.steps[i]
            if step.scope:
                parent = min(self.position[a] for a in step.scope)
                outside = self._outside(step, parent)
                with np.errstate(invalid="ignore"):
                    rest = np.where(np.isfinite(self.messages[i]), outside - self.messages[i], inf)
            else:
                with np.errstate(invalid="ignore"):
                    rest = np.where(np.isfinite(self.messages[i]), self.total - self.messages[i], inf)
            self.bags[i] += rest[..., None]
            if step.variable < self.p.n:
                of_state = self.bags[i].min(axis=tuple(range(1 + len(step.scope))))
                for (k, _), cost in zip(self.factors.labels[step.variable], of_state, strict=True):
                    least[step.variable, k] = min(least[step.variable, k], cost)

    def _outside(self, step: _Step, parent: int) -> Table:
        """The least cost of the whole plan by the states of a step's neighbours, which are all in its parent's bag."""
        full = (*self.steps[parent].scope, self.steps[parent].variable)
        others = tuple(j for j, a in enumerate(full, 1) if a not in step.scope)
        table = self.bags[parent].min(axis=others) if others else self.bags[parent]
        kept = [a for a in full if a in step.scope]
        return table.transpose(0, *(1 + kept.index(a) for a in step.scope))


def _aligned(factor: Factor, full: tuple[int, ...], sizes: dict[int, int]) -> Table:
    """A table with the axes (sets, *full). A factor of the problem is the same for every set; a message is not."""
    scope, table = factor.scope, factor.table
    if table.ndim == len(scope):
        table = table[None]
    order = sorted(range(len(scope)), key=lambda i: full.index(scope[i]))
    table = table.transpose(0, *(1 + i for i in order))
    return table.reshape(table.shape[0], *(sizes[a] if a in scope else 1 for a in full))


def _order(factors: Factors) -> list[_Step]:
    """Greedy: always the variable with the smallest table. Raises TooWide."""
    sizes = factors.sizes
    near: dict[int, set[int]] = {v: set() for v in sizes}
    for factor in factors.factors:
        if len(factor.scope) == 2:
            a, b = factor.scope
            near[a].add(b)
            near[b].add(a)

    def weight(v: int) -> int:
        return sizes[v] * prod(sizes[a] for a in near[v])

    heap = [(weight(v), v) for v in sizes]
    heapq.heapify(heap)
    done = set[int]()
    steps = []
    while heap:
        size, v = heapq.heappop(heap)
        if v in done or size != weight(v):
            continue
        if size > LARGEST_TABLE:
            raise TooWide(f"a table of {size:.3g} entries")
        done.add(v)
        neighbours = tuple(sorted(near[v]))
        steps.append(_Step(v, neighbours))
        for a in neighbours:
            near[a].discard(v)
            near[a].update(b for b in neighbours if b != a)
        for a in neighbours:
            heapq.heappush(heap, (weight(a), a))
    return steps

"""The assignment problem as numbers: what the solvers see and what the check recomputes.

A label is (k, l): domain k, and the level l at which the node reads its operands. A domain without levels has only
level 0, so that HE and the others are the same thing to a solver.

    node v in (k, l)   its value is there in k up to level l - depth[v][k]; dropping levels is free
    a copy of v in k   arrives at any level up to tops[k]; paid once per (v, k), at the highest level that is read;
                       from k to k it is a refresh. What is copied has exits[k] levels left in its own domain
    reader in (k, l)   needs each operand in k at level l or above
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Label = tuple[int, int]
Curves = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Costs:
    """One additive measure of a plan. It never falls with the level; infinite where something is not possible.

    `node[v]`: (domain, level); `move[v]`: (from, to, level of arrival); `setup`: once for a domain that is used.
    """

    node: tuple[Curves, ...]
    move: tuple[Curves, ...]
    setup: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Limit:
    """A measure that may be `most` in total."""

    name: str
    most: float
    costs: Costs


@dataclass(frozen=True, eq=False)
class Problem:
    """Nodes 0..n-1 in program order; `preds[v]`: the nodes whose values v reads, each once."""

    names: tuple[str, ...]
    preds: tuple[tuple[int, ...], ...]
    tops: tuple[int, ...]  # highest level, by domain; 0 for a domain without levels
    exits: tuple[int, ...]  # levels that must be left in a value that is copied out of a domain
    depth: tuple[tuple[int, ...], ...]  # levels that a node takes, by domain
    costs: Costs
    limits: tuple[Limit, ...] = ()

    @property
    def n(self) -> int:
        return len(self.names)

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """Which nodes read the value of each."""
        out: list[list[int]] = [[] for _ in range(self.n)]
        for v, preds in enumerate(self.preds):
            for p in preds:
                out[p].append(v)
        return tuple(map(tuple, out))

    @cached_property
    def labels(self) -> "Labels":
        return useful(self)

    def only(self, node: int, domain: int) -> "Problem":
        """With a node bound to a domain."""
        forced = self.costs.node[node].copy()
        forced[np.arange(len(self.tops)) != domain] = np.inf
        node_costs = (*self.costs.node[:node], forced, *self.costs.node[node + 1 :])
        return replace(self, costs=replace(self.costs, node=node_costs))


#: By node and domain: the levels that a solver has to look at.
Labels = tuple[tuple[tuple[int, ...], ...], ...]


def useful(p: Problem) -> Labels:
    """Levels that some optimum uses: costs never fall with the level, so a node runs at the least one that its readers
    allow, and those are sums of depths (and of what a copy must have left)."""
    domains = range(len(p.tops))
    none: tuple[int, ...] = ()
    found: list[tuple[tuple[int, ...], ...]] = [()] * p.n
    interned: dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = {}
    possible = [np.isfinite(node) for node in p.costs.node]
    for v in reversed(range(p.n)):
        row = []
        for k in domains:
            depth, some = p.depth[v][k], possible[v][k]
            if not p.tops[k]:
                row.append((0,) if some[0] else none)
                continue
            wanted = {0, p.exits[k]} if p.consumers[v] else {0}
            for c in p.consumers[v]:
                wanted.update(found[c][k])
            row.append(tuple(sorted(depth + w for w in wanted if depth + w <= p.tops[k] and some[depth + w])))
        labels = tuple(row)
        found[v] = interned.setdefault(labels, labels)
    return tuple(found)


def flat(labels: Sequence[tuple[int, ...]]) -> tuple[Label, ...]:
    """The labels of one node as pairs."""
    return tuple((k, level) for k, levels in enumerate(labels) for level in levels)


@dataclass(frozen=True)
class Solution:
    """A label a node; the objective; the proven lower bound; who found it."""

    labels: tuple[Label, ...]
    value: float
    bound: float
    method: str

    @property
    def choice(self) -> tuple[int, ...]:
        """The domain of each node."""
        return tuple(k for k, _ in self.labels)

    @property
    def gap(self) -> float:
        return 0.0 if self.value <= 0 else max(0.0, self.value - self.bound) / self.value


class OutOfTime(Exception):
    """The time limit came before a first answer: nothing is known, least of all that there is none."""

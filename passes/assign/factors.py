"""The assignment problem as a graph of variables and pairwise tables, so that it keeps the treewidth of the program.

Variable v < n is the label of node v. A value with several readers has a second variable n + v, its availability: by
domain the highest level at which it can be read there. The table between the two holds the least cost of the copies.
"""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ppc.passes.assign.problem import Curves, Label, Labels, Problem, flat

Table = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Factor:
    """A table over one or two variables. `unary` tables get the costs of the label sets besides (`elimination`)."""

    scope: tuple[int, ...]
    table: Table


@dataclass
class Factors:
    """Tables of one problem. `labels[v]`: the pairs that the states of variable v stand for."""

    p: Problem
    useful: Labels
    labels: list[tuple[Label, ...]] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    factors: list[Factor] = field(default_factory=list)
    _shared: dict[object, object] = field(default_factory=dict)  # tables of nodes that are alike

    @staticmethod
    def of(p: Problem, useful: Labels) -> "Factors":
        made = Factors(p, useful)
        pairs: dict[object, tuple[Label, ...]] = {}
        for v in range(p.n):
            made.labels.append(pairs.setdefault(useful[v], flat(useful[v])))
            made.sizes[v] = len(made.labels[v])
        for v in range(p.n):
            made._node(v)
        return made

    def _node(self, v: int) -> None:
        p, labels = self.p, self.labels[v]
        home = _columns(labels)
        self.factors.append(Factor((v,), p.costs.node[v][home[0], home[1]]))
        readers = p.consumers[v]
        if len(readers) == 1:
            self.factors.append(Factor((v, readers[0]), self._edge(v, readers[0])))
        elif readers:
            wanted = tuple(
                tuple(sorted({level for c in readers for level in self.useful[c][k]})) for k in range(len(p.tops))
            )
            states, table = self._hub(v, wanted)
            self.sizes[p.n + v] = len(states)
            self.factors.append(Factor((v, p.n + v), table))
            for c in readers:
                self.factors.append(Factor((p.n + v, c), self._reads(states, self.labels[c])))

    def _edge(self, v: int, c: int) -> Table:
        """(label of v, label of its only reader): the cost of the copy that the reader needs."""
        p = self.p
        key = "edge", self.labels[v], p.depth[v], id(p.costs.move[v]), self.labels[c]
        if key not in self._shared:
            (k, level), (k2, level2) = _columns(self.labels[v]), _columns(self.labels[c])
            left = level - np.array(p.depth[v])[k]
            free = (k[:, None] == k2) & (left[:, None] >= level2)
            leaves = left >= np.array(p.exits)[k]
            cost = np.where(leaves[:, None], p.costs.move[v][k[:, None], k2, level2], np.inf)
            self._shared[key] = np.where(free, 0.0, cost)
        found = self._shared[key]
        assert isinstance(found, np.ndarray)
        return found

    def _reads(self, states: Ints, labels: tuple[Label, ...]) -> Table:
        """(availability, label of a reader): 0 where the value is there, else infinite."""
        key = "reads", id(states), labels
        if key not in self._shared:
            k, level = _columns(labels)
            self._shared[key] = np.where(states[:, k] >= level, 0.0, np.inf)
        found = self._shared[key]
        assert isinstance(found, np.ndarray)
        return found

    def _hub(self, v: int, wanted: tuple[tuple[int, ...], ...]) -> tuple[Ints, Table]:
        """States (state, domain) -> highest level at which the value can be read there, -1 for not at all; and
        (label of v, state): the least cost of the copies that bring it about."""
        p = self.p
        shape = "hub", self.labels[v], p.depth[v], wanted
        if shape not in self._shared:
            self._shared[shape] = _ways(self.labels[v], p.depth[v], p.exits, wanted)
        ways = self._shared[shape]
        assert isinstance(ways, _Ways)
        key = "costs", shape, id(p.costs.move[v])
        if key not in self._shared:
            self._shared[key] = ways.cheapest(p.costs.move[v])
        found = self._shared[key]
        assert isinstance(found, np.ndarray)
        return ways.states, found


@dataclass(frozen=True, eq=False)
class _Ways:
    """Every choice of copies for every label of a value: way i starts from `label[i]`, ends in state `state[i]`."""

    states: Ints
    labels: int
    label: Ints
    state: Ints
    home: Ints
    arrival: Ints  # (way, domain): level at which a copy arrives, -1 for none

    def cheapest(self, move: Curves) -> Table:
        cost = np.zeros(len(self.label))
        for k in range(self.arrival.shape[1]):
            level = self.arrival[:, k]
            cost += np.where(level >= 0, move[self.home, k, level], 0.0)
        table = np.full((self.labels, len(self.states)), np.inf)
        np.minimum.at(table, (self.label, self.state), cost)
        return table


def _ways(
    labels: tuple[Label, ...], depth: tuple[int, ...], exits: tuple[int, ...], wanted: tuple[tuple[int, ...], ...]
) -> _Ways:
    states: dict[tuple[int, ...], int] = {}
    rows = []
    for i, (home, level) in enumerate(labels):
        left = level - depth[home]
        own = max((w for w in wanted[home] if w <= left), default=-1)
        base = tuple(own if k == home else -1 for k in range(len(wanted)))
        options = [(-1, *(w for w in levels if w > base[k])) for k, levels in enumerate(wanted)]
        if left < exits[home]:
            options = [(-1,)] * len(wanted)
        for arrival in product(*options):
            state = tuple(map(max, arrival, base))
            rows.append((i, states.setdefault(state, len(states)), home, *arrival))
    table = np.array(rows, np.int64).reshape(len(rows), 3 + len(wanted))
    return _Ways(np.array(list(states), np.int64), len(labels), table[:, 0], table[:, 1], table[:, 2], table[:, 3:])


def _columns(labels: tuple[Label, ...]) -> tuple[Ints, Ints]:
    table = np.array(labels, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]

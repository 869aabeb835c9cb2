"""The assignment problem of a module, priced."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np

from ppc.ir.module import Module, Op
from ppc.ir.objective import Objective
from ppc.ir.target import EXIT_LEVEL, ConversionCosts, Cost, HeRung, Network, Targets
from ppc.ir.types import Domain
from ppc.passes.assign import measures
from ppc.passes.assign.measures import LIMITED, Measure
from ppc.passes.assign.problem import Costs, Curves, Limit, Problem

DOMAINS = (Domain.HE, Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER)
HE, MPC, TEE, CLIENT, SERVER = range(len(DOMAINS))
#: Where nobody may have to answer in the middle of a run, the client after it got something back is a place of its
#: own: nothing leads from there to the others.
AFTER = len(DOMAINS)

#: Moves that take a value through shares on the way; the last is a refresh.
THROUGH_SHARES = frozenset({(HE, TEE), (TEE, HE), (HE, HE)})


@dataclass(frozen=True)
class Pricing:
    """Everything a cost depends on besides the module."""

    targets: Targets
    conversions: ConversionCosts
    network: Network
    setup: Mapping[Domain, Cost]
    objective: Objective = field(default_factory=Objective)


@dataclass(frozen=True)
class Rules:
    """What is legal, from the policy and the targets; the reasons are kept elsewhere (`candidates`).

    `allowed`: domains of each op, by its first result. `shares`: values that may be shared between client and server on
    their way. `recipients`: where each output has to be in clear. `refreshes`: a value may go out of HE and back for
    its levels. `limits`: by the words of a policy.
    """

    allowed: Mapping[str, frozenset[Domain]]
    shares: frozenset[str]
    recipients: Mapping[str, tuple[Domain, ...]]
    interactive: bool = True
    refreshes: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def places(self) -> tuple[Domain, ...]:
        """The domain behind every index of a problem."""
        return DOMAINS if self.interactive else (*DOMAINS, Domain.CLIENT)


def build(module: Module, rules: Rules, rung: HeRung, pricing: Pricing) -> Problem:
    """The problem of a LABELLED or APPROXIMATED module: graph inputs, ops, then one node an output
    and recipient.

    Graph inputs start in clear at the client; an output ends in its recipient's domain.
    """
    return _Builder(module, rules, rung, pricing).run()


def op_nodes(module: Module) -> dict[int, Op]:
    """Which node of the problem stands for which op."""
    first = len(module.inputs)
    return {first + i: op for i, op in enumerate(module.ops)}


class _Builder:
    def __init__(self, module: Module, rules: Rules, rung: HeRung, pricing: Pricing):
        self.module, self.rules, self.rung, self.pricing = module, rules, rung, pricing
        self.places = rules.places
        rows = [(m, most) for word, most in rules.limits.items() if word in LIMITED
                for m in LIMITED[word](pricing.network)]  # fmt: skip
        self.measures = (measures.objective(pricing.objective, pricing.network), *(m for m, _ in rows))
        self.most = [most for _, most in rows]
        self.names: list[str] = []
        self.preds: list[tuple[int, ...]] = []
        self.depth: list[tuple[int, ...]] = []
        self.node_costs: list[list[Curves]] = [[] for _ in self.measures]
        self.move_costs: list[list[Curves]] = [[] for _ in self.measures]
        self.moves: dict[object, list[Curves]] = {}  # of values that are alike

    def run(self) -> Problem:
        at: dict[str, int] = {}
        module, nothing = self.module, [Cost()] * (self.rung.levels + 1)
        for value in module.inputs:
            at[value] = self._add(value, (), {CLIENT: nothing[:1]}, 0, value)
        for op in module.ops:
            v = self._add(op.results[0], [at[o] for o in op.operands if o in at], self._costs(op), self._depth(op),
                          op.results[0])  # fmt: skip
            at.update(dict.fromkeys(op.results, v))
        for value in module.outputs:
            for goal in self.rules.recipients[value]:
                place = AFTER if goal is Domain.CLIENT and not self.rules.interactive else DOMAINS.index(goal)
                self._add(f"output {value}", [at[value]], {place: nothing[:1]}, 0, None)
        levels = tuple(self.rung.levels if d is Domain.HE else 0 for d in self.places)
        made = [
            Costs(tuple(node), tuple(move), self._setup(m))
            for m, node, move in zip(self.measures, self.node_costs, self.move_costs, strict=True)
        ]
        limits = tuple(Limit(m.name, most, costs) for m, most, costs in
                       zip(self.measures[1:], self.most, made[1:], strict=True))  # fmt: skip
        exits = tuple(EXIT_LEVEL if d is Domain.HE else 0 for d in self.places)
        return Problem(tuple(self.names), tuple(self.preds), levels, exits, tuple(self.depth), made[0], limits)

    def _add(
        self, name: str, sources: Iterable[int], costs: Mapping[int, Sequence[Cost]], depth: int, value: str | None
    ) -> int:
        self.names.append(name)
        self.preds.append(tuple(dict.fromkeys(sources)))
        self.depth.append(tuple(depth if d is Domain.HE else 0 for d in self.places))
        for measure, into in zip(self.measures, self.node_costs, strict=True):
            table = self._blank(len(self.places))
            for k, by_level in costs.items():
                _fill(table[k], [measure.node(cost, self.places[k]) for cost in by_level])
            into.append(table)
        for curves, into in zip(self._moves(value), self.move_costs, strict=True):
            into.append(curves)
        return len(self.names) - 1

    def _blank(self, *shape: int) -> Curves:
        return np.full((*shape, self.rung.levels + 1), inf)

    def _depth(self, op: Op) -> int:
        may = Domain.HE in self.rules.allowed[op.results[0]]
        return self.pricing.targets[Domain.HE].depth(op, self.module) if may else 0

    def _costs(self, op: Op) -> dict[int, list[Cost]]:
        found = {}
        for k, domain in enumerate(self.places):
            if domain in self.rules.allowed[op.results[0]]:
                target = self.pricing.targets[domain]
                levels = range(self.rung.levels + 1 if domain is Domain.HE else 1)
                found[k] = [target.cost(op, self.module, self.rung, level) for level in levels]
        return found

    def _setup(self, measure: Measure) -> tuple[float, ...]:
        return tuple(
            measure.setup(self.pricing.setup[d], d) if k != AFTER and d in self.pricing.setup else 0.0
            for k, d in enumerate(self.places)
        )

    def _moves(self, value: str | None) -> list[Curves]:
        """By measure: (from, to, level of arrival). What a move costs depends on the type of the value alone."""
        shared = value in self.rules.shares
        key = None if value is None else (self.module.type_of(value), shared)
        if key not in self.moves:
            made = [self._blank(len(self.places), len(self.places)) for _ in self.measures]
            for j, source in enumerate(self.places):
                for k, goal in enumerate(self.places):
                    costs = self._move(j, k, source, goal, value, shared)
                    for measure, table in zip(self.measures, made, strict=True):
                        move: Callable[[Cost, Domain, Domain], float] = measure.move
                        _fill(table[j, k], [move(cost, source, goal) for cost in costs])
            self.moves[key] = made
        return self.moves[key]

    def _move(self, j: int, k: int, source: Domain, goal: Domain, value: str | None, shared: bool) -> list[Cost]:
        """By level of arrival; nothing where there is no such move."""
        if source is goal and goal is not Domain.HE:
            return [Cost()] if j == k or (j, k) == (CLIENT, AFTER) else []
        if j == k and not self.rules.refreshes:
            return []
        one_way = not self.rules.interactive and (j == AFTER or k == CLIENT)
        if value is None or one_way or ((j, k) in THROUGH_SHARES and not shared):
            return []
        levels = range(self.rung.levels + 1 if goal is Domain.HE else 1)
        costs = [self.pricing.conversions.cost(source, goal, value, self.module, self.rung, at) for at in levels]
        return [cost for cost in costs if cost is not None]


def _fill(curve: Curves, costs: Sequence[float]) -> None:
    """A measured price may fall a little from one level to the next; a solver relies on costs that do not."""
    if costs:
        curve[: len(costs)] = np.maximum.accumulate(costs)

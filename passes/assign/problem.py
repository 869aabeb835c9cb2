"""The assignment problem as numbers: what the solver sees and what the check recomputes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from ppc.ir.module import Module, Op
from ppc.ir.target import ConversionCosts, Cost, HeRung, Network, Targets
from ppc.ir.types import Domain

DOMAINS = (Domain.HE, Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER)
HE = DOMAINS.index(Domain.HE)


@dataclass(frozen=True)
class Problem:
    """Nodes 0..n-1 in program order: graph inputs, ops, then one node an output (its recipient's domain only).

    `cost[v][k]` is seconds, None where node v may not run in domain k. `move[v][j][k]` is seconds for the value of v
    from j to k, inf where there is no such conversion; it is paid once per (v, k) however many nodes read the copy.
    A node in HE at depth d needs its operands d levels higher; copies arrive at the top level.
    """

    names: tuple[str, ...]
    preds: tuple[tuple[int, ...], ...]
    cost: tuple[tuple[float | None, ...], ...]
    depth: tuple[int, ...]
    move: tuple[tuple[tuple[float, ...], ...], ...]
    setup: tuple[float, ...]  # seconds once, by domain used
    levels: int  # of the HE rung

    @property
    def n(self) -> int:
        return len(self.names)

    def consumers(self) -> list[list[int]]:
        out: list[list[int]] = [[] for _ in range(self.n)]
        for v, preds in enumerate(self.preds):
            for p in preds:
                out[p].append(v)
        return out


#: For every op, by its first result: which domains it may take.
Allowed = Mapping[str, frozenset[Domain]]


@dataclass(frozen=True)
class Pricing:
    """Everything a cost depends on besides the module."""

    targets: Targets
    conversions: ConversionCosts
    network: Network
    setup: Mapping[Domain, float]
    #: seconds that a byte of dealer traffic counts for: material is made ahead, but not for nothing
    offline_weight: float = 0.05

    def seconds(self, cost: Cost) -> float:
        return self.network.seconds(cost) + self.offline_weight * 8 * cost.offline_bytes / self.network.bandwidth


def build(
    module: Module, allowed: Allowed, recipients: Mapping[str, tuple[Domain, ...]], rung: HeRung, pricing: Pricing
) -> Problem:
    """The problem of a LABELLED or APPROXIMATED module.

    `recipients` says where each output must be in clear. Graph inputs start in clear at the client.
    """
    names: list[str] = []
    preds: list[tuple[int, ...]] = []
    cost: list[tuple[float | None, ...]] = []
    depth: list[int] = []
    move: list[tuple[tuple[float, ...], ...]] = []
    at: dict[str, int] = {}

    def node(name: str, sources: Sequence[int], costs: Sequence[float | None], levels: int, value: str | None) -> int:
        names.append(name)
        preds.append(tuple(dict.fromkeys(sources)))
        cost.append(tuple(costs))
        depth.append(levels)
        move.append(_moves(value, module, rung, pricing))
        return len(names) - 1

    for value in module.inputs:
        at[value] = node(value, (), [0.0 if d is Domain.CLIENT else None for d in DOMAINS], 0, value)
    for op in module.ops:
        may = allowed[op.results[0]]
        costs = [_cost(op, d, module, rung, pricing) if d in may else None for d in DOMAINS]
        levels = pricing.targets[Domain.HE].depth(op, module) if Domain.HE in may else 0
        sources = [at[o] for o in op.operands if o in at]
        v = node(op.results[0], sources, costs, levels, op.results[0])
        at.update(dict.fromkeys(op.results, v))
    for value in module.outputs:
        for goal in recipients[value]:
            node(f"output {value}", [at[value]], [0.0 if d is goal else None for d in DOMAINS], 0, None)
    setup = tuple(pricing.setup.get(d, 0.0) for d in DOMAINS)
    return Problem(tuple(names), tuple(preds), tuple(cost), tuple(depth), tuple(move), setup, rung.levels)


def _cost(op: Op, domain: Domain, module: Module, rung: HeRung, pricing: Pricing) -> float | None:
    """Seconds, or None where the target finds no way after all (infinity)."""
    seconds = pricing.seconds(pricing.targets[domain].cost(op, module, rung))
    return seconds if seconds < inf else None


def _moves(value: str | None, module: Module, rung: HeRung, pricing: Pricing) -> tuple[tuple[float, ...], ...]:
    def seconds(a: Domain, b: Domain) -> float:
        if a is b:
            return 0.0
        found = None if value is None else pricing.conversions.cost(a, b, value, module, rung)
        return inf if found is None else pricing.seconds(found)

    return tuple(tuple(seconds(a, b) for b in DOMAINS) for a in DOMAINS)


def op_nodes(module: Module) -> dict[int, Op]:
    """Which node of the problem stands for which op."""
    first = len(module.inputs)
    return {first + i: op for i, op in enumerate(module.ops)}

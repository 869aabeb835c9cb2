"""A solver's answer, judged by code that shares nothing with it: legality, levels, cost."""

from math import inf

from ppc.ir.target import EXIT_LEVEL
from ppc.passes.assign.problem import HE, Problem


def price(p: Problem, choice: tuple[int, ...]) -> float:
    """Seconds of an assignment, or inf where it is not legal. The one definition of the objective."""
    total = 0.0
    for v, k in enumerate(choice):
        cost = p.cost[v][k]
        if cost is None:
            return inf
        total += cost
    consumers = p.consumers()
    for v, k in enumerate(choice):
        for k2 in {choice[c] for c in consumers[v]} - {k}:
            total += p.move[v][k][k2]
    total += sum(p.setup[k] for k in set(choice))
    return total if deepest(p, choice) <= p.levels else inf


def deepest(p: Problem, choice: tuple[int, ...]) -> int:
    """Levels that the most demanding HE segment needs, its exit included."""
    consumers = p.consumers()
    need = [0] * p.n  # levels that must be left in the value of v, where v is in HE
    most = 0
    for v in reversed(range(p.n)):
        if choice[v] != HE:
            continue
        for c in consumers[v]:
            need[v] = max(need[v], need[c] + p.depth[c] if choice[c] == HE else EXIT_LEVEL)
        most = max(most, need[v] + p.depth[v])
    return most

"""Random assignment problems, and their optimum by trying everything."""

from math import inf

import numpy as np

from ppc.passes.assign.problem import Costs, Curves, Label, Limit, Problem


def random_problem(seed: int, nodes: int | None = None, limits: int | None = None, reach: int = 99) -> Problem:
    """A DAG of 4 to 9 nodes (or of `nodes`, each reading from the `reach` before it) with 2 to 5 domains, one or two
    of them with levels, some denied labels, missing conversions, refreshes, set-ups and 0 to 2 limits."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 10)) if nodes is None else nodes
    domains = int(rng.integers(2, 6 if n < 9 else 5))
    tops = [int(rng.integers(1, 4)), *[0] * (domains - 1)]
    if domains > 3 and rng.random() < 0.3:
        tops[1] = int(rng.integers(1, 3))
    preds = []
    for v in range(n):
        most = min(v, int(rng.choice([1, 1, 1, 2, 2, 3])))
        preds.append(tuple(sorted(int(p) for p in rng.choice(range(max(0, v - reach), v), size=most, replace=False))))
    depth = [tuple(int(rng.choice([0, 1, 1, 2])) if top else 0 for top in tops) for _ in range(n)]
    exits = tuple(int(rng.integers(0, 2)) if top else 0 for top in tops)
    costs = _costs(rng, n, tops, legal=True)
    if rng.random() < 0.7:  # the last domain runs everything
        for node, move in zip(costs.node, costs.move, strict=True):
            node[-1, 0] = min(node[-1, 0], float(rng.uniform(1, 12)))
            move[:, -1, 0] = np.minimum(move[:, -1, 0], 3.0)
            move[-1, -1, 0] = 0.0
    count = int(rng.choice([0, 0, 1, 2])) if limits is None else limits
    rows = tuple(
        Limit(f"limit {i}", float(rng.uniform(2.5, 8)) * n, _costs(rng, n, tops, legal=False)) for i in range(count)
    )
    names = tuple(f"node {v}" for v in range(n))
    return Problem(names, tuple(preds), tuple(tops), exits, tuple(depth), costs, rows)


def _costs(rng: np.random.Generator, n: int, tops: list[int], legal: bool) -> Costs:
    node = [np.stack([_curve(rng, tops, top, 0.15 if legal else 0.0) for top in tops]) for _ in range(n)]
    move = [
        np.stack([np.stack([_move(rng, tops, j, k, legal) for k in range(len(tops))]) for j in range(len(tops))])
        for _ in range(n)
    ]
    setup = tuple(float(x) if rng.random() < 0.5 else 0.0 for x in rng.uniform(1, 9, len(tops)))
    return Costs(tuple(node), tuple(move), setup)


def _move(rng: np.random.Generator, tops: list[int], j: int, k: int, legal: bool) -> Curves:
    if j == k and not tops[k]:
        return np.zeros(max(tops) + 1)
    return _curve(rng, tops, tops[k], (0.5 if j == k else 0.04) if legal else 0.0) / 2


def _curve(rng: np.random.Generator, tops: list[int], top: int, denied: float) -> Curves:
    """A cost that rises with the level, up to the domain's top."""
    found = np.full(max(tops) + 1, inf)
    if rng.random() >= denied:
        found[: top + 1] = np.cumsum(rng.uniform(0, 3, top + 1) * (rng.random(top + 1) < 0.8)) + rng.uniform(0, 5)
    return found


def brute_force(p: Problem, forced: tuple[int, int] | None = None) -> float:
    """The least cost over every label of every node; `forced`: a node and the domain it has to be in."""
    everywhere = [
        [
            (k, level)
            for k in range(len(p.tops))
            for level in range(p.depth[v][k], p.tops[k] + 1)
            if p.costs.node[v][k, level] < inf and (forced is None or v != forced[0] or k == forced[1])
        ]
        for v in range(p.n)
    ]
    if not all(everywhere):
        return inf
    cheapest = [min(float(p.costs.node[v][k, level]) for k, level in everywhere[v]) for v in range(p.n)]
    ahead = [*np.cumsum(cheapest[::-1])[::-1], 0.0]
    measures = [p.costs, *(limit.costs for limit in p.limits)]
    caps = [limit.most * (1 + 1e-12) for limit in p.limits]
    best = inf
    chosen: list[Label] = []

    def add(v: int, totals: list[float], copies: dict[tuple[int, int], int], used: frozenset[int]) -> None:
        nonlocal best
        if totals[0] + ahead[v] >= best or any(t > cap for t, cap in zip(totals[1:], caps, strict=True)):
            return
        if v == p.n:
            best = totals[0]
            return
        for k, level in everywhere[v]:
            new = [t + float(m.node[v][k, level]) for t, m in zip(totals, measures, strict=True)]
            if k not in used:
                new = [t + m.setup[k] for t, m in zip(new, measures, strict=True)]
            now = dict(copies)
            for u in p.preds[v]:
                home, start = chosen[u]
                left = start - p.depth[u][home]
                if (home == k and left >= level) or now.get((u, k), -1) >= level:
                    continue
                if left < p.exits[home]:
                    break
                for i, m in enumerate(measures):
                    before = float(m.move[u][home, k, now[u, k]]) if (u, k) in now else 0.0
                    new[i] += float(m.move[u][home, k, level]) - before
                now[u, k] = level
            else:
                chosen.append((k, level))
                add(v + 1, new, now, used | {k})
                chosen.pop()

    add(0, [0.0] * len(measures), {}, frozenset())
    return best

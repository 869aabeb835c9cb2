"""The exact assignment: against brute force on random problems, and legal by the independent check."""

import itertools
from math import inf

import numpy as np
import pytest

from ppc.passes.assign.milp import solve
from ppc.passes.assign.problem import HE, Problem
from ppc.passes.assign.recheck import price


def random_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(3, 8)), 3
    preds = tuple(
        tuple(sorted(rng.choice(v, size=min(v, int(rng.integers(0, 3))), replace=False).tolist())) for v in range(n)
    )
    cost = tuple(
        tuple(None if rng.random() < 0.25 and d != 1 else float(rng.integers(1, 30)) for d in range(k))
        for _ in range(n)
    )
    move = tuple(
        tuple(
            tuple(0.0 if a == b else inf if rng.random() < 0.1 else float(rng.integers(1, 15)) for b in range(k))
            for a in range(k)
        )
        for _ in range(n)
    )
    depth = tuple(int(rng.integers(0, 3)) for _ in range(n))
    setup = tuple(float(x) for x in rng.integers(0, 10, k))
    return Problem(tuple(map(str, range(n))), preds, cost, depth, move, setup, levels=int(rng.integers(1, 4)))


@pytest.mark.parametrize("seed", range(120))
def test_milp_is_brute_force(seed: int) -> None:
    p = random_problem(seed)
    best = min(price(p, c) for c in itertools.product(range(3), repeat=p.n))
    found = solve(p)
    if best == inf:
        assert found is None
        return
    assert found is not None
    assert price(p, found.choice) == pytest.approx(best)
    assert found.value == pytest.approx(best)
    assert found.gap < 1e-6


def test_levels_bind() -> None:
    """Three HE nodes of depth 1 and an exit need four levels; with three, one of them has to leave HE."""
    line = Problem(
        names=("x", "a", "b", "c", "y"),
        preds=((), (0,), (1,), (2,), (3,)),
        cost=((None, None, 0.0), (1.0, 9.0, None), (1.0, 9.0, None), (1.0, 9.0, None), (None, None, 0.0)),
        depth=(0, 1, 1, 1, 0),
        move=tuple(((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)) for _ in range(5)),
        setup=(0.0, 0.0, 0.0),
        levels=4,
    )
    deep = solve(line)
    assert deep is not None and deep.choice[1:4] == (HE, HE, HE)
    from dataclasses import replace

    shallow = solve(replace(line, levels=3))
    assert shallow is not None and shallow.choice[1:4] != (HE, HE, HE)
    assert price(replace(line, levels=3), deep.choice) == inf


def test_out_of_time_is_not_impossible() -> None:
    """A limit that comes before the first answer is told apart from a proof that there is none."""
    from ppc.passes.assign.milp import OutOfTime

    legal = next(p for p in map(random_problem, range(120)) if solve(p) is not None)
    with pytest.raises(OutOfTime):
        solve(legal, time_limit=0.0)

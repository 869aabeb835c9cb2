"""The exact assignment: two solvers and brute force agree, and an independent check judges all of them."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from random_assignments import brute_force, random_problem

from ppc.ir.diagnostic import InternalError
from ppc.passes.assign import elimination, milp
from ppc.passes.assign.optimum import checked, of_limits, optimum
from ppc.passes.assign.problem import Costs, OutOfTime, Problem
from ppc.passes.assign.recheck import judge

FAST = range(60)


def agree(seed: int) -> None:
    """The flow program with its limits, elimination and its min-marginals without, each against brute force."""
    p = random_problem(seed)
    want, found = brute_force(p), milp.solve(p)
    assert (inf if found is None else found.value) == pytest.approx(want, rel=1e-7)
    assert found is None or (judge(p, found.labels).value == pytest.approx(want, rel=1e-7) and found.gap < 1e-7)
    free = replace(p, limits=())
    want, eliminated = brute_force(free) if p.limits else want, elimination.solve(free)
    assert (inf if eliminated is None else eliminated.value) == pytest.approx(want, rel=1e-12)
    assert eliminated is None or judge(free, eliminated.labels).value == pytest.approx(want, rel=1e-12)
    rng, dearer = np.random.default_rng(seed), elimination.marginals(free)
    for _ in range(3):
        v, k = int(rng.integers(p.n)), int(rng.integers(len(p.tops)))
        assert dearer[v, k] == pytest.approx(brute_force(free, (v, k)), rel=1e-12)


@pytest.mark.parametrize("seed", FAST)
def test_two_solvers_and_brute_force_agree(seed: int) -> None:
    agree(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(len(FAST), 500))
def test_two_solvers_and_brute_force_agree_on_many(seed: int) -> None:
    agree(seed)


def agree_on_a_larger_one(seed: int) -> None:
    p = random_problem(seed, nodes=40 + seed % 5 * 20, limits=0, reach=5)
    flow, eliminated = milp.solve(p), elimination.solve(p)
    assert (flow is None) == (eliminated is None)
    if flow is not None and eliminated is not None:
        assert flow.value == pytest.approx(eliminated.value, rel=1e-7)
        assert judge(p, eliminated.labels).value == pytest.approx(eliminated.value, rel=1e-12)
        assert flow.gap < 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_the_solvers_agree_on_larger_graphs(seed: int) -> None:
    agree_on_a_larger_one(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 50))
def test_the_solvers_agree_on_many_larger_graphs(seed: int) -> None:
    agree_on_a_larger_one(seed)


def line(top: int, refresh: float = inf) -> Problem:
    """Three nodes of depth 1 that are cheap in domain 0, which has levels, between an input and an output in domain 2.
    A value leaves domain 0 with a level left."""
    leveled = np.arange(top + 1) * 0.01
    plain = np.full(top + 1, inf)
    node = [np.full((3, top + 1), inf) for _ in range(5)]
    for v in (0, 4):
        node[v][2, 0] = 0.0
    for v in (1, 2, 3):
        node[v][0], node[v][1, 0] = 1.0 + leveled, 9.0
    move = np.full((3, 3, top + 1), inf)
    for j in range(3):
        for k in range(3):
            move[j, k] = 1.0 + leveled if k == 0 else plain
            move[j, k, 0] = 1.0
    move[0, 0] = refresh + leveled
    move[1, 1, 0] = move[2, 2, 0] = 0.0
    costs = Costs(tuple(node), (move,) * 5, (0.0, 0.0, 0.0))
    depth = ((0, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0), (0, 0, 0))
    return Problem(tuple("xabcy"), ((), (0,), (1,), (2,), (3,)), (top, 0, 0), (1, 0, 0), depth, costs)


def test_levels_bind() -> None:
    """Three nodes of depth 1 and an exit need four levels; with three, one of them has to leave HE."""
    deep, shallow = optimum(line(4), 60), optimum(line(3), 60)
    assert deep is not None and deep.labels == ((2, 0), (0, 4), (0, 3), (0, 2), (2, 0))
    assert shallow is not None and sorted(shallow.choice[1:4]) == [0, 0, 1]
    assert "level" in judge(line(3), deep.labels).why


def test_a_refresh_is_bought_where_it_is_cheapest() -> None:
    found = optimum(line(3, refresh=0.5), 60)
    assert found is not None and found.choice == (2, 0, 0, 0, 2)
    assert judge(line(3), found.labels).why, "without the refresh it is not legal"


def test_two_evaluations_that_differ_are_a_bug() -> None:
    p = line(4)
    found = elimination.solve(p)
    assert found is not None
    with pytest.raises(InternalError, match="its assignment costs"):
        checked(p, replace(found, value=found.value * 0.99))
    with pytest.raises(InternalError, match="not legal"):
        checked(p, replace(found, labels=((0, 0), *found.labels[1:])))


def test_the_check_refuses_what_is_not_legal() -> None:
    p = line(4)
    good = ((2, 0), (0, 4), (0, 3), (0, 2), (2, 0))
    assert judge(p, good).why == ""
    for wrong, why in (
        (((2, 0), (0, 5), (0, 3), (0, 2), (2, 0)), "level 5"),
        (((2, 0), (0, 4), (0, 3), (0, 0), (2, 0)), "level 0"),
        (((2, 0), (0, 3), (0, 2), (0, 1), (2, 0)), "leaves"),
        (((2, 0), (0, 3), (0, 3), (0, 2), (2, 0)), "may not be"),  # a refresh that there is not
        (((2, 0), (2, 0), (0, 3), (0, 2), (2, 0)), "may not be"),
        (((2, 0), (7, 0), (0, 3), (0, 2), (2, 0)), "no domain"),
        (good[1:], "labels"),
    ):
        assert why in judge(p, wrong).why and judge(p, wrong).value == inf, wrong


def limited() -> Problem:
    """The first random problem whose limits cost something."""
    for seed in range(500):
        p = random_problem(seed, limits=1)
        free, bound = brute_force(replace(p, limits=())), brute_force(p)
        if free < bound < inf:
            return p
    raise AssertionError


def test_a_limit_that_binds_goes_to_the_flow_program() -> None:
    p = limited()
    found, free = optimum(p, 60), optimum(replace(p, limits=()), 60)
    assert found is not None and free is not None
    assert (found.method, free.method) == ("flow MILP", "elimination")
    assert found.value == pytest.approx(brute_force(p)) and found.gap < 1e-7


def test_limits_that_nothing_keeps() -> None:
    """The assignment that comes nearest is legal, and uses the least of them."""
    p = limited()
    tight = replace(p, limits=tuple(replace(limit, most=1e-3) for limit in p.limits))
    assert optimum(tight, 60) is None
    near, kept = optimum(of_limits(tight), 60), optimum(p, 60)
    assert near is not None and kept is not None
    assert near.value == pytest.approx(brute_force(of_limits(tight)))
    assert judge(replace(p, limits=()), near.labels).why == ""
    use = replace(p, costs=p.limits[0].costs, limits=())
    assert judge(use, near.labels).value <= judge(use, kept.labels).value


def test_what_cannot_beat_an_answer_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    p = limited()
    bound = brute_force(replace(p, limits=()))
    monkeypatch.setattr(milp, "solve", lambda *_: pytest.fail("elimination knows better"))
    assert optimum(p, 60, beat=bound) is None


def test_a_wide_graph_goes_to_the_flow_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elimination, "LARGEST_TABLE", 8)
    p = random_problem(3, limits=0)
    found = optimum(p, 60)
    assert found is not None and found.method == "flow MILP"
    assert found.value == pytest.approx(brute_force(p))


def test_label_sets_in_chunks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [random_problem(seed, limits=0) for seed in range(10)]
    whole = [elimination.marginals(p) for p in problems]
    monkeypatch.setattr(elimination, "ALL_TABLES", 1)
    for p, want in zip(problems, whole, strict=True):
        assert np.array_equal(elimination.marginals(p), want)


def test_out_of_time_is_not_impossible() -> None:
    """A limit that comes before the first answer is told apart from a proof that there is none."""
    with pytest.raises(OutOfTime):
        milp.solve(line(4), time_limit=0.0)

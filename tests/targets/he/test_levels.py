"""Which maps rescale, and at which level each step runs."""

import pytest

from ppc.targets.he.levels import plan_levels, relinearised
from ppc.targets.he.parameters import depths


def planned(steps, exit_level=1, eager=False):
    return plan_levels(steps, lambda _: exit_level, eager)


def test_roles_go_through_sums_and_views(program):
    plan = planned(
        program("""
            x = enter
            a = linear x
            b = view a
            c = add b x
            d = square c
            e = poly3 c
            share d
            reveal e
        """)
    )
    assert plan.roles["x"] == {"linear", "product", "polynomial"}
    assert plan.roles["a"] == plan.roles["b"] == plan.roles["c"] == {"product", "polynomial"}
    assert plan.roles["d"] == plan.roles["e"] == {"exit"}


@pytest.mark.parametrize(
    ("between", "eager", "rescales"),
    [
        ("b = linear a", False, True),
        ("b = square a", False, False),
        ("b = square a", True, True),
        ("b = mul a x", True, True),
        ("b = poly3 a", True, False),
        ("b = view a\nc = linear b", False, True),
        ("b = add a x\nc = linear b", False, True),
        ("b = add a x\nc = square b", False, False),
        ("b = square a\nc = linear a", False, True),
        ("", True, False),
    ],
)
def test_a_map_rescales_where_a_map_reads_it(program, between, eager, rescales):
    steps = program(f"x = enter\na = linear x\n{between}")
    steps += program(f"share {steps[-1].result}")
    plan = planned(steps, eager=eager)
    assert ("a" in plan.rescaled) == rescales
    assert plan.after(steps[1], 5) == (4 if rescales else 5)


def test_a_map_and_the_square_after_it_take_one_level_and_the_last_map_none(program):
    layer = "{0}a = linear {1}\n{0}s = square {0}a\n"
    text = "x = enter\n" + layer.format("p", "x") + layer.format("q", "ps") + layer.format("r", "qs")
    plan = planned(program(text + "y = linear rs\nshare y"))
    assert plan.of == {"x": 4, "pa": 4, "ps": 3, "qa": 3, "qs": 2, "ra": 2, "rs": 1, "y": 1}
    assert plan.top == 4
    assert not plan.rescaled


def test_values_run_as_low_as_their_consumers_allow(program):
    """A residual branch: the sum runs at the level of its lower operand, the other one is dropped there."""
    plan = planned(
        program("""
            x = enter
            a = linear x
            b = square a
            c = linear b
            d = add c a
            e = square d
            f = linear e
            share f
        """)
    )
    assert plan.of == {"x": 3, "a": 3, "b": 2, "c": 2, "d": 2, "e": 1, "f": 1}
    assert plan.run == (3, 3, 3, 2, 2, 2, 1, 1)
    assert not plan.rescaled


def test_a_branch_that_is_a_map_of_a_map_rescales(program):
    plan = planned(program("x = enter\na = linear x\nb = linear a\nc = add b x\nd = square c\nreveal d"), 0)
    assert plan.rescaled == {"a"}
    assert plan.of == {"x": 2, "a": 1, "b": 1, "c": 1, "d": 0}


@pytest.mark.parametrize(("kind", "levels"), [("poly1", 1), ("poly3", 2), ("poly4", 3), ("wide3", 3), ("mul", 1)])
def test_levels_of_polynomials_and_products(program, kind, levels):
    operands = "x x" if kind == "mul" else "x"
    assert planned(program(f"x = enter\ny = {kind} {operands}\nshare y")).top == 1 + levels


def test_relinearisation_levels():
    assert relinearised([("mul", 4, 3), ("polynomial", 3, 1)]) == (2, 3, 4)
    assert relinearised([("square", 2, 1)]) == (2,)


def test_deeper_plans_come_last_and_only_where_they_differ(program):
    with_product = program("x = enter\na = linear x\nb = square a\nc = linear b\nshare c")
    assert [(p.top, sorted(p.rescaled)) for p in depths(with_product)] == [(2, []), (3, []), (3, ["a"]), (4, ["a"])]
    without = program("x = enter\na = linear x\nb = linear a\nreveal b")
    assert [(p.top, sorted(p.rescaled)) for p in depths(without)] == [(1, ["a"]), (2, ["a"])]

"""Scales: every equation of CKKS holds exactly, every value has room, sums meet at one scale."""

from math import log2

import numpy as np
import pytest

from ppc.runtime.levels import MATCHED, Chain
from ppc.targets.he.levels import plan_levels
from ppc.targets.he.scales import HEADROOM, SHARE_HEADROOM, plan_scales

BITS = 50


def waterlines(plan, top, slope):
    """Bits by level: `top` at the highest, `slope` more for each further down."""
    return tuple(top + slope * (plan.top - level) for level in range(plan.top + 1))


def scales_of(steps, precision, bits=BITS, degree=32768, eager=False):
    """(levels, chain, scales or None) with primes of one size and a first one of 60 bits."""
    plan = plan_levels(steps, lambda _: 1, eager)
    chain = Chain.of(degree, (60, *[bits] * plan.top, 60))
    return plan, chain, plan_scales(steps, plan, chain, waterlines(plan, *precision))


def holds(steps, plan, chain, scales):
    """Walks the steps: what each one does to scales, by definition."""
    for i, step in enumerate(steps):
        if step.kind == "leave":
            continue
        level, out, said = plan.run[i], plan.after(step, plan.run[i]), scales.of[step.result]
        read = [scales.read(i, k, name) for k, name in enumerate(step.operands)]
        for scale, name in zip(read, step.operands, strict=True):
            ratio = scale / scales.of[name]
            assert ratio == 1 or (ratio >= 2 and ratio == pytest.approx(round(ratio), rel=1e-12)), (
                f"{name} is scaled up by {ratio}"
            )
        if step.kind == "linear":
            rescale = chain.primes[level] if out < level else 1
            assert said == pytest.approx(read[0] * scales.weights[step.result] / rescale, rel=1e-12)
            assert scales.weights[step.result] >= 2
        elif step.kind in ("square", "mul"):
            assert said == pytest.approx(read[0] * read[-1] / chain.primes[level], rel=1e-12)
        elif step.kind in ("add", "sub"):
            assert said == max(read)
            assert all(abs(s / said - 1) <= MATCHED for s in read)
        elif step.kind == "view":
            assert said == read[0]
        assert log2(said * step.largest) + HEADROOM <= log2(chain.modulus(out)) + 1e-9
        assert said > 1
    bounds = {s.result: s.largest for s in steps}
    for i, step in enumerate(steps):
        room = SHARE_HEADROOM if step.op.name == "convert.he_to_mpc" else HEADROOM
        for k, name in enumerate(step.operands):
            have = log2(chain.modulus(plan.run[i]))
            assert log2(scales.read(i, k, name) * bounds[name]) + room <= have + 1e-9, f"{step.result} reads {name}"


def test_a_chain_of_layers(program):
    steps = program("x = enter\na = linear x\nb = square a\nc = linear b\nd = square c\ny = linear d\nshare y", a=4.0)
    plan, chain, scales = scales_of(steps, (30, 0))
    holds(steps, plan, chain, scales)
    assert not scales.raised
    assert scales.of["x"] == 2.0**30
    # a square is read by a map: 30 bits; so that s²/q = 2^30, the map before gives half of 30 + 50 bits
    assert scales.of["a"] == pytest.approx((2.0**30 * chain.primes[3]) ** 0.5)
    assert scales.of["b"] == pytest.approx(2.0**30)
    assert scales.weights["a"] == pytest.approx(2.0**10)
    # the last map gives its weights what the modulus has room for, so that shares wrap with a chance of 2^-40
    assert log2(scales.of["y"]) <= log2(chain.modulus(1)) - SHARE_HEADROOM
    assert scales.weights["y"] >= 2.0**26


def test_bits_grow_by_slope_and_shrink_with_the_bound(program):
    steps = program("x = enter\na = linear x\nb = linear a\nc = linear b\nshare c", a=16.0)
    plan, chain, scales = scales_of(steps, (30, 4))
    holds(steps, plan, chain, scales)
    assert (plan.of["x"], plan.of["a"], plan.of["b"]) == (3, 2, 1)
    assert [log2(scales.of[name]) for name in "xab"] == [30, 30 + 4 - 4, 30 + 8]


def test_add_of_a_map_and_a_product(program):
    """They meet at the larger scale, the other one raised by a power of two: the rest is within MATCHED.

    The sum has the larger scale of what it reads, to the last bit: the one that was raised may end up above the other.
    """
    steps = program("x = enter\na = linear x\nb = square a\nc = linear b\nd = add c b\ne = linear d\nshare e")
    plan, chain, scales = scales_of(steps, (30, 0))
    holds(steps, plan, chain, scales)
    assert scales.of["b"] != scales.of["c"]
    late = program("x = enter\na = linear x\nb = square a\nc = linear b\nd = add c b\nshare d")
    plan, chain, scales = scales_of(late, (30, 0))
    holds(late, plan, chain, scales)
    ((at, operand),) = scales.raised
    assert late[at].result == "d" and late[at].operands[operand] == "b", "the last map has the larger scale"


def test_a_value_read_by_a_map_and_by_a_product(program):
    """The map wants its waterline; the product reads a copy that is scaled up."""
    steps = program("x = enter\na = linear x\nb = mul x x\nc = add a b\nd = linear c\nshare d")
    plan, chain, scales = scales_of(steps, (30, 0))
    holds(steps, plan, chain, scales)
    assert scales.of["x"] == 2.0**30
    (product,) = (i for i, s in enumerate(steps) if s.kind == "mul")
    assert scales.raised[product, 0] == scales.raised[product, 1] == 2.0**40


def test_squares_of_squares(program):
    """No map in between gives a scale back: each product asks the one before for what it needs."""
    text = "x = enter\n" + "".join(f"{b} = square {a}\n" for a, b in zip("xabc", "abcd", strict=True))
    steps = program(text + "share d")
    plan, chain, scales = scales_of(steps, (36, 0))
    holds(steps, plan, chain, scales)
    raised = [scales.read(i, k, steps[i].operands[k]) / scales.of[steps[i].operands[k]] for i, k in scales.raised]
    assert all(ratio == 2 for ratio in raised), "the halves of bits that are rounded away on the way down, no more"
    assert log2(scales.of["c"]) == pytest.approx((36 + BITS) / 2, abs=1)
    assert log2(scales.of["d"]) == pytest.approx(36, abs=1)


@pytest.mark.parametrize("kind", ["poly3", "wide3"])
def test_a_polynomial_reads_the_scale_of_its_prime(program, kind):
    steps = program(f"x = enter\na = linear x\nb = add a x\nc = {kind} b\nd = linear c\nshare d")
    plan, chain, scales = scales_of(steps, (30, 2))
    holds(steps, plan, chain, scales)
    at = next(i for i, s in enumerate(steps) if s.kind == "polynomial")
    assert log2(scales.read(at, 0, "b")) == pytest.approx(BITS, abs=0.6)
    assert scales.of["c"] == 2.0 ** round(30 + 2 * (plan.top - plan.of["c"]))


def test_a_polynomial_of_a_square_reads_a_copy(program):
    """A square's scale is what it is: a map reads it as it is, a polynomial a copy with the scale of its prime."""
    steps = program("x = enter\na = square x\nb = poly3 a\nc = linear a\nd = add b c\nshare d")
    plan, chain, scales = scales_of(steps, (30, 0))
    holds(steps, plan, chain, scales)
    assert (2, 0) in scales.raised
    assert log2(scales.of["a"]) == pytest.approx(30, abs=1)


@pytest.mark.parametrize("last", ["b = add a x", "b = view a", "b = square a", "b = poly3 a"])
def test_whatever_leaves_for_shares_has_room_that_it_does_not_wrap(program, last):
    steps = program(f"x = enter\na = linear x\n{last}\nshare b", b=256.0)
    for waterline in range(20, 60, 4):
        _, chain, scales = scales_of(steps, (waterline, 2), bits=42)
        if scales is not None:
            assert log2(scales.of["b"]) + 8 + SHARE_HEADROOM <= log2(chain.modulus(1)) + 1e-9
    assert scales_of(steps, (24, 2), bits=42)[2] is not None


def test_a_value_fits_the_lowest_level_that_it_is_read_at(program):
    """A last map gets a large scale only as far as every exit has room, through sums as well."""
    steps = program("x = enter\na = linear x\nb = add a x\nreveal b\nshare b")
    plan = plan_levels(steps, lambda op: 0 if op.name.startswith("reveal") else 1)
    chain = Chain.of(32768, (60, *[BITS] * plan.top, 60))
    scales = plan_scales(steps, plan, chain, waterlines(plan, 38, 0))
    assert plan.of["b"] == 1
    holds(steps, plan, chain, scales)
    assert log2(scales.of["a"]) == 56, "not 38 + 26: level 0 has just under 60 bits, of which sign and slack take 3"


@pytest.mark.parametrize("bound", [2.0**60, 2.0**90])
def test_what_does_not_fit_its_modulus_gives_none(program, bound):
    text = "x = enter\na = linear x\nb = square a\nc = linear b\nshare c"
    assert scales_of(program(text), (30, 0))[2] is not None
    assert scales_of(program(text, c=bound), (30, 0))[2] is None


def test_weights_that_would_have_no_bits_give_none(program):
    """A prime of 34 bits, shared by a map that reads 60 bits and the square after it, leaves nothing to the weights."""
    steps = program("x = enter\na = linear x\nb = square a\nc = linear b\nshare c")
    assert scales_of(steps, (60, 0), bits=34)[2] is None
    assert scales_of(steps, (60, 0), bits=34, eager=True)[2] is None
    assert scales_of(steps, (40, 0), bits=34)[2] is None
    assert scales_of(steps, (40, 0), bits=34, eager=True)[2] is not None


@pytest.mark.parametrize("seed", range(60))
def test_equations_hold_in_random_programs(program, seed):
    rng = np.random.default_rng(seed)
    names, lines = ["x"], ["x = enter"]
    for i in range(int(rng.integers(2, 14))):
        pick = [names[int(rng.integers(max(0, len(names) - 4), len(names)))] for _ in range(2)]
        kind = ("linear", "linear", "square", "mul", "add", "sub", "view", "poly3", "wide2")[int(rng.integers(9))]
        lines.append(f"v{i} = {kind} {' '.join(pick if kind in ('mul', 'add', 'sub') else pick[:1])}")
        names.append(f"v{i}")
    largest = {name: float(2.0 ** rng.integers(-6, 7)) for name in names}
    steps = program("\n".join([*lines, f"share {names[-1]}"]), **largest)
    for bits, eager in ((50, False), (60, False), (40, True)):
        plan = plan_levels(steps, lambda _: 1, eager)
        chain = Chain.of(32768, (60, *[bits] * plan.top, 60))
        for waterline in (24, 34):
            scales = plan_scales(steps, plan, chain, waterlines(plan, waterline, 2))
            if scales is not None:
                holds(steps, plan, chain, scales)


def test_a_polynomial_reads_the_scale_of_its_prime_also_where_a_product_wants_more(program):
    """Each power would double the bits that its argument has above the prime's: a copy is raised for the product."""
    steps = program("x = enter\na = linear x\np = poly7 a\ny = mul a p\nz = linear y\nshare z")
    plan, chain, scales = scales_of(steps, (28, 5), bits=45)
    holds(steps, plan, chain, scales)
    (at,) = (i for i, s in enumerate(steps) if s.kind == "polynomial")
    assert log2(scales.of["a"]) == pytest.approx(log2(chain.primes[plan.run[at]]), abs=1e-6)

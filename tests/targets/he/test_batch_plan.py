"""Batch packing: lowered programs against numpy, parameters, refusals, and the choice of a packing."""

from dataclasses import replace
from math import log2

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from ppc.ir.diagnostic import InternalError
from ppc.runtime import kernels
from ppc.runtime.batch_layout import BatchLayout
from ppc.runtime.layout import layout_from_attrs
from ppc.runtime.levels import MOST_BATCH_PRIME_BITS
from ppc.targets.he.batch_lower import lower_batch
from ppc.targets.he.batch_plan import BatchProgram, plan_batch
from ppc.targets.he.choice import choose
from ppc.targets.he.lower import lower_he
from ppc.targets.he.parameters import MODULUS_BITS
from ppc.targets.he.sample import Refusal
from ppc.targets.he.verify import verify_he
from ppc.targets.prices import Prices

RNG = np.random.default_rng(7)
BATCH = 6
PRIMITIVES = Prices.shipped().he


def plan(module):
    return plan_batch(module, PRIMITIVES)


def interpret(module, x):
    """The lowered module on arrays of shape (elements, slots), from the definition of its steps."""
    env = {"x": x} | {name: c.data for name, c in module.constants.items()}
    for op in module.ops:
        args, a = [env[o] for o in op.operands], op.attrs
        if op.name == "convert.client_to_he":
            r = layout_from_attrs(a).pack(args[0])
        elif op.name in ("convert.he_to_mpc", "reveal.he_to_client"):
            r = layout_from_attrs(a).unpack(args[0], module.values[op.results[0]].type.shape)
        elif op.name == "he.batch_linear":
            layout = BatchLayout.of(layout_from_attrs(a, "out_"))
            x, at = args[0].reshape(layout.groups, -1, layout.slots), 0
            r = np.zeros((layout.groups, layout.elements, layout.slots))
            for rows, cols in a["blocks"]:
                size = len(rows) * len(cols)
                r[:, list(rows)] = args[1][at : at + size].reshape(len(rows), -1) @ x[:, list(cols)]
                at += size
            r = (r + args[2][:, None]).reshape(-1, layout.slots)
        elif op.name in ("he.batch_square", "he.batch_mul"):
            r = args[0] * args[-1]
        elif op.name in ("he.batch_add", "he.batch_sub"):
            r = args[0] + args[1] if op.name.endswith("add") else args[0] - args[1]
        else:
            assert op.name in ("he.batch_rescale", "he.batch_drop"), op.name
            r = args[0]
        env[op.results[0]] = r
    return env[module.outputs[0]]


def check(module, x, expected):
    program = plan(module)
    lowered = lower_batch(module, program)
    verify_he(lowered)
    np.testing.assert_allclose(interpret(lowered, x), expected, rtol=0, atol=1e-9)
    schedule = program.schedule
    assert sum(schedule.prime_bits) <= MODULUS_BITS[schedule.degree]
    assert max(schedule.prime_bits[:-1]) <= MOST_BATCH_PRIME_BITS
    assert program.error <= 1 and program.seconds > 0
    return lowered


def names(module):
    return [op.name.removeprefix("he.batch_") for op in module.ops if op.name.startswith("he.batch_")]


def run(op, arrays, attrs):
    return kernels.run(op, arrays, attrs)[0]


def chain(builder):
    """Conv, square, Gemm, square, Gemm; and its reference."""
    x = RNG.normal(size=(BATCH, 2, 6, 6))
    k, b0 = RNG.normal(size=(3, 2, 3, 3)) / 4, RNG.normal(size=3)
    w1, w2 = RNG.normal(size=(48, 10)) / 7, RNG.normal(size=(10, 4)) / 3
    b = builder(x.shape, BATCH)
    attrs = {"pads": (0, 0, 0, 0), "strides": (1, 1), "dilations": (1, 1), "group": 1}
    h = b.op("Conv", [b.last, b.weight(k), b.weight(b0)], (BATCH, 3, 4, 4), attrs)
    h = b.op("Mul", [h, h], (BATCH, 3, 4, 4))
    h = b.op("Reshape", [h], (BATCH, 48), {"shape": (BATCH, 48)})
    h = b.op("MatMul", [h, b.weight(w1)], (BATCH, 10))
    h = b.op("Mul", [h, h], (BATCH, 10))
    b.op("MatMul", [h, b.weight(w2)], (BATCH, 4))
    c = run("Conv", [x, k, b0], attrs)
    return b, x, ((c**2).reshape(BATCH, 48) @ w1) ** 2 @ w2


def test_a_chain_relinearises_after_the_maps_that_shrink(builder):
    b, x, expected = chain(builder)
    lowered = check(b.module(), x, expected)
    assert names(lowered) == ["linear", "square", "linear", "rescale", "square", "linear", "rescale"]
    blocks = [op.attrs["blocks"] for op in lowered.ops if op.name == "he.batch_linear"]
    assert [len(found) for found in blocks] == [16, 1, 1]  # a block a position; dense layers are one
    assert all(len(rows) == 3 and len(cols) == 18 for rows, cols in blocks[0])


def test_a_product_that_shrinks_nothing_is_rescaled_at_once(builder):
    x, w = RNG.normal(size=(BATCH, 3)), RNG.normal(size=(3, 9))
    b = builder(x.shape, BATCH)
    h = b.op("Mul", [b.last, b.last], x.shape)
    b.op("MatMul", [h, b.weight(w)], (BATCH, 9))
    assert names(check(b.module(), x, x**2 @ w)) == ["square", "rescale", "linear"]


@pytest.mark.parametrize("coefficients", [(0.3, -0.5, 0.2), (0.1, 0.4, -0.7), (0.2, 1.5), (0.0, 0.0, 1.0)])
@pytest.mark.parametrize("domain", [(-1.0, 1.0), (-3.0, 5.0)])
def test_polynomials_of_degree_two_are_squares(builder, coefficients, domain):
    x, w = RNG.uniform(-1, 1, size=(BATCH, 5)), RNG.normal(size=(5, 3)) / 3
    lo, hi = domain
    b = builder(x.shape, BATCH)
    b.op("Polynomial", [b.last], x.shape, {"coefficients": coefficients, "lo": lo, "hi": hi})
    h = b.op("MatMul", [b.last, b.weight(w)], (BATCH, 3))
    b.op("Polynomial", [h], (BATCH, 3), {"coefficients": coefficients, "lo": lo, "hi": hi})

    def p(v):
        return chebyshev.chebval((2 * v - lo - hi) / (hi - lo), coefficients)

    check(b.module(), x, p(p(x) @ w))


def test_a_residual_meets_at_one_level_and_scale(builder):
    x, w = RNG.normal(size=(BATCH, 4)), [RNG.normal(size=(4, 4)) / 2 for _ in range(2)]
    b = builder(x.shape, BATCH)
    h0 = b.op("MatMul", [b.last, b.weight(w[0])], x.shape)
    h1 = b.op("Mul", [h0, h0], x.shape)
    h2 = b.op("MatMul", [h1, b.weight(w[1])], x.shape)
    b.op("Sub", [h2, h0], x.shape)
    r = x @ w[0]
    lowered = check(b.module(), x, r**2 @ w[1] - r)
    assert "drop" in names(lowered)


def test_a_product_of_two_values_and_a_movement(builder):
    x = RNG.normal(size=(BATCH, 3, 4))
    b = builder(x.shape, BATCH)
    x0 = b.last
    t = b.op("Transpose", [x0], (BATCH, 4, 3), {"perm": (0, 2, 1)})
    t = b.op("Reshape", [t], x.shape, {"shape": x.shape})
    b.op("Mul", [x0, t], x.shape)
    check(b.module("reveal.he_to_client", {"privacy": "public weights"}), x, x * x.transpose(0, 2, 1).reshape(x.shape))


def test_an_exit_to_shares_has_the_modulus_that_hides_it(builder):
    b, *_ = chain(builder)
    schedule = plan(b.module()).schedule
    left = next(s for s in schedule.steps if s.kind == "leave")
    assert sum(schedule.prime_bits[: left.level + 1]) >= 102
    b, *_ = chain(builder)
    revealed = plan(b.module("reveal.he_to_client", {"privacy": "public weights"})).schedule
    assert sum(revealed.prime_bits) < sum(schedule.prime_bits) and revealed.degree <= schedule.degree


def test_the_ring_has_a_slot_for_each_sample(builder):
    for batch, degree in ((2048, 4096), (2049, 8192), (16381, 32768)):
        b = builder((batch, 3), batch)
        b.op("MatMul", [b.last, b.weight(RNG.normal(size=(3, 2)))], (batch, 2))
        assert plan(b.module("reveal.he_to_client", {"privacy": "public weights"})).schedule.degree == degree


def test_scales_are_what_the_primes_make_of_them(builder):
    """The verifier walks them again; here: the values fit their moduli."""
    b, *_ = chain(builder)
    program = plan(b.module())
    bits = program.schedule.prime_bits
    assert all(log2(s.scale) + 2 < sum(bits[: s.out_level + 1]) for s in program.schedule.steps)


@pytest.mark.parametrize(
    "build,leave,reason",
    [
        (lambda b: None, ("reveal.he_to_client", {"privacy": "flooding"}), "to be flooded"),
    ],
)
def test_what_it_cannot_do_is_said(builder, build, leave, reason):
    b = builder((BATCH, 4), BATCH)
    build(b)
    with pytest.raises(Refusal, match=reason):
        plan(b.module(*leave))


DEGREES = (3, 5, 7, 11)


@pytest.mark.parametrize("domain", [(-1.0, 1.0), (-3.0, 5.0)])
@pytest.mark.parametrize("degree", DEGREES)
def test_polynomials_of_higher_degree_take_the_fewest_levels(builder, degree, domain):
    x, w = RNG.uniform(-1, 1, size=(BATCH, 5)), RNG.normal(size=(5, 3)) / 3
    (lo, hi), coefficients = domain, tuple(RNG.normal(size=degree + 1) / np.arange(1, degree + 2))
    b = builder(x.shape, BATCH)
    h = b.op("Polynomial", [b.last], x.shape, {"coefficients": coefficients, "lo": lo, "hi": hi})
    b.op("MatMul", [h, b.weight(w)], (BATCH, 3))
    lowered = check(b.module(), x, chebyshev.chebval((2 * x - lo - hi) / (hi - lo), coefficients) @ w)
    levels = {op.attrs["level"] for op in lowered.ops if op.name == "he.batch_rescale"}
    assert len(levels) == degree.bit_length()


def test_a_composition_takes_its_argument_times_its_last_stage(builder):
    x, w = RNG.uniform(-2, 2, size=(BATCH, 4)), RNG.normal(size=(4, 4)) / 2
    stages = (0.0, 1.2, 0.0, -0.2), (0.5, 0.6, 0.0, -0.1)
    attrs = {"coefficients": stages[1], "inner": (stages[0],), "gate": True, "lo": -8.0, "hi": 8.0}
    b = builder(x.shape, BATCH)
    h = b.op("MatMul", [b.last, b.weight(w)], x.shape)
    b.op("Polynomial", [h], x.shape, attrs)
    t = x @ w / 8
    check(b.module(), x, t * chebyshev.chebval(chebyshev.chebval(t, stages[0]), stages[1]))


def test_whole_numbers_that_are_public_take_one_bit_of_scale(builder):
    x = RNG.uniform(-1, 1, size=(BATCH, 3))
    b = builder(x.shape, BATCH)
    b.op("Polynomial", [b.last], x.shape, {"coefficients": (0.0,) * 7 + (1.0,), "lo": -1.0, "hi": 1.0})
    lowered = check(b.module(), x, chebyshev.chebval(x, (0.0,) * 7 + (1.0,)))
    scales = [op.attrs["weight_scale"] for op in lowered.ops if op.name == "he.batch_linear"]
    assert scales and min(scales) == 2.0


def moved(builder):
    """Concat of a convolution's result with its padded input, pooled, with a residual; and the reference."""
    x, k = RNG.normal(size=(BATCH, 2, 4, 4)), RNG.normal(size=(2, 1, 3, 3)) / 3
    conv = {"pads": (2, 2, 2, 2), "strides": (1, 1), "dilations": (2, 2), "group": 2}
    pool = {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0), "ceil_mode": 0, "count_include_pad": 0}
    pads = {"pads": (0, 0, 0, 1, 0, 0, 0, 0), "value": 0.5, "mode": "constant"}
    b = builder(x.shape, BATCH)
    entry = b.last
    c = b.op("Conv", [entry, b.weight(k)], x.shape, conv)
    r = b.op("Add", [c, entry], x.shape)
    s = b.op("Slice", [r], (BATCH, 2, 4, 3), {"starts": (0,), "ends": (3,), "axes": (3,), "steps": (1,)})
    p = b.op("Pad", [s], x.shape, pads)
    j = b.op("Concat", [r, p], (BATCH, 4, 4, 4), {"axis": 1})
    b.op("AveragePool", [j], (BATCH, 4, 2, 2), pool)
    b.op("ReduceMean", [b.last], (BATCH, 4, 1, 1), {"axes": (2, 3), "keepdims": 1})
    residual = run("Conv", [x, k], conv) + x
    padded = np.pad(residual[..., :3], ((0, 0), (0, 0), (0, 0), (1, 0)), constant_values=0.5)
    return b, x, np.concatenate([residual, padded], axis=1).mean(axis=(2, 3), keepdims=True)


def test_movements_pools_and_grouped_dilated_convolutions(builder):
    b, x, expected = moved(builder)
    check(b.module(), x, expected)


@pytest.mark.parametrize("batch,groups,degree", [(6000, 2, 8192), (24000, 6, 8192), (40000, 10, 8192)])
def test_more_samples_than_slots_are_groups_of_as_many_each(builder, batch, groups, degree):
    x, w = RNG.normal(size=(batch, 3)), RNG.normal(size=(3, 2))
    b = builder(x.shape, batch)
    h = b.op("MatMul", [b.last, b.weight(w)], (batch, 2))
    b.op("Mul", [h, h], (batch, 2))
    module = b.module("reveal.he_to_client", {"privacy": "public weights"})
    lowered = check(module, x, (x @ w) ** 2)
    program = plan(module)
    assert (program.groups, program.schedule.degree) == (groups, degree)
    entered = layout_from_attrs(lowered.ops[0].attrs)
    assert entered.ciphertexts == 3 * groups and entered.digits[-2][0] == batch // groups


def test_groups_cost_what_each_of_them_costs(builder):
    def seconds(batch):
        b = builder((batch, 3), batch)
        h = b.op("MatMul", [b.last, b.weight(np.ones((3, 2)))], (batch, 2))
        b.op("Mul", [h, h], (batch, 2))
        return plan(b.module("reveal.he_to_client", {"privacy": "public weights"})).seconds

    assert seconds(3 * 4096) == pytest.approx(3 * seconds(4096))


def test_a_batch_without_even_split_is_packed_for_latency(builder):
    chosen = choose(wide(builder, 2 * 16411), PRIMITIVES)  # twice a prime that is more than the slots of any ring
    assert not isinstance(chosen.program, BatchProgram)


def wide(builder, batch):
    b = builder((batch, 64), batch)
    h = b.op("MatMul", [b.last, b.weight(RNG.normal(size=(64, 32)) / 8)], (batch, 32))
    h = b.op("Mul", [h, h], (batch, 32))
    b.op("MatMul", [h, b.weight(RNG.normal(size=(32, 4)) / 4)], (batch, 4))
    module = b.module()
    return replace(module, attrs={**module.attrs, "he.error": 0.1})


def test_many_samples_are_packed_by_batch_and_few_for_latency(builder):
    few, many = choose(wide(builder, 1), PRIMITIVES), choose(wide(builder, 2048), PRIMITIVES)
    assert not isinstance(few.program, BatchProgram) and few.instead == ""
    assert isinstance(many.program, BatchProgram) and many.seconds == many.program.seconds
    assert "packed for latency" in many.instead
    lowered = lower_he(wide(builder, 2048))
    assert lowered.attrs["he.packing"] == "batch" and lowered.attrs["he.packing_because"] == many.instead


def test_a_refusal_is_the_reason_for_latency_packing(builder):
    b = builder((64, 4), 64)
    chosen = choose(b.module("reveal.he_to_client", {"privacy": "flooding"}), PRIMITIVES)
    assert not isinstance(chosen.program, BatchProgram) and "to be flooded" in chosen.instead


# what the verifier refuses


def broken(module, name, at=0, **attrs):
    index = [i for i, op in enumerate(module.ops) if op.name == name][at]
    op = replace(module.ops[index], attrs={**module.ops[index].attrs, **attrs})
    return replace(module, ops=(*module.ops[:index], op, *module.ops[index + 1 :]))


def without(module, name):
    """The module without an op; its readers read its operand."""
    gone = next(op for op in module.ops if op.name == name)
    ops = [
        replace(op, operands=tuple(gone.operands[0] if o == gone.results[0] else o for o in op.operands))
        for op in module.ops
        if op is not gone
    ]
    return replace(module, ops=tuple(ops))


def regrouped(module):
    """The samples of a result in two groups."""
    slots = module.attrs["he.degree"] // 2
    return {"out_layout_digits": BatchLayout(2, BATCH // 2, 48, slots).layout.digits}


CASES = {
    "level": (lambda m: broken(m, "he.batch_square", level=1), "planned at level 1"),
    "scale": (lambda m: broken(m, "he.batch_square", scale=2.0**50), "states scale"),
    "weights": (lambda m: broken(m, "he.batch_linear", weight_scale=2.0**60), "scales weights"),
    "blocks": (lambda m: broken(m, "he.batch_linear", 1, blocks=(((0,), (0,)),)), "each of its results once"),
    "past": (lambda m: broken(m, "he.batch_linear", 2, blocks=((tuple(range(4)), (11,) * 10),)), "reads past"),
    "constants": (lambda m: broken(m, "he.batch_linear", 2, blocks=((tuple(range(4)), (1,)),)), "constants of"),
    "groups": (lambda m: broken(m, "he.batch_linear", **regrouped(m)), "splits the samples"),
    "layout": (lambda m: broken(m, "he.batch_linear", in_layout_offset=1), "layout its operand has"),
    "no relinearisation": (lambda m: replace(m, attrs={**m.attrs, "he.relin": ()}), "no key"),
    "deeper": (lambda m: broken(m, "he.batch_rescale", out_level=-1), "rescales from level"),
    "not relinearised": (lambda m: without(m, "he.batch_rescale"), "squares a product|level"),
    "large primes": (lambda m: replace(m, attrs={**m.attrs, "he.prime_bits": (58,) * 5}), "58 bits|security"),
}


@pytest.mark.parametrize("case", CASES)
def test_broken_plans_are_refused(builder, case):
    b, *_ = chain(builder)
    module = b.module()
    lowered = lower_batch(module, plan(module))
    verify_he(lowered)
    damage, words = CASES[case]
    with pytest.raises(InternalError, match=words):
        verify_he(damage(lowered))

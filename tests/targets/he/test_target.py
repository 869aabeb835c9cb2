"""What the assignment is told: refusals, depth, cost."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from ppc.ir.target import HeRung
from ppc.ir.types import Domain
from ppc.targets.conversions import Conversions
from ppc.targets.he.lower import lower_he
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.target import HETarget, rungs
from ppc.targets.registry import TARGETS, target


def test_registry_names_every_domain():
    assert set(TARGETS) == set(Domain)
    assert isinstance(target(Domain.HE), HETarget)
    assert target(Domain.HE) is not target(Domain.HE)  # costs of one module never reach another


@pytest.mark.parametrize(
    ("name", "words"),
    [("MaxPool", "comparisons"), ("Relu", "not polynomial"), ("Softmax", "divides"), ("LSTM", "recurrence")],
)
def test_refusals_say_why(builder, name, words):
    b = builder((1, 3, 4, 4))
    b.op(name, [b.last], (1, 3, 4, 4))
    module = b.module()
    assert words in HETarget().refuses(module.ops[1], module)


def test_unknown_operator_is_refused(builder):
    b = builder((1, 4))
    b.op("Frobnicate", [b.last], (1, 4))
    module = b.module()
    assert "no lowering" in HETarget().refuses(module.ops[1], module)


def test_product_of_secret_matrices_is_refused(builder):
    b = builder((1, 4, 4))
    b.op("MatMul", [b.last, b.last], (1, 4, 4))
    module = b.module()
    assert "not lowered" in HETarget().refuses(module.ops[1], module)


def test_mixing_samples_is_refused(builder):
    b = builder((2, 4), 2)
    b.op("Transpose", [b.last], (4, 2), {"perm": (1, 0)})
    module = b.module()
    assert "axis 0" in HETarget().refuses(module.ops[1], module)


def test_constant_that_differs_from_sample_to_sample_is_refused(builder):
    b = builder((2, 4), 2)
    b.op("Add", [b.last, b.weight(np.ones((2, 4)))], (2, 4))
    module = b.module()
    assert "sample to sample" in HETarget().refuses(module.ops[1], module)


def test_huge_maps_are_refused_before_they_are_built(builder):
    b = builder((1, 64, 112, 112))
    b.op("Conv", [b.last, b.weight(np.zeros((64, 64, 3, 3)))], (1, 64, 112, 112), {"pads": (1, 1, 1, 1)})
    module = b.module()
    assert "multiplications" in HETarget().refuses(module.ops[1], module)


@pytest.mark.parametrize(("matrix", "refused"), [(np.eye(4)[:, [2, 0, 0]], True), (np.ones((4, 3)), False)])
def test_what_thresholds_of_trees_look_at_stays_exact(builder, matrix, refused):
    b = builder((1, 4))
    b.op("Gemm", [b.last, b.weight(matrix)], (1, 3), {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0})
    b.op("LessOrEqual", [b.last, b.weight(np.zeros(3))], (1, 3))
    module = b.module()
    found = HETarget().refuses(next(op for op in module.ops if op.name == "Gemm"), module)
    assert ("noise of CKKS would decide" in found) if refused else found is None


def test_dividing_by_a_secret_is_refused(builder):
    b = builder((1, 4))
    b.op("Div", [b.weight(np.ones(4)), b.last], (1, 4))
    module = b.module()
    assert "divides by an encrypted" in HETarget().refuses(module.ops[1], module)


@pytest.mark.parametrize(
    ("name", "operands", "attrs", "depth", "taken"),
    [
        ("Mul", 2, {}, 1, 1),
        ("Add", 2, {}, 0, 0),
        ("Neg", 1, {}, 0, 0),  # merges with any map beside it
        ("Reshape", 1, {"shape": (1, 4)}, 0, 0),
        ("Polynomial", 1, {"coefficients": (0.0, 1.0, 1.0, 1.0), "lo": -1.0, "hi": 1.0}, 2, 2),
        ("Polynomial", 1, {"coefficients": (0.0,) * 4 + (1.0,), "lo": -2.0, "hi": 2.0}, 4, 4),
    ],
)
def test_depth(builder, name, operands, attrs, depth, taken):
    b = builder((1, 4))
    b.op(name, [b.last] * operands, (1, 4), attrs)
    module = b.module()
    assert HETarget().depth(module.ops[1], module) == depth
    assert HETarget().refuses(module.ops[1], module) is None
    lowered = lower_he(module)
    assert lowered.ops[0].attrs["level"] - lowered.ops[-1].attrs["level"] == taken


def test_cost_grows_with_work_and_ring(builder):
    def cost(filters, rung):
        b = builder((1, 1, 28, 28))
        b.op("Conv", [b.last, b.weight(np.ones((filters, 1, 5, 5)))], (1, filters, 24, 24))
        module = b.module()
        return HETarget().cost(module.ops[1], module, rung).seconds

    small, large = HeRung(8192, 3), HeRung(16384, 7)
    assert 0 < cost(2, small) < cost(6, small) < cost(6, large) < 10


def test_cost_is_kept(builder):
    b = builder((1, 4))
    b.op("Neg", [b.last], (1, 4))
    made, module = HETarget(), b.module()
    op = module.ops[1]
    assert made.cost(op, module, HeRung(8192, 3)) is made.cost(op, module, HeRung(8192, 3))


def test_setup_cost_grows_with_levels():
    made = HETarget()
    few, many = made.setup(HeRung(16384, 3)), made.setup(HeRung(16384, 7))
    assert 0 < few.seconds < many.seconds
    assert few.bytes < many.bytes


def test_rungs():
    found = rungs()
    assert set(found) == {8192, 16384, 32768}
    assert [found[d].levels for d in sorted(found)] == [2, 7, 17]


def test_rotation_times_grow_past_the_table():
    table = Primitives({"rotate": {"8192": [1.0, 2.0]}, "add": {"8192": [1.0, 2.0]}})
    assert [table.at("rotate", 8192, level) for level in range(4)] == [1.0, 2.0, 4.0, pytest.approx(20 / 3)]
    assert [table.at("add", 8192, level) for level in range(4)] == [1.0, 2.0, 3.0, 4.0]


def conv(builder, channels, filters, size, kernel):
    b = builder((1, channels, size, size))
    pads = (kernel // 2,) * 4
    b.op(
        "Conv",
        [b.last, b.weight(np.ones((filters, channels, kernel, kernel)))],
        (1, filters, size, size),
        {"pads": pads},
    )
    return b.module()


@pytest.mark.parametrize("case", [(16, 16, 32, 3), (64, 64, 8, 3), (256, 64, 14, 1)])
@pytest.mark.parametrize("rung", [HeRung(8192, 2), HeRung(32768, 17)])
def test_a_large_convolution_is_counted_on_fewer_channels(builder, monkeypatch, case, rung):
    """What is counted for the part, grown, is the count of the whole within 15 %."""
    module = conv(builder, *case)
    op = module.ops[1]
    guessed = HETarget().cost(op, module, rung, 2).seconds
    monkeypatch.setattr("ppc.targets.he.alike.LARGE", 1 << 40)
    assert guessed == pytest.approx(HETarget().cost(op, module, rung, 2).seconds, rel=0.15)


def test_operators_that_are_alike_are_counted_once(builder, monkeypatch):
    counted = []
    once = HETarget._counted
    monkeypatch.setattr(HETarget, "_counted", lambda self, op, *rest: counted.append(op) or once(self, op, *rest))
    b = builder((1, 4))
    for _ in range(3):
        b.op("Gemm", [b.last, b.weight(np.random.default_rng(len(counted)).normal(size=(4, 4)))], (1, 4))
    b.op("Mul", [b.last, b.last], (1, 4))
    module, made = b.module(), HETarget()
    costs = [made.cost(op, module, HeRung(8192, 2), 1) for op in module.ops[1:5]]
    assert costs[0] == costs[1] == costs[2] != costs[3]
    assert [op.name for op in counted] == ["Gemm", "Mul"]


def test_operators_that_differ_in_a_value_that_refuses_are_not_alike(builder):
    b = builder((1, 4))
    b.op("Div", [b.last, b.weight(np.ones(4))], (1, 4))
    b.op("Div", [b.last, b.weight(np.array([1.0, 0.0, 1.0, 1.0]))], (1, 4))
    module, made = b.module(), HETarget()
    assert made.refuses(module.ops[1], module) is None
    assert "zero" in made.refuses(module.ops[2], module)


def test_costs_rise_with_the_level(builder):
    module = conv(builder, 4, 4, 8, 3)
    rung = HeRung(16384, 7)
    costs = [HETarget().cost(module.ops[1], module, rung, level) for level in range(8)]
    assert costs[1].seconds < costs[3].seconds < costs[7].seconds
    assert costs[1].memory < costs[7].memory


def test_groups_of_samples_are_priced_each(builder):
    batch, (one, three) = HeRung(8192, 2, batch=True), (products(builder, samples) for samples in (4096, 3 * 4096))
    costs = [HETarget().cost(m.ops[1], m, batch, 2) for m in (one, three)]
    moves = [Conversions().cost(Domain.CLIENT, Domain.HE, m.ops[1].results[0], m, batch) for m in (one, three)]
    assert costs[1].seconds == pytest.approx(3 * costs[0].seconds) and costs[1].memory == 3 * costs[0].memory
    assert moves[1].bytes == 3 * moves[0].bytes


def products(builder, samples):
    b = builder((samples, 2), samples)
    b.op("Mul", [b.last, b.last], (samples, 2))
    return b.module()


def test_packings_are_priced_apart(builder):
    """Each packing has prices of its own; a packing that is not looked at costs infinitely."""
    b = builder((64, 4))
    b.op("Gemm", [b.last, b.weight(np.ones((4, 4)))], (64, 4))
    coefficients = (0.0, 1.0, 1.0, 1.0)
    b.op("Polynomial", [b.last], (64, 4), {"coefficients": coefficients, "lo": -1.0, "hi": 1.0})
    module = b.module()
    module = replace(module, attrs={**module.attrs, "batch": 64})
    gemm, cubic = module.ops[1:3]
    latency, batch = (HeRung(8192, 2, packed) for packed in (False, True))
    made = HETarget()
    assert 0 < made.cost(gemm, module, latency, 2).seconds != made.cost(gemm, module, batch, 2).seconds > 0
    assert 0 < made.cost(cubic, module, latency, 2).seconds != made.cost(cubic, module, batch, 2).seconds > 0
    few = replace(module, attrs={**module.attrs, "batch": 4})
    assert HETarget().cost(cubic, few, latency, 2).seconds < inf == HETarget().cost(cubic, few, batch, 2).seconds
    moves = Conversions()
    spread = moves.cost(Domain.CLIENT, Domain.HE, gemm.results[0], module, batch)
    close = moves.cost(Domain.CLIENT, Domain.HE, gemm.results[0], module, latency)
    assert spread.bytes == 4 * close.bytes  # 4 elements a sample, 64 samples: 4 ciphertexts, or 256 slots of one

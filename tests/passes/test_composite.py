"""Compositions of polynomials for functions with a kink, and when they are taken."""

import numpy as np
import pytest

from ppc.ir.approximation import as_polynomial, degrees, described, without_polynomial
from ppc.ir.module import Op
from ppc.passes.approximate import activation, with_polynomial
from ppc.passes.composite import STAGES, composite, kink
from ppc.passes.minimax import minimax
from ppc.passes.upgrade import best, is_deep, upgraded
from ppc.runtime import kernels

KINKED = [Op("Relu", ("x",), ("y",)), Op("LeakyRelu", ("x",), ("y",), {"alpha": 0.1}), Op("Abs", ("x",), ("y",))]


def run(op, x):
    return kernels.run(op.name, [x], op.attrs)[0]


@pytest.mark.parametrize("op", KINKED, ids=lambda op: op.name)
@pytest.mark.parametrize("stages", [(7, 7), (7, 7, 15)])
def test_a_composition_is_its_function_within_the_error_it_states(op, stages):
    bound = 5.0
    found = with_polynomial(op, composite(kink(op), bound, stages))
    x = np.linspace(-bound, bound, 20001)
    error = np.abs(run(as_polynomial(found), x) - run(op, x)).max()
    assert 0.9 * found.attrs["he_error"] <= error <= 1.01 * found.attrs["he_error"]
    assert degrees(found) == stages and described(found) == f"composite {', '.join(map(str, stages))}"
    assert without_polynomial(found) == op


def test_every_stage_keeps_its_argument_in_the_interval():
    for stages in STAGES:
        found = composite((0.5, 0.5), 3.0, stages)
        t = np.linspace(-1, 1, 10001)
        for stage in found.inner:
            t = np.polynomial.chebyshev.chebval(t, stage)
            assert np.abs(t).max() <= 1 + 1e-6


def test_more_stages_are_nearer():
    errors = [composite((0.5, 0.5), 1.0, stages).error for stages in STAGES]
    assert errors == sorted(errors, reverse=True) and errors[0] < 8e-4 and errors[-1] < 2e-4


def test_only_kinks_at_0_have_compositions():
    assert kink(Op("Sigmoid", ("x",), ("y",))) is None
    assert kink(KINKED[1]) == (0.55, 0.45)


def fitted(op, lo, hi, degree=31):
    return with_polynomial(op, minimax(activation(op), lo, hi, degree))


def test_the_ladder_climbs_by_degree_and_then_by_stages():
    op, seen = fitted(KINKED[0], -2.0, 3.0, 15), []
    while (better := upgraded(op)) is not None:
        assert better.attrs["he_error"] <= 0.8 * op.attrs["he_error"]
        seen.append(degrees(better))
        op = better
    assert seen[:3] == [(31,), (63,), (127,)] and seen[-1] == STAGES[-1]
    assert best(fitted(KINKED[0], -2.0, 3.0)) == op
    assert is_deep(op) and not is_deep(fitted(KINKED[0], -2.0, 3.0))


@pytest.mark.parametrize(("op", "lo"), [(KINKED[0], 0.5), (Op("HardSigmoid", ("x",), ("y",)), -8.0)])
def test_no_composition_without_a_kink_inside_the_range(op, lo):
    top = best(fitted(op, lo, 8.0, 7))
    assert len(degrees(top)) == 1


def test_an_upgrade_of_a_composition_leaves_nothing_of_it():
    op = with_polynomial(KINKED[0], composite((0.5, 0.5), 3.0, STAGES[0]))
    again = with_polynomial(op, minimax(activation(op), -3.0, 3.0, 7))
    assert "he_inner" not in again.attrs and "he_gate" not in again.attrs

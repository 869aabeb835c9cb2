"""Random programs packed by batch: verified, right in clear, as precise as planned, in simulation and encrypted."""

from dataclasses import dataclass

import numpy as np
import pytest
from he_run import encrypted, on_slots
from random_graph import Grown

from ppc.ir.module import Module
from ppc.runtime.schema import FRACTION_BITS
from ppc.targets.he.batch_lower import lower_batch
from ppc.targets.he.batch_plan import plan_batch
from ppc.targets.he.sample import Refusal
from ppc.targets.he.verify import verify_he
from ppc.targets.prices import Prices

#: (seed, operators, products one after another)
FEW = [(seed, (4, 8, 14)[seed % 3], 1 + seed % 3) for seed in range(9)]
MANY = [(seed, 3 + seed % 20, seed % 5) for seed in range(100, 200)]
ENCRYPTED = [(seed, 4 + seed % 5, 1 + seed % 2) for seed in range(40, 43)]
MANY_ENCRYPTED = [(seed, 4 + seed % 14, seed % 4) for seed in range(600, 620)]


@dataclass
class Case:
    """A random graph, what it gives, its steps, and the planned error of the result."""

    x: np.ndarray
    expected: np.ndarray
    lowered: Module
    tolerance: float

    def compare(self, got, tolerance):
        np.testing.assert_allclose(got, self.expected, rtol=0, atol=tolerance)


def case(builder, calibrated, seed, operators, depth):
    """None where batch packing has no parameters for the graph."""
    grown = Grown(builder, seed, operators, depth)
    module, expected = grown.module_and_result(calibrated)
    try:
        program = plan_batch(module, Prices.shipped().he)
    except Refusal as refusal:
        assert "no ring has" in str(refusal)
        return None
    assert program is not None and program.error <= 1.0
    lowered = lower_batch(module, program)
    verify_he(lowered)
    (error,) = program.schedule.errors.values()
    return Case(grown.x[0], expected, lowered, error + 4 * 2.0**-FRACTION_BITS)


def check_in_clear_and_simulated(found):
    (output,) = found.lowered.outputs
    clear = on_slots(found.lowered, found.x, noise=False)[output].data
    found.compare(clear, 1e-6 * max(1.0, np.abs(found.expected).max()))
    found.compare(on_slots(found.lowered, found.x, noise=True)[output].data, found.tolerance)


def check_encrypted(found):
    (output,) = found.lowered.outputs
    found.compare(encrypted(found.lowered, found.x).result(output), found.tolerance)


@pytest.mark.parametrize("graph", FEW)
def test_random_programs(builder, calibrated, graph):
    found = case(builder, calibrated, *graph)
    assert found is not None, "these few have parameters, so that something is tested"
    check_in_clear_and_simulated(found)


@pytest.mark.parametrize("graph", ENCRYPTED)
def test_random_programs_encrypted(builder, calibrated, graph):
    found = case(builder, calibrated, *graph)
    assert found is not None, "these few have parameters, so that something is tested"
    check_encrypted(found)


@pytest.mark.slow
@pytest.mark.parametrize("graph", MANY)
def test_many_random_programs(builder, calibrated, graph):
    found = case(builder, calibrated, *graph)
    if found is not None:
        check_in_clear_and_simulated(found)


@pytest.mark.slow
@pytest.mark.parametrize("graph", MANY_ENCRYPTED)
def test_many_random_programs_encrypted(builder, calibrated, graph):
    found = case(builder, calibrated, *graph)
    if found is not None:
        check_encrypted(found)

"""Random programs: verified, right in clear, as precise as planned with simulated noise and encrypted."""

from dataclasses import dataclass

import numpy as np
import pytest
from he_run import encrypted, on_slots
from random_graph import Grown

from ppc.ir.diagnostic import UserError
from ppc.ir.module import Module
from ppc.runtime.schema import FRACTION_BITS
from ppc.targets.he.lower import emit
from ppc.targets.he.noise import TAIL, Noise
from ppc.targets.he.plan import Program, plan_module
from ppc.targets.he.verify import verify_he
from ppc.targets.prices import Prices

#: (seed, operators, products one after another)
FEW = [(seed, (5, 12, 20, 30)[seed % 4], (1, 3, 5, 8)[seed // 4 % 4]) for seed in range(8)]
#: Empty slots that hold a polynomial's constant; one element much larger than the others.
FEW += [(282, 5, 3), (257, 8, 5)]
MANY = [(seed, 3 + seed % 28, seed % 9) for seed in range(100, 300)]
ENCRYPTED = [(seed, 6 + seed % 12, 1 + seed % 4) for seed in range(40, 44)]
MANY_ENCRYPTED = [(seed, 4 + seed % 25, seed % 7) for seed in range(600, 640)]


@dataclass
class Case:
    """A random graph, what it gives, and its program."""

    x: np.ndarray
    expected: np.ndarray
    lowered: Module
    program: Program

    @property
    def tolerance(self):
        """The planned error of the result, absolute; shares have fixed point besides, and what leaves under a mask has
        as few bits as the plan says."""
        parameters = self.program.parameters
        noise = Noise(parameters.degree, parameters.chain)
        of = noise.propagate(self.program.steps, parameters.plan, parameters.scales)
        (leave,) = (s for s in self.program.steps if s.kind == "leave")
        (name,) = leave.operands
        found = of[name].worst
        bits = parameters.flood_bits.get(leave.result)
        if bits is not None:
            found = np.hypot(found, noise.flooded(bits, parameters.scales.of[name]))
        masked = leave.op.name == "convert.he_to_mpc" or leave.result in parameters.hidden_bits
        unit = 2.0 ** (parameters.hidden_bits.get(leave.result, 0) - FRACTION_BITS) if masked else 0.0
        return TAIL * found + 2 * unit

    def compare(self, got, tolerance):
        np.testing.assert_allclose(got, self.expected, rtol=0, atol=tolerance)


def case(builder, calibrated, seed, operators, depth):
    """None where HE has no parameters for the graph: PPC4101, and nothing else."""
    grown = Grown(builder, seed, operators, depth)
    module, expected = grown.module_and_result(calibrated)
    try:
        program = plan_module(module, Prices.shipped().he)
    except UserError as e:
        assert {d.code for d in e.diagnostics} == {"PPC4101"}
        return None
    assert program.error <= 1.0
    lowered = emit(module, program)
    verify_he(lowered)
    return Case(grown.x[0], expected, lowered, program)


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

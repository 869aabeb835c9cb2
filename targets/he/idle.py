"""What lies in slots in which no element lies. Encryption puts 0 there, and a step computes with it as with the others:
a polynomial leaves its value at 0. Nothing reads it, but a plaintext vector's rounding errors are multiplied with it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.polynomial import chebyshev

from ppc.targets.he.graph import polynomial
from ppc.targets.he.select import Chosen


def idle_values(steps: Sequence[Chosen]) -> Mapping[str, float]:
    """By value. Where partial sums lie in such slots (`Packing.clean` is false), which are as large as elements, they
    count as elements (`Lowered.reads`), and not here."""
    found: dict[str, float] = {}
    for step in steps:
        if step.kind != "leave":
            found[step.result] = _idle(step, [found[name] for name in step.operands])
    return found


def _idle(step: Chosen, operands: Sequence[float]) -> float:
    match step.kind:
        case "enter" | "linear":  # a linear layer's vectors are 0 there, and so is its bias
            return 0.0
        case "polynomial":
            coefficients, lo, hi = polynomial(step.op)
            return float(chebyshev.chebval((2 * np.float64(operands[0]) - lo - hi) / (hi - lo), coefficients))
        case "square":
            negate, plus = step.square
            return (-1 if negate else 1) * operands[0] ** 2 + plus
        case "mul":
            return operands[0] * operands[1]
        case "add":
            return operands[0] + operands[1]
        case "sub":
            return operands[0] - operands[1]
        case _:
            return operands[0]

"""What a latency-packed program costs: client and server, one pass, one core, in the same units as `batch_cost`."""

from ppc.targets.he.batch_cost import PRICES, shared_seconds
from ppc.targets.he.graph import Node
from ppc.targets.he.plan import Program
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.select import Chosen, polynomial_cost


def program_seconds(program: Program) -> float:
    """Seconds of a pass."""
    primitives = Primitives.default()
    levels = program.parameters.plan.run
    return sum(_seconds(step, level, program, primitives) for step, level in zip(program.steps, levels, strict=True))


def _seconds(step: Chosen, level: int, program: Program, primitives: Primitives) -> float:
    degree, groups = program.parameters.degree, program.batching.groups
    count = step.packing.ciphertexts * groups
    words = degree * (level + 1)
    if step.kind == "enter":
        return count * degree * (program.parameters.plan.of[step.result] + 1) * PRICES.enter / 1e9
    if step.kind == "leave":
        if step.op.name == "convert.he_to_mpc":
            return shared_seconds(step.packing.size * program.batching.batch, degree)
        return count * 2 * words * PRICES.leave / 1e9
    if step.kind == "linear" and step.lowered is not None:
        lowered = step.lowered
        outputs = lowered.out.ciphertexts
        return groups * primitives.linear(lowered.rotations, lowered.products, outputs, degree, level) / 1e3
    if step.kind in ("square", "mul"):
        return count * primitives.multiply(degree, level) / 1e3
    if step.kind == "polynomial":
        node = Node("polynomial", step.op, step.operands, step.result, step.like)
        return count * polynomial_cost(node, primitives, degree, level) / 1e3
    return count * primitives.per_prime("add", degree, level) / 1e3 if step.kind in ("add", "sub") else 0.0

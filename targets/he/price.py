"""What a latency-packed program costs: client and server, one pass, one core."""

from ppc.targets.he.graph import Node, masks
from ppc.targets.he.plan import Program
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.select import Chosen, polynomial_cost


def program_seconds(program: Program, primitives: Primitives) -> float:
    """Seconds of a pass."""
    levels = program.parameters.plan.run
    return sum(_seconds(step, level, program, primitives) for step, level in zip(program.steps, levels, strict=True))


def _seconds(step: Chosen, level: int, program: Program, primitives: Primitives) -> float:
    degree, groups = program.parameters.degree, program.batching.groups
    count = step.packing.ciphertexts * groups
    if step.kind == "enter":
        return count * primitives.enter(degree, program.parameters.plan.of[step.result])
    if step.kind == "leave":
        elements = step.packing.size * program.batching.batch
        return primitives.exit(elements, count, degree, level, masks(step.op))
    if step.kind == "linear" and step.lowered is not None:
        lowered = step.lowered
        outputs = lowered.out.ciphertexts
        return groups * primitives.linear(lowered.rotations, lowered.products, outputs, degree, level)
    if step.kind == "square":
        return count * primitives.square(degree, level)
    if step.kind == "mul":
        return count * primitives.multiply(degree, level)
    if step.kind == "polynomial":
        node = Node("polynomial", step.op, step.operands, step.result, step.like)
        return count * polynomial_cost(node, primitives, degree, level)
    return count * primitives.at("add", degree, level) if step.kind in ("add", "sub") else 0.0

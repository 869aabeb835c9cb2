"""Choose ring, batching, layouts, levels, primes and scales together for a module."""

from dataclasses import dataclass

from ppc.ir.module import Module
from ppc.targets.he.graph import Node, build
from ppc.targets.he.levels import plan_levels
from ppc.targets.he.merge import merge
from ppc.targets.he.noise import TAIL, Noise
from ppc.targets.he.packing import Batching
from ppc.targets.he.parameters import (
    EXIT_LEVELS,
    MODULUS_BITS,
    Parameters,
    candidates,
    depths,
    fits,
    neighbours,
    nothing_fits,
)
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.sample import Samples
from ppc.targets.he.select import Chosen, Search

#: Absolute value assumed for an intermediate value of unknown range.
UNKNOWN_SIZE = 8.0
#: Root mean square of a value of which only the bound is known, as a share of it; and how much larger than on the
#: calibration data it is taken to be for a single sample.
TYPICAL, UNLIKE = 1 / 3, 1.2
#: Smallest bound of a value: below, it is as good as zero, and its scale would be without bound.
SMALLEST_SIZE = 2.0**-12
#: Small changes of the parameters that are made one after the other.
MOST_CHANGES = 12
#: Error allowed (`noise.TAIL` deviations) in a value that leaves HE, relative to its range (or to 1), unless the
#: module's attribute "he.error" says; flooding is noise by design.
SHARED_ERROR, REVEALED_ERROR, FLOODED_ERROR = 2.0**-10, 2.0**-9, 2.0**-5


@dataclass(frozen=True)
class Program:
    """The HE part of a module, fully decided."""

    steps: tuple[Chosen, ...]
    parameters: Parameters
    batching: Batching
    error: float  # of the worst value that leaves, `noise.TAIL` deviations as a share of what is allowed


def privacy_of(module: Module, node: Node) -> str:
    """How a revealed ciphertext protects the weights: as its op says, else flooding where others' secrets are in it."""
    said = node.op.attrs.get("privacy")
    if said is not None:
        return str(said)
    label = module.values[node.operands[0]].label
    return "public weights" if label is not None and label.flows_to("client") else "flooding"


def plan_module(module: Module, primitives: Primitives) -> Program | None:
    """Decide everything, or None for a module without HE. Raises UserError PPC4101 where nothing fits."""
    samples = Samples(module)
    nodes = merge(build(module, samples), frozenset(module.outputs))
    if not nodes:
        return None
    leaving = [n for n in nodes if n.kind == "leave"]
    revealed = {n.operands[0]: privacy_of(module, n) for n in leaving if n.op.name == "reveal.he_to_client"}
    flooded = frozenset(name for name, how in revealed.items() if how == "flooding")
    sizes = {n.result: sizes_of(module, n) for n in nodes if n.kind != "leave"}
    guess = plan_levels(nodes, lambda name: EXIT_LEVELS[name][0])
    level_of = {n.result: level for n, level in zip(nodes, guess.run, strict=True) if n.kind != "leave"}
    reached: list[float] = []
    for degree in sorted(MODULUS_BITS):
        if not fits(degree, nodes):
            continue
        size = max(samples.size(n.like) for n in nodes)
        batching = Batching.choose(degree // 2, samples.batch, size)
        steps = Search(samples, batching, degree, level_of, sizes, flooded, primitives).run(nodes)
        for levels in depths(steps):
            best = None
            for found in candidates(degree, steps, levels, bool(flooded)):
                best = _better(best, Program(steps, found, batching, _error(module, steps, found, flooded)))
            if best is None:
                continue
            best = _refined(module, best, flooded)
            if best.error <= 1.0:
                return best
            reached.append(best.error)
    raise nothing_fits(nodes, bool(flooded), min(reached, default=None))


def _refined(module: Module, best: Program, flooded: frozenset[str]) -> Program:
    """The best that small changes lead to."""
    for _ in range(MOST_CHANGES):
        start = best
        for found in neighbours(start.steps, start.parameters):
            error = _error(module, start.steps, found, flooded)
            best = _better(best, Program(start.steps, found, start.batching, error))
        if best is start:
            break
    return best


def _better(old: Program | None, new: Program) -> Program:
    return new if old is None or new.error < old.error else old


def sizes_of(module: Module, node: Node) -> tuple[float, float]:
    """A bound of the absolute value of a node's result, and its root mean square."""
    found = _bound(module, node.like) if node.bound is None else node.bound
    largest = max(UNKNOWN_SIZE if found is None else found, SMALLEST_SIZE)
    value = module.values.get(node.like)
    known = None if value is None or node.bound is not None else value.rms
    return largest, max(SMALLEST_SIZE, largest * TYPICAL if known is None else min(largest, known * UNLIKE))


def _bound(module: Module, name: str) -> float | None:
    value = module.values.get(name)
    return None if value is None or value.range is None else max(abs(value.range[0]), abs(value.range[1]))


def _spread(module: Module, name: str) -> float | None:
    """The length of a value's range, and of 0."""
    value = module.values.get(name)
    return None if value is None or value.range is None else max(value.range[1], 0.0) - min(value.range[0], 0.0)


def _error(module: Module, steps: tuple[Chosen, ...], found: Parameters, flooded: frozenset[str]) -> float:
    """The largest error of a value that leaves, as a multiple of what is allowed; fills in the flooding bits."""
    noise = Noise(found.degree, found.chain)
    of = noise.propagate(steps, found.plan, found.scales)
    worst = 0.0
    for step in steps:
        if step.kind != "leave":
            continue
        deviation, scale = of[step.operands[0]].worst, found.scales.of[step.operands[0]]
        floods = step.op.name == "reveal.he_to_client" and step.op.operands[0] in flooded
        if floods:
            bits = found.flood_bits[step.result] = noise.flood_bits(deviation, scale)
            deviation = (deviation**2 + noise.flooded(bits, scale) ** 2) ** 0.5
        size = _spread(module, step.like) or 1.0
        worst = max(worst, TAIL * deviation / max(size, SMALLEST_SIZE) / _allowed(module, step.op.name, floods))
    return worst


def _allowed(module: Module, exit: str, floods: bool) -> float:
    said = module.attrs.get("he.error")
    if isinstance(said, (int, float)):
        return float(said)
    if exit == "convert.he_to_mpc":
        return SHARED_ERROR
    return FLOODED_ERROR if floods else REVEALED_ERROR

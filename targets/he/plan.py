"""Choose ring, batching, layouts, levels, primes and scales together for a module."""

from collections.abc import Iterable
from dataclasses import dataclass

from ppc.ir.module import Module, Op
from ppc.runtime.schema import FRACTION_BITS
from ppc.targets.he.fewer_keys import with_fewer_keys
from ppc.targets.he.graph import REVEAL, Node, build, floods, masks
from ppc.targets.he.levels import plan_levels
from ppc.targets.he.merge import merge
from ppc.targets.he.noise import TAIL, Noise
from ppc.targets.he.packing import Batching
from ppc.targets.he.parameters import (
    MODULUS_BITS,
    Parameters,
    candidates,
    depths,
    exit_level,
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
#: The least that it is taken for, as a share of the bound: a Gaussian's is about that, and values of which a few are
#: many times as large as most have errors like those few.
SELDOM = 0.2
#: Smallest bound of a value: below, it is as good as zero, and its scale would be without bound.
SMALLEST_SIZE = 2.0**-12
#: Small changes of the parameters that are made one after the other, until the error is this share of what is allowed.
MOST_CHANGES, GOOD = 12, 0.5
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


def plan_module(module: Module, primitives: Primitives) -> Program | None:
    """Decide everything, or None for a module without HE. Raises UserError PPC4101 where nothing fits."""
    samples = Samples(module)
    nodes = merge(build(module, samples), frozenset(module.outputs))
    if not nodes:
        return None
    leaving = [n for n in nodes if n.kind == "leave"]
    shared = _shared(nodes)
    flooded = frozenset(n.operands[0] for n in leaving if floods(n.op))
    sizes = {n.result: sizes_of(module, n) for n in nodes if n.kind != "leave"}
    guess = plan_levels(nodes, exit_level)
    level_of = {n.result: level for n, level in zip(nodes, guess.run, strict=True) if n.kind != "leave"}
    reached: list[float] = []
    for degree in sorted(MODULUS_BITS):
        if not fits(degree, nodes):
            continue
        size = max(samples.size(n.like) for n in nodes)
        batching = Batching.choose(degree // 2, samples.batch, size)
        search = Search(samples, batching, degree, level_of, sizes, flooded, primitives, shared)
        steps = with_fewer_keys(search.run(nodes))
        for levels in depths(steps):
            best = _best(module, steps, batching, candidates(degree, steps, levels, bool(flooded)), None)
            for _ in range(MOST_CHANGES if best is not None and best.error > GOOD else 0):
                assert best is not None
                start, best = best, _best(module, steps, batching, neighbours(steps, best.parameters), best)
                if best is start:
                    break
            if best is not None and best.error <= 1.0:
                return best
            reached += [] if best is None else [best.error]
    raise nothing_fits(nodes, bool(flooded), min(reached, default=None))


def _shared(nodes: list[Node]) -> frozenset[str]:
    """Values that every reader turns into shares."""
    others = {name for n in nodes if n.kind != "leave" or not masks(n.op) for name in n.operands}
    return frozenset(n.operands[0] for n in nodes if n.kind == "leave") - others


def _best(
    module: Module, steps: tuple[Chosen, ...], batching: Batching, tried: Iterable[Parameters], best: Program | None
) -> Program | None:
    """The most precise of these and `best`; the first that is good enough ends the search."""
    for found in tried:
        error = _error(module, steps, found)
        if best is None or error < best.error:
            best = Program(steps, found, batching, error)
        if best.error <= GOOD:
            break
    return best


def sizes_of(module: Module, node: Node) -> tuple[float, float]:
    """A bound of the absolute value of a node's result, and its root mean square."""
    found = _bound(module, node.like) if node.bound is None else node.bound
    largest = max(UNKNOWN_SIZE if found is None else found, SMALLEST_SIZE)
    value = module.values.get(node.like)
    known = None if value is None or node.bound is not None else value.rms
    typical = largest * TYPICAL if known is None else min(largest, known * UNLIKE)
    return largest, max(SMALLEST_SIZE, largest * SELDOM, typical)


def _bound(module: Module, name: str) -> float | None:
    value = module.values.get(name)
    return None if value is None or value.range is None else max(abs(value.range[0]), abs(value.range[1]))


def _spread(module: Module, name: str) -> float | None:
    """The length of a value's range, and of 0."""
    value = module.values.get(name)
    return None if value is None or value.range is None else max(value.range[1], 0.0) - min(value.range[0], 0.0)


def _error(module: Module, steps: tuple[Chosen, ...], found: Parameters) -> float:
    """The largest error of a value that leaves, as a multiple of what is allowed; fills in the flooding bits."""
    noise = Noise(found.degree, found.chain)
    of = noise.propagate(steps, found.plan, found.scales)
    worst = 0.0
    for step in steps:
        if step.kind != "leave":
            continue
        deviation, scale = of[step.operands[0]].worst, found.scales.of[step.operands[0]]
        if floods(step.op):
            bits = found.flood_bits[step.result] = noise.flood_bits(deviation, scale)
            deviation = (deviation**2 + noise.flooded(bits, scale) ** 2) ** 0.5
        error = TAIL * deviation
        if step.op.name == REVEAL and masks(step.op):
            bits = found.hidden_bits[step.result] = noise.hidden_bits(error)
            error += 2.0 ** (bits - 1 - FRACTION_BITS) if bits else 0.0
        size = _spread(module, step.like) or 1.0
        worst = max(worst, error / max(size, SMALLEST_SIZE) / allowed_error(module, step.op))
    return worst


def allowed_error(module: Module, op: Op) -> float:
    """Of a value that leaves by this step, as a share of its range."""
    said = module.attrs.get("he.error")
    if isinstance(said, (int, float)):
        return float(said)
    if op.name == "convert.he_to_mpc":
        return SHARED_ERROR
    return FLOODED_ERROR if floods(op) else REVEALED_ERROR

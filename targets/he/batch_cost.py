"""What a batch-packed program costs, from counted words: a word is one coefficient modulo one prime.

Units of the table (`Primitives.words`), in seconds: `split` cuts a word into one part, `gather` copies a word of one
part beside others of its block, `multiply` is a product and sum of float64 in BLAS, `join` puts parts together to one
word, reduces it and puts it in its place, `product` and `add` are modulo a prime, `convert` copies a word between an
array and SEAL, `block` starts one product of blocks.
"""

from math import ceil, inf

from ppc.ir.module import Op
from ppc.ir.target import HeRung
from ppc.runtime.chebyshev import product_count
from ppc.runtime.levels import exact_parts, polynomial_depth
from ppc.targets.he.batch_graph import Graph, blocks_of
from ppc.targets.he.batch_schedule import PRODUCTS, SUMS, Schedule, Step
from ppc.targets.he.graph import Node, masks, nodes_of, polynomial
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.sample import Refusal, Samples

#: Batch packing is looked at from here on: below, a slot for each sample leaves nearly every slot empty.
FEWEST_SAMPLES = 8
#: Coefficients of a block that is evaluated at a time.
_WIDTH = 256


def seconds(graph: Graph, schedule: Schedule, primitives: Primitives) -> float:
    """Client and server, one pass, one core."""
    sets = groups(graph.samples.batch, schedule.degree // 2)
    each = graph.samples.batch // sets
    borders = sum(_border(step, each, schedule.degree, primitives) for step in schedule.steps)
    return sets * (borders + sum(_seconds(step, schedule, primitives) for step in schedule.steps))


def groups(samples: int, slots: int) -> int:
    """The fewest sets of ciphertexts that the samples split into evenly, each sample with a slot of its own."""
    return next(count for count in range(max(1, ceil(samples / slots)), samples + 1) if samples % count == 0)


def _border(step: Step, samples: int, degree: int, primitives: Primitives) -> float:
    """Seconds of what enters or leaves."""
    if step.kind == "enter":
        kept = 2 * degree * (step.level + 1) * primitives.words["convert"]
        if step.node.op.name == "convert.mpc_to_he":
            entered = primitives.from_shares(step.elements * samples, step.elements, degree, step.level)
            return entered + step.elements * kept
        return step.elements * (primitives.enter(degree, step.level) + kept)
    if step.kind != "leave":
        return 0.0
    masked = masks(step.node.op)
    found = primitives.to_shares(step.elements * samples, step.elements, degree, step.level) if masked else None
    return step.elements * primitives.leave(degree, step.level) if found is None else found


def _seconds(step: Step, schedule: Schedule, primitives: Primitives) -> float:
    degree, words = schedule.degree, schedule.degree * (step.level + 1)
    values = step.elements * step.polynomials * words
    if step.kind == "linear":
        assert step.node.map is not None
        _, parts = exact_parts(max(schedule.prime_bits[:-1]), step.weight_scale * step.node.map.row_sum)
        return _linear(step.node.map, parts, words * step.polynomials, primitives)
    if step.kind in PRODUCTS:
        return values * primitives.words["product"] * (1.0 if step.kind == "square" else 4 / 3)
    if step.kind == "rescale":
        return step.elements * _rescale(degree, step.level, step.polynomials, primitives)
    if step.kind in ("enter", "leave"):
        return 0.0
    return values * primitives.words["add"]  # sums, and dropped primes, which are copied


def _linear(map: LinearMap, parts: int, words: int, primitives: Primitives) -> float:
    """`words`: of one element, in all its polynomials."""
    blocks, entries = blocks_of(map)
    gathered = 0 if len(blocks) == 1 else sum(len(cols) for _, cols in blocks)
    unit = primitives.words
    each = (
        map.in_size * parts * unit["split"]
        + gathered * parts * unit["gather"]
        + len(entries) * parts * unit["multiply"]
        + map.out_size * unit["join"]
        + len(blocks) * parts * unit["block"] / _WIDTH
    )
    return each * words


def _rescale(degree: int, level: int, polynomials: int, primitives: Primitives) -> float:
    """Of one element."""
    switch = primitives.at("relinearise", degree, level) if polynomials == 3 else 0.0
    computed = switch + primitives.at("rescale", degree, level)
    return computed + (polynomials + 2) * degree * (level + 1) * primitives.words["convert"]


def operator_seconds(op: Op, samples: Samples, rung: HeRung, primitives: Primitives, level: int) -> float:
    """One operator at a level, as if nothing were merged; infinite where it is not lowered."""
    if samples.batch < FEWEST_SAMPLES:
        return inf
    words = groups(samples.batch, rung.slots) * rung.degree * (level + 1)
    size = samples.size(op.results[0])
    switch = groups(samples.batch, rung.slots) * _rescale(rung.degree, level, 3, primitives)
    product = size * (3 * words * primitives.words["product"] + switch)
    try:
        nodes = nodes_of(op, samples)
        maps = [n.map for n in nodes if n.map is not None and n.kind == "linear"]
        linear = sum(_linear(map, 2, 2 * words, primitives) for map in maps)
    except Refusal:
        return inf
    sums = sum(2 * size * words * primitives.words["add"] for n in nodes if n.kind in SUMS)
    products = sum(n.kind in PRODUCTS for n in nodes) + sum(_products(n) for n in nodes if n.kind == "polynomial")
    return linear + sums + product * products


def _products(node: Node) -> int:
    degree = len(polynomial(node.op)[0]) - 1
    return product_count(degree, polynomial_depth(degree, normalised=True)) if degree > 2 else degree - 1

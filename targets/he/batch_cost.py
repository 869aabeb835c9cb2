"""What a batch-packed program costs, from counted words: a word is one coefficient modulo one prime."""

from dataclasses import dataclass

from ppc.runtime.levels import exact_parts
from ppc.targets.he.batch_graph import Graph, blocks_of
from ppc.targets.he.batch_schedule import PRODUCTS, Schedule, Step
from ppc.targets.he.graph import masks
from ppc.targets.he.primitives import Primitives


@dataclass(frozen=True)
class BatchPrices:
    """Nanoseconds, one core, SEAL 4 and OpenBLAS with AVX-512; CryptoNets with 4096 samples is predicted within 20%."""

    split: float = 1.25  # cut one word into one part
    gather: float = 0.3  # copy one word of one part beside others of its block
    multiply: float = 0.042  # one product and addition of float64 in BLAS
    join: float = 8.0  # put parts together to one word, reduce, and put it in its place
    product: float = 6.6  # one product of words modulo a prime
    convert: float = 9.0  # one word between an array and SEAL
    enter: float = 215.0  # encode, encrypt, send, load: one word of c0
    leave: float = 60.0  # send, decrypt, decode: one word
    share: float = 36000.0  # mask, send, decrypt and decode one slot to shares at N = 8192; in proportion to N
    block: float = 1500.0  # start one product of blocks


PRICES = BatchPrices()
#: Coefficients of a block that is evaluated at a time.
_WIDTH = 256


def seconds(graph: Graph, schedule: Schedule, primitives: Primitives) -> float:
    """Client and server, one pass, one core."""
    shared = sum(s.elements for s in schedule.steps if s.kind == "leave" and masks(s.node.op))
    computed = sum(_nanoseconds(step, schedule, primitives) for step in schedule.steps) / 1e9
    return computed + shared_seconds(shared * graph.samples.batch, schedule.degree)


def shared_seconds(slots: int, degree: int) -> float:
    """Of leaving for shares: the decoding has a row of N/2 integers for each slot that is read."""
    return slots * PRICES.share * degree / 8192 / 1e9


def _nanoseconds(step: Step, schedule: Schedule, primitives: Primitives) -> float:
    degree, words = schedule.degree, schedule.degree * (step.level + 1)
    values = step.elements * step.polynomials * words
    if step.kind == "enter":
        return step.elements * words * PRICES.enter
    if step.kind == "linear":
        return _linear(step, words * step.polynomials, schedule.prime_bits[: step.level + 1])
    if step.kind in PRODUCTS:
        return values * PRICES.product * (1.0 if step.kind == "square" else 4 / 3)
    if step.kind == "rescale":
        switch = primitives.at("relinearise", degree, step.level) if step.polynomials == 3 else 0.0
        each = switch + primitives.at("rescale", degree, step.level)
        return step.elements * each * 1e9 + (values + 2 * step.elements * words) * PRICES.convert
    if step.kind == "leave":
        return step.elements * 2 * words * PRICES.leave
    return values  # sums and dropped primes: a nanosecond a word


def _linear(step: Step, words: int, prime_bits: tuple[int, ...]) -> float:
    """`words`: of one element, in all its polynomials."""
    assert step.node.map is not None
    blocks, entries = blocks_of(step.node.map)
    _, parts = exact_parts(max(prime_bits), step.weight_scale * step.node.map.row_sum)
    dense = len(blocks) == 1
    gathered = 0 if dense else sum(len(cols) for _, cols in blocks)
    each = (
        step.node.map.in_size * parts * PRICES.split
        + gathered * parts * PRICES.gather
        + len(entries) * parts * PRICES.multiply
        + step.elements * PRICES.join
        + len(blocks) * parts * PRICES.block / _WIDTH
    )
    return each * words


def resident(schedule: Schedule) -> int:
    """Bytes of the server's arrays that exist together, blocks of evaluation and SEAL's own memory apart.

    What enters stays while the pass lasts; of the others, a rescale holds its operand and its result.
    """
    words = schedule.degree * 8
    entered = sum(s.elements * 2 * (s.level + 1) for s in schedule.steps if s.kind == "enter")
    kept = sum(s.elements * 2 * (s.out_level + 1) for s in schedule.steps if s.kind == "rescale")
    wide = max(
        (s.elements * s.polynomials * (s.level + 1) for s in schedule.steps if s.kind not in PRODUCTS), default=0
    )
    return words * (entered + kept + wide)

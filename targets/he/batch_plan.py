"""Plan a module for batch packing: one sample a slot, one ciphertext an element.

Throughput instead of latency: nothing rotates, every slot works, and the work of a linear layer is that of a matrix
product. A pass takes as long for one sample as for N/2 (Gilad-Bachrach et al., CryptoNets, 2016).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ppc.ir.module import Module, Op
from ppc.runtime.levels import MOST_ROW_SUM
from ppc.targets.he import batch_cost
from ppc.targets.he.batch_graph import Graph, batch_graph
from ppc.targets.he.batch_schedule import HEADROOM, Exit, Knobs, Schedule, schedule
from ppc.targets.he.graph import floods, masks
from ppc.targets.he.parameters import MODULUS_BITS, SHARE_BITS
from ppc.targets.he.plan import allowed_error
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.sample import Refusal

#: Bits above a value that leaves for shares: its mask wraps with a chance of 2^-40.
SHARE_ABOVE = 40.0
#: What is tried, in bits.
ENTRIES, WEIGHTS, TARGETS = range(24, 51, 3), range(10, 25, 2), range(28, 53, 3)


@dataclass(frozen=True)
class BatchProgram:
    """The HE part of a module, fully decided for batch packing, and what it is predicted to cost."""

    graph: Graph
    schedule: Schedule
    seconds: float  # of a pass: client and server, one core
    error: float  # of the worst value that leaves (a bound), as a share of what is allowed

    @property
    def samples(self) -> int:
        return self.graph.samples.batch

    @property
    def groups(self) -> int:
        """Sets of ciphertexts, as many samples in each."""
        return batch_cost.groups(self.samples, self.schedule.degree // 2)


def plan_batch(module: Module, primitives: Primitives) -> BatchProgram | None:
    """The cheapest program, None for a module without HE. Raises Refusal, with the reason, where there is none."""
    graph = batch_graph(module)
    if graph is None:
        return None
    _check(graph)
    best: BatchProgram | None = None
    for degree in sorted(MODULUS_BITS):
        found = _cheapest(graph, degree, primitives)
        if found is not None and (best is None or found.seconds < best.seconds):
            best = found
        if best is not None and best.groups == 1:  # a larger ring costs more in everything
            break
    if best is None:
        raise Refusal(f"no ring has the levels and the precision for {graph.samples.batch} samples")
    return best


def _check(graph: Graph) -> None:
    for node in graph.nodes:
        if floods(node.op):
            # empty slots hold what the network makes of zeros, and the flood's 30 bits do not fit these scales
            raise Refusal("a result is to be flooded; batch packing hides weights only by masks")


def _cheapest(graph: Graph, degree: int, primitives: Primitives) -> BatchProgram | None:
    """At one degree: the fewest primes decide the cost, the error among equals."""
    exits = {node.result: _exit(node.op) for node in graph.nodes if node.kind == "leave"}
    best: tuple[int, float, Schedule] | None = None
    for knobs in _knobs(graph):
        found = schedule(graph, degree, knobs, exits)
        if found is None:
            continue
        worst = _worst(graph, found)
        if worst <= 1.0 and (best is None or (len(found.prime_bits), worst) < best[:2]):
            best = (len(found.prime_bits), worst, found)
    if best is None:
        return None
    _, worst, found = best
    seconds = batch_cost.seconds(graph, found, primitives)
    return BatchProgram(graph, found, seconds, worst)


def _knobs(graph: Graph) -> Iterator[Knobs]:
    most = max((n.map.row_sum for n in graph.nodes if n.map is not None), default=0.0)
    for weights in WEIGHTS:
        if most * 2.0**weights > MOST_ROW_SUM:
            return
        yield from (Knobs(entry, weights, target) for entry in ENTRIES for target in TARGETS)


def _exit(op: Op) -> Exit:
    return Exit(SHARE_BITS, SHARE_ABOVE) if masks(op) else Exit(0.0, HEADROOM)


def _worst(graph: Graph, found: Schedule) -> float:
    """The largest error of a value that leaves, as a multiple of what is allowed."""
    worst = 0.0
    for node in graph.nodes:
        if node.kind == "leave":
            allowed = allowed_error(graph.samples.module, node.op)
            size = max(1.0, graph.sizes[node.operands[0]].largest)
            worst = max(worst, found.errors[node.result] / size / allowed)
    return worst

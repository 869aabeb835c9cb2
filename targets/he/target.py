"""HE as a target of the assignment: what it can run, how deep, at what cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ppc.ir.approximation import as_polynomial
from ppc.ir.module import Module, Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.targets.he import batch_cost
from ppc.targets.he.diagonals import cover
from ppc.targets.he.graph import PAIRS, Node, nodes_of, polynomial
from ppc.targets.he.layouts import entries, placements
from ppc.targets.he.maps import VIEWS
from ppc.targets.he.packing import Batching, Packing
from ppc.targets.he.parameters import MODULUS_BITS
from ppc.targets.he.primitives import Primitives, ciphertext_bytes, key_bytes
from ppc.targets.he.reasons import refusal
from ppc.targets.he.sample import Refusal, Samples
from ppc.targets.he.select import polynomial_cost

#: Galois keys that a program of a few layers uses at a level; CryptoNets and LeNet-5 use 9 to 39.
TYPICAL_KEYS = 20


@dataclass
class HETarget:
    """CKKS at the server. Implements `ppc.ir.target.Target`."""

    domain: Domain = Domain.HE
    primitives: Primitives = field(default_factory=Primitives.default)
    # an op is kept with what is known of it, so that its id stays its own
    _refusals: dict[int, tuple[Op, str | None]] = field(default_factory=dict, repr=False)
    _costs: dict[tuple[int, HeRung], tuple[Op, Cost]] = field(default_factory=dict, repr=False)

    def refuses(self, op: Op, module: Module) -> str | None:
        if id(op) not in self._refusals:
            self._refusals[id(op)] = (op, refusal(as_polynomial(op), module))
        return self._refusals[id(op)][1]

    def depth(self, op: Op, module: Module) -> int:
        """Levels that `op` takes, as if nothing were merged: an upper bound but for realigned operands."""
        op = as_polynomial(op)
        if "coefficients" in op.attrs:
            coefficients, lo, hi = polynomial(op)
            return max(len(coefficients) - 1, 1).bit_length() + ((lo, hi) != (-1.0, 1.0))
        samples = Samples(module)
        if op.name in VIEWS:
            return 0
        secrets = samples.secrets(op)
        if op.name in PAIRS and len(secrets) == 2 and len(op.operands) == 2:
            sizes = {samples.size(o) for o in secrets}
            return int(op.name == "Mul") + (len(sizes) > 1)
        return 1

    def cost(self, op: Op, module: Module, rung: HeRung) -> Cost:
        """Computation at the middle of the rung's levels, in the cheaper packing; HE has no traffic between steps."""
        key = (id(op), rung)
        if key not in self._costs:
            lowered = as_polynomial(op)
            latency = self._milliseconds(lowered, module, rung) / 1000
            batch = batch_cost.operator_seconds(lowered, Samples(module), rung)
            self._costs[key] = (op, Cost(seconds=min(latency, batch)))
        return self._costs[key][1]

    def setup(self, rung: HeRung) -> Cost:
        """Making and sending keys, once a deployment: Galois and relinearisation keys for every level."""
        seconds, size = 0.0, 0
        for level in range(rung.levels + 1):
            seconds += TYPICAL_KEYS * self.primitives.per_prime("key", rung.degree, level) / 1000
            size += TYPICAL_KEYS * key_bytes(rung.degree, level)
        return Cost(seconds=seconds, bytes=size + ciphertext_bytes(rung.degree, rung.levels))

    def _milliseconds(self, op: Op, module: Module, rung: HeRung) -> float:
        samples = Samples(module)
        level = max(1, rung.levels // 2)
        largest = max(samples.size(v) for v in (*samples.secrets(op), *op.results))
        batching = Batching.choose(rung.slots, samples.batch, largest)
        if "coefficients" in op.attrs:
            node = Node("polynomial", op, samples.secrets(op), op.results[0], op.results[0])
            count = Packing.dense(samples.size(op.results[0]), batching.ring).ciphertexts * batching.groups
            return count * polynomial_cost(node, self.primitives, rung.degree, level)
        try:
            nodes = nodes_of(op, samples)
        except Refusal:
            return float("inf")  # a pass asks `refuses` first; a cost of infinity is never chosen
        return sum(self._node(node, samples, batching, rung.degree, level) for node in nodes)

    def _node(self, node: Node, samples: Samples, batching: Batching, degree: int, level: int) -> float:
        size = samples.size(node.like)
        count = Packing.dense(size, batching.ring).ciphertexts * batching.groups
        if node.kind in ("square", "mul"):
            return count * self.primitives.multiply(degree, level)
        if node.kind in ("add", "sub"):
            return count * self.primitives.per_prime("add", degree, level)
        if node.kind == "view" or node.map is None:
            return 0.0
        name = node.operands[0]
        shape = samples.shape(name) if name in samples.module.values else (node.map.in_size,)
        best = float("inf")
        for source in entries(shape, batching.ring):
            covers = [cover(node.map, source, p) for p in placements(node.map, source, node.geometry)]
            found = min((c for c in covers if c is not None), key=lambda c: c.products + 8 * len(c.placed.post))
            lowered = found.lowered()
            once = self.primitives.linear(lowered.rotations, lowered.products, lowered.out.ciphertexts, degree, level)
            best = min(best, once * batching.groups)
        return best


def rungs(scale_bits: int = 45) -> Mapping[int, HeRung]:
    """The ring degrees and how many levels each gives at a scale, with one large first and special prime each."""
    found = {}
    for degree, bits in MODULUS_BITS.items():
        levels = (bits - 2 * min(60, scale_bits + 10)) // scale_bits
        if levels >= 1:
            found[degree] = HeRung(degree, levels)
    return found

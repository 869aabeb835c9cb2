"""HE as a target of the assignment: what it can run, how deep, at what cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from ppc.ir.approximation import as_polynomial
from ppc.ir.module import Module, Op
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain
from ppc.runtime.levels import polynomial_depth
from ppc.targets.he import batch_cost
from ppc.targets.he.alike import grown, signature, smaller
from ppc.targets.he.diagonals import cover
from ppc.targets.he.entries import entries
from ppc.targets.he.graph import PAIRS, Node, nodes_of, polynomial, polynomial_levels
from ppc.targets.he.layouts import placements
from ppc.targets.he.maps import LINEAR, VIEWS
from ppc.targets.he.packing import Batching, Packing
from ppc.targets.he.parameters import MODULUS_BITS
from ppc.targets.he.primitives import Primitives, ciphertext_bytes, key_bytes
from ppc.targets.he.reasons import COMPARISONS, TIES, entry_count, judged_values, refusal, selects
from ppc.targets.he.sample import Refusal, Samples
from ppc.targets.he.work import Work
from ppc.targets.prices import Prices

#: Linear operators that do not merge with one another.
HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
#: Galois keys that a program of a few layers uses at a level; CryptoNets and LeNet-5 use 9 to 39.
TYPICAL_KEYS = 20


@dataclass
class HETarget:
    """CKKS at the server. Implements `ppc.ir.target.Target`."""

    domain: Domain = Domain.HE
    prices: Prices = field(default_factory=Prices.shipped, repr=False)
    # an op is kept with what is known of it, so that its id stays its own
    _refusals: dict[int, tuple[Op, str | None]] = field(default_factory=dict, repr=False)
    _refused: dict[object, str | None] = field(default_factory=dict, repr=False)  # of operators that are alike
    _worked: dict[object, Work | None] = field(default_factory=dict, repr=False)
    _graph: tuple[Module, dict[str, Op], dict[str, list[Op]]] | None = field(default=None, repr=False)
    _costs: dict[tuple[int, HeRung], tuple[Op, tuple[Cost, ...]]] = field(default_factory=dict, repr=False)

    @property
    def primitives(self) -> Primitives:
        return self.prices.he

    def refuses(self, op: Op, module: Module) -> str | None:
        if id(op) not in self._refusals:
            run = as_polynomial(op)
            key = signature(run, module), judged_values(run, module)
            if key not in self._refused:
                self._refused[key] = refusal(run, module)
            ties = (
                TIES if selects(op, module) and any(r.name in COMPARISONS for r in self._readers(op, module)) else None
            )
            self._refusals[id(op)] = (op, self._refused[key] or ties)
        return self._refusals[id(op)][1]

    def depth(self, op: Op, module: Module) -> int:
        """Levels that `op` takes where its neighbours are in HE too, realigned operands apart (`levels`, `merge`).

        A polynomial takes its range into the map before it. A linear map takes a level of its own only if another one
        that does not merge with it reads the result: a convolution or a product with a matrix.
        """
        op = as_polynomial(op)
        if "coefficients" in op.attrs:
            return self._polynomial_depth(op, module)
        samples = Samples(module)
        if op.name in VIEWS:
            return 0
        secrets = samples.secrets(op)
        if op.name in PAIRS and len(secrets) == 2 and len(op.operands) == 2:
            return int(op.name == "Mul") + (len({samples.size(o) for o in secrets}) > 1)
        heavy = op.name in HEAVY and any(reader.name in HEAVY for reader in self._readers(op, module))
        return int(heavy)

    def _polynomial_depth(self, op: Op, module: Module) -> int:
        coefficients, _, _ = polynomial(op)
        made = self._neighbours(module)[0].get(op.operands[0])
        alone = len(self._neighbours(module)[1].get(op.operands[0], ())) == 1
        linear = made is not None and made.name in LINEAR and "he_coefficients" not in made.attrs
        if "inner" in op.attrs:  # its change of range is a map of its own, unless the one before takes it
            nodes = nodes_of(op, Samples(module))
            inside = sum(polynomial_levels(n.op) if n.kind == "polynomial" else int(n.kind == "mul") for n in nodes)
            return inside + int(linear and not alone)
        absorbed = linear and alone
        if absorbed and len(coefficients) == 3:
            return 1  # a square
        return polynomial_depth(max(len(coefficients) - 1, 1), absorbed or polynomial(op)[1:] == (-1.0, 1.0))

    def _readers(self, op: Op, module: Module) -> list[Op]:
        """What reads the result, through views and sums."""
        found, todo = list[Op](), [op.results[0]]
        while todo:
            for reader in self._neighbours(module)[1].get(todo.pop(), ()):
                if reader.name in VIEWS or reader.name in ("Add", "Sub", "Sum"):
                    todo.append(reader.results[0])
                else:
                    found.append(reader)
        return found

    def _neighbours(self, module: Module) -> tuple[dict[str, Op], dict[str, list[Op]]]:
        """What makes each value, and what reads it."""
        if self._graph is None or self._graph[0] is not module:
            readers: dict[str, list[Op]] = {}
            for op in module.ops:
                for name in dict.fromkeys(op.operands):
                    readers.setdefault(name, []).append(op)
            self._graph = module, {r: op for op in module.ops for r in op.results}, readers
        return self._graph[1], self._graph[2]

    def cost(self, op: Op, module: Module, rung: HeRung, level: int = 0) -> Cost:
        """Computation at a level, and the bytes of encoded weights and of the result; HE has no traffic between steps.
        Infinite where the rung's packing has no lowering for `op`."""
        key = (id(op), rung)
        if key not in self._costs:
            self._costs[key] = (op, self._by_level(as_polynomial(op), Samples(module), rung))
        return self._costs[key][1][level]

    def setup(self, rung: HeRung) -> Cost:
        """Making and sending keys, once a deployment: Galois and relinearisation keys for every level."""
        seconds, size = 0.0, 0
        for level in range(rung.levels + 1):
            seconds += TYPICAL_KEYS * self.primitives.at("key", rung.degree, level)
            size += TYPICAL_KEYS * key_bytes(rung.degree, level)
        return Cost(seconds=seconds, bytes=size + ciphertext_bytes(rung.degree, rung.levels))

    def _by_level(self, op: Op, samples: Samples, rung: HeRung) -> tuple[Cost, ...]:
        levels = range(rung.levels + 1)
        if rung.batch:
            primitives = self.primitives
            results = batch_cost.groups(samples.batch, rung.slots) * samples.size(op.results[0])
            return tuple(
                Cost(
                    seconds=batch_cost.operator_seconds(op, samples, rung, primitives, level),
                    memory=ciphertext_bytes(rung.degree, level) * results,
                )
                for level in levels
            )
        work = self._work(op, samples, rung)
        if work is None:
            return (Cost(seconds=inf),) * len(levels)
        return tuple(
            Cost(seconds=work.seconds(self.primitives, rung.degree, at), memory=work.memory(rung.degree, at))
            for at in levels
        )

    def _work(self, op: Op, samples: Samples, rung: HeRung) -> Work | None:
        """What the operator takes packed for latency; None where it is not lowered."""
        key = signature(op, samples.module), rung.degree
        if key not in self._worked:
            small = smaller(op, samples.module, entry_count(op, samples))
            found = self._counted(small.op, Samples(small.module), rung)
            self._worked[key] = found and grown(found, small.left, small.right)
        return self._worked[key]

    def _counted(self, op: Op, samples: Samples, rung: HeRung) -> Work | None:
        largest = max(samples.size(v) for v in (*samples.secrets(op), *op.results))
        batching = Batching.choose(rung.slots, samples.batch, largest)
        try:
            nodes = nodes_of(op, samples)
        except Refusal:
            return None  # a pass asks `refuses` first
        return sum((self._node(node, samples, batching, rung.degree) for node in nodes), Work())

    def _node(self, node: Node, samples: Samples, batching: Batching, degree: int) -> Work:
        size = samples.size(node.like)
        count = Packing.dense(size, batching.ring).ciphertexts * batching.groups
        if node.kind == "polynomial":
            return Work(polynomials=((node, count),), results=count)
        if node.kind in ("square", "mul"):
            return Work(products=count, results=count)
        if node.kind in ("add", "sub"):
            return Work(sums=count, results=count)
        if node.kind == "view" or node.map is None:
            return Work()
        if node.map.pointwise:
            return Work(weights=count, outputs=count, results=count)
        name = node.operands[0]
        shape = samples.shape(name) if name in samples.module.values else (node.map.in_size,)
        best: tuple[float, Work] | None = None
        for source in entries(shape, batching.ring):
            covers = [cover(node.map, source, p) for p in placements(node.map, source, node.geometry)]
            found = min((c for c in covers if c is not None), key=lambda c: c.products + 8 * c.sums)
            lowered, groups = found.lowered(), batching.groups
            outputs = lowered.out.ciphertexts * groups
            work = Work(lowered.rotations * groups, lowered.products * groups, outputs, results=outputs)
            seconds = work.seconds(self.primitives, degree, 1)
            if best is None or seconds < best[0]:
                best = seconds, work
        assert best is not None, "a value has a layout in which it enters"
        return best[1]


def rungs(scale_bits: int = 45) -> Mapping[int, HeRung]:
    """The ring degrees and how many levels each gives at a scale, with one large first and special prime each."""
    found = {}
    for degree, bits in MODULUS_BITS.items():
        levels = (bits - 2 * min(60, scale_bits + 10)) // scale_bits
        if levels >= 1:
            found[degree] = HeRung(degree, levels)
    return found

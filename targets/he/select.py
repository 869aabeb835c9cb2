"""Choose a layout for every HE value: a beam search over the program, by counted cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod

from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Op
from ppc.ir.target import EXIT_LEVEL
from ppc.runtime.layout import Digits
from ppc.targets.he.diagonals import Cover, Lowered, cover
from ppc.targets.he.entries import entries
from ppc.targets.he.geometry import Geometry
from ppc.targets.he.graph import Kind, Node, masks, polynomial, polynomial_levels
from ppc.targets.he.layouts import placements
from ppc.targets.he.linear_map import LinearMap, identity
from ppc.targets.he.maps.movement import permutation, slices
from ppc.targets.he.outlook import Outlook, outlooks
from ppc.targets.he.packing import Batching, Packing
from ppc.targets.he.placement import Placement
from ppc.targets.he.pooling import Pooled, pooled
from ppc.targets.he.primitives import Primitives, ciphertext_bytes
from ppc.targets.he.sample import Samples

#: Partial programs that are kept.
BEAM = 32
#: A placement whose cost without baby and giant steps is above this many times the cheapest's is not looked at further.
HOPELESS = 2.0
#: What a level that a realignment adds is taken to cost: a share of what came before, and rotations at the top.
LEVEL_SHARE, LEVEL_ROTATIONS = 0.25, 20
#: Coefficients of a polynomial that may read slots without an element as they are: a square of the partial sums there
#: keeps within the headroom of the scales. One of a higher degree grows beyond the modulus on what is outside its
#: range, which spoils every slot.
MOST_GROWING = 3
#: Seconds that a byte takes between client and server, at 1 Gbit/s.
TRANSFER = 8e-9
#: What a second of the client or of the network counts beside one of the server: that one serves many clients, each of
#: which brings its own processor.
CLIENT_SHARE = 0.1


@dataclass(frozen=True)
class Chosen:
    """One step of the lowered program, in virtual slots of one sample."""

    kind: Kind
    op: Op
    operands: tuple[str, ...]
    result: str
    like: str
    largest: float  # absolute value of the result
    typical: float  # root mean square of the result
    packing: Packing  # of the result; of the operand where it leaves
    lowered: Lowered | None = None
    map: LinearMap | None = None
    label: Label = PUBLIC
    square: tuple[bool, float] = (False, 0.0)


@dataclass(frozen=True)
class State:
    """A partial program of the beam."""

    cost: float = 0.0
    packings: Mapping[str, Packing] = field(default_factory=dict)
    steps: tuple[Chosen, ...] = ()

    def take(self, step: Chosen, cost: float) -> "State":
        packings = self.packings if step.kind == "leave" else {**self.packings, step.result: step.packing}
        return State(self.cost + cost, packings, (*self.steps, step))

    def renamed(self, old: str, new: str) -> "State":
        """The same program with another name for a value."""

        def name(value: str) -> str:
            return new if value == old else value

        steps = (replace(s, result=name(s.result), operands=tuple(map(name, s.operands))) for s in self.steps)
        return State(self.cost, {name(n): p for n, p in self.packings.items()}, tuple(steps))

    def only(self, alive: set[str]) -> "State":
        """Forget the layouts of values that nothing will read."""
        return State(self.cost, {n: p for n, p in self.packings.items() if n in alive}, self.steps)

    def dominates(self, other: "State") -> bool:
        """True where every value lies at the same places, and at least at all those of the other's copies."""
        mine = self.packings
        return mine.keys() == other.packings.keys() and all(
            p.same_places(q) and (p.clean or not q.clean) and q.copied <= p.copied
            for p, q in ((mine[n], q) for n, q in other.packings.items())
        )


@dataclass
class Search:
    """Layout search at one ring degree. `level_of`: the level each node is expected to run at, for its cost."""

    samples: Samples
    batching: Batching
    degree: int
    level_of: Mapping[str, int]
    sizes: Mapping[str, tuple[float, float]]  # bound of the absolute value, and root mean square, of each result
    masked: frozenset[str]  # values that the client decrypts itself: no slot of theirs may tell more than the result
    primitives: Primitives
    shared: frozenset[str] = frozenset()  # values that only leave as shares
    covers: dict[tuple[int, Packing, Placement, Pooled | None, bool], Cover | None] = field(default_factory=dict)
    splits: dict[int, Lowered] = field(default_factory=dict)
    ahead: Mapping[str, Outlook] = field(default_factory=dict)
    maps: list[LinearMap] = field(default_factory=list)  # keeps the ids in `covers` alive

    def run(self, nodes: list[Node]) -> tuple[Chosen, ...]:
        """The cheapest program found."""
        return self.best(nodes).steps

    def best(self, nodes: list[Node]) -> State:
        """The same with its cost, in seconds."""
        last = {name: i for i, node in enumerate(nodes) for name in node.operands}
        self.ahead = outlooks(nodes)
        beam = [State()]
        for i, node in enumerate(nodes):
            alive = {name for name, at in last.items() if at > i}
            found = [next_.only(alive) for state in beam for next_ in self.extend(state, node)]
            found.sort(key=lambda s: s.cost)
            beam = _distinct(found)
            if node.kind != "enter":  # the client's choices differ little in cost, until something reads them
                beam = beam[:BEAM]
        return beam[0]

    def extend(self, state: State, node: Node) -> list[State]:
        """Every way to take one more node."""
        if node.kind == "enter":
            shape = self.samples.shape(node.result)
            found = entries(shape, self.batching.ring, self.ahead[node.result])
            if node.op.name == "convert.mpc_to_he":  # shares are encoded place by place, a period at a time
                found = list(dict.fromkeys(p.periodic() for p in found))
            return [self._enter(state, node, p) for p in found]
        if node.kind == "linear":
            return self._linear(state, node)
        if node.kind == "view":
            return self._view(state, node)
        if node.kind in ("add", "sub", "mul"):
            return self._pair(state, node)
        if node.kind == "leave":
            return [self._leave(state, node)]
        if node.kind == "polynomial" and len(polynomial(node.op)[0]) > MOST_GROWING:
            state, _ = self._cleaned(state, node)
        packing = state.packings[node.operands[0]]
        return [state.take(self._plain(node, packing, node.operands), self._elementwise_cost(node, packing))]

    # one kind of node each

    def _enter(self, state: State, node: Node, packing: Packing) -> State:
        count = packing.ciphertexts * self.batching.groups
        return state.take(
            self._plain(node, packing, ()), count * upload(self.primitives, self.degree, self._level(node))
        )

    def _leave(self, state: State, node: Node) -> State:
        name = node.operands[0]
        if name in self.masked:
            state, name = self._cleaned(state, node)
        packing = state.packings[name]
        count, elements = packing.ciphertexts * self.batching.groups, packing.size * self.batching.batch
        seconds = self.primitives.exit(elements, count, self.degree, EXIT_LEVEL, masks(node.op))
        seconds += count * TRANSFER * ciphertext_bytes(self.degree, EXIT_LEVEL)
        return state.take(self._plain(node, packing, (name,)), seconds)

    def _linear(self, state: State, node: Node) -> list[State]:
        assert node.map is not None
        source = state.packings[node.operands[0]]
        alike = [p for p in state.packings.values() if p.size == node.map.out_size]
        covers = [
            c
            for map, geometry, sums in _ways(node, source)
            for choice in placements(map, source if sums is None else sums.packing, geometry, alike)
            if (c := self._cover(map, source, choice, sums, node.result in self.shared)) is not None
        ]
        # splitting rotations is the slow part: leave out what costs far more without it
        floor = {id(c): self._floor(c, node) for c in covers}
        least = min(floor.values())
        few = [c for c in covers if floor[id(c)] <= HOPELESS * least]
        sizes = self.sizes[node.result]
        return [self._apply(state, node, node.whole, self._split(c), sizes) for c in few]

    def _apply(self, state: State, node: Node, map: LinearMap, lowered: Lowered, sizes: tuple[float, float]) -> State:
        step = Chosen(
            "linear", node.op, node.operands, node.result, node.like, *sizes, lowered.out, lowered, map, node.label
        )
        return state.take(step, self._linear_cost(lowered, self._level(node)))

    def _view(self, state: State, node: Node) -> list[State]:
        assert node.map is not None
        source = state.packings[node.operands[0]]
        packing = view(node.op, self.samples, source)
        if packing is not None:
            return [state.take(self._plain(node, packing, node.operands), 0.0)]
        return self._linear(state, node)

    def _pair(self, state: State, node: Node) -> list[State]:
        left, right = (state.packings[o] for o in node.operands)
        if left.same_places(right):
            return [self._aligned(state, node, node.operands)]
        found = []
        for i, target in ((0, right), (1, left)):
            moved, name = self._realigned(state, node, node.operands[i], target, self.sizes[node.operands[i]])
            names = tuple(name if j == i else o for j, o in enumerate(node.operands))
            found.append(self._aligned(moved, node, names))
        return found

    def _aligned(self, state: State, node: Node, operands: tuple[str, ...]) -> State:
        left, right = (state.packings[o] for o in operands)
        # where only one operand is repeated, its copies would stand alone in slots that hold no result
        clean = left.clean and right.clean and left.copies == right.copies
        packing = Packing.of(left.digits, left.ring, left.offset, left.shared(right), clean)
        return state.take(self._plain(node, packing, operands), self._elementwise_cost(node, packing))

    def _cleaned(self, state: State, node: Node) -> tuple[State, str]:
        """Mask the slots that hold more than the operand's elements, which takes a level.

        The masked value takes the name, and the step the node and the label, of what it masks: a policy grants a value
        by these, and judges constants by the weights of their node.
        """
        name = node.operands[0]
        packing = state.packings[name]
        if packing.clean:
            return state, name
        raw = f"{name}.unmasked"
        made = next(step for step in state.steps if step.result == name)
        sizes, as_made = self.sizes[name], replace(node, op=made.op, label=made.label)
        moved, masked = self._realigned(state.renamed(name, raw), as_made, raw, packing, sizes)
        return moved.renamed(masked, name), name

    def _realigned(
        self, state: State, node: Node, name: str, target: Packing, sizes: tuple[float, float]
    ) -> tuple[State, str]:
        """A copy of a value at the places of another packing, by a 0/1 map."""
        moved = f"{name}.at{len(state.steps)}"
        step = Node("linear", node.op, (name,), moved, node.like, label=node.label)
        places = Placement(target.digits, target.offset)
        map = _identity(target.size)
        found = self._cover(map, state.packings[name], places)
        assert found is not None, "a direct placement always fits"
        after = self._apply(state, step, map, self._split(found), sizes)
        # one more level makes all that came before dearer, and may ask for a larger ring
        top = max(self.level_of.values(), default=1)
        extra = LEVEL_SHARE * state.cost + LEVEL_ROTATIONS * self.primitives.rotate(self.degree, top)
        return State(after.cost + extra, after.packings, after.steps), moved

    # costs

    def _plain(self, node: Node, packing: Packing, operands: tuple[str, ...]) -> Chosen:
        sizes = self.sizes.get(node.result, (0.0, 0.0))
        return Chosen(
            node.kind, node.op, operands, node.result, node.like, *sizes, packing, label=node.label, square=node.square
        )

    def _level(self, node: Node) -> int:
        return self.level_of.get(node.result, 1)

    def _linear_cost(self, lowered: Lowered, level: int) -> float:
        return self._counted(lowered.rotations, lowered.products, lowered.out.ciphertexts, level)

    def _counted(self, rotations: int, products: int, outputs: int, level: int) -> float:
        return self.primitives.linear(rotations, products, outputs, self.degree, level) * self.batching.groups

    def _elementwise_cost(self, node: Node, packing: Packing) -> float:
        count = packing.ciphertexts * self.batching.groups
        level = self._level(node)
        if node.kind in ("square", "mul"):
            return count * self.primitives.multiply(self.degree, level)
        if node.kind == "polynomial":
            return count * polynomial_cost(node, self.primitives, self.degree, level)
        return count * self.primitives.at("add", self.degree, level)

    def _floor(self, found: Cover, node: Node) -> float:
        """A lower bound of a cover's cost: about as many rotations as a product of babies and giants needs."""
        rotations = found.sums + 2 * (max(found.products - 1, 0) ** 0.5) - 1
        return self._counted(round(max(rotations, 0)), found.products, found.placed.out.ciphertexts, self._level(node))

    def _cover(
        self, map: LinearMap, source: Packing, choice: Placement, sums: Pooled | None = None, shared: bool = False
    ) -> Cover | None:
        key = (id(map), source, choice, sums, shared)
        if key not in self.covers:
            self.maps.append(map)
            self.covers[key] = cover(map, source, choice, sums, shared)
        return self.covers[key]

    def _split(self, found: Cover) -> Lowered:
        if id(found) not in self.splits:
            self.splits[id(found)] = found.lowered()
        return self.splits[id(found)]


def upload(primitives: Primitives, degree: int, level: int) -> float:
    """What a ciphertext that enters counts."""
    load = primitives.at("load_seeded", degree, level)
    client = primitives.enter(degree, level) - load + TRANSFER * ciphertext_bytes(degree, level, seeded=True)
    return load + CLIENT_SHARE * client


_identity = lru_cache(maxsize=64)(identity)  # one object a size: the memo goes by object


def polynomial_cost(node: Node, primitives: Primitives, degree: int, level: int) -> float:
    """About 2 sqrt(d) products of ciphertexts (Paterson and Stockmeyer 1973), falling through the levels."""
    coefficients, _, _ = polynomial(node.op)
    count = max(1, round(2 * (len(coefficients) - 1) ** 0.5) - 1)
    levels = [max(level - i % polynomial_levels(node.op), 0) for i in range(count)]
    first, *others = levels  # the lowest power of a basis is a square
    return primitives.square(degree, first) + sum(primitives.multiply(degree, at) for at in others)


def view(op: Op, samples: Samples, source: Packing) -> Packing | None:
    """The layout after an operator that only moves elements, or None where no layout says it."""
    if op.name not in ("Transpose", "Slice"):
        return source
    axes = source.by_axis(samples.shape(op.operands[0]))
    if axes is None:
        return None
    if op.name == "Transpose":
        digits = tuple(d for axis in permutation(op, samples) for d in axes[axis])
        return Packing.of(digits, source.ring, source.offset, source.copies, source.clean)
    offset, cut = source.offset, list[tuple[int, int]]()
    for part, extent, mine in zip(slices(op, samples), samples.shape(op.operands[0]), axes, strict=True):
        indices = range(*part.indices(extent))
        if len(indices) == extent and indices.step > 0:
            cut += mine
        elif indices.step < 0 or len(mine) > 1:
            return None
        elif mine:
            offset += indices.start * mine[0][1]
            cut.append((len(indices), mine[0][1] * indices.step))
    found = Packing.of(tuple(cut), source.ring, offset, source.copies, clean=False)
    fits = source.ciphertexts == 1 and prod(e for e, _ in cut) > 0
    return found if fits else None


def _ways(node: Node, source: Packing) -> list[tuple[LinearMap, Geometry | None, Pooled | None]]:
    """(map, geometry, sums before it): a node as it is, its pool by products or by rotate-and-adds."""
    assert node.map is not None
    if node.pool is None:
        return [(node.map, node.geometry, None)]
    sums = pooled(source, node.pool)
    if sums is not None:
        return [(node.map, node.geometry, sums)]
    geometry = None if node.geometry is None else node.geometry.after(node.pool.shape, node.pool.window)
    return [(node.whole, geometry, None)]


def _distinct(states: list[State]) -> list[State]:
    """The cheapest state of each set of layouts, and those with more copies: what is yet to come depends on these."""
    kept: dict[frozenset[tuple[str, Digits, int]], list[State]] = {}
    found = []
    for state in states:
        same = kept.setdefault(frozenset((n, p.digits, p.offset) for n, p in state.packings.items()), [])
        if not any(other.dominates(state) for other in same):
            same.append(state)
            found.append(state)
    return found

"""Where a batch-packed program relinearises and rescales, with which primes and scales, and how exact it is.

A product is relinearised and rescaled by one prime: after the affine map that follows it, where that has fewer
results than the product (fewer key switches; the map then runs on three polynomials), else at once. All else follows
from three numbers: the scale of what enters, the scale of weights, the scale that a rescale aims at.

Errors are standard deviations of slots, as in `noise`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, log2, sqrt

from ppc.runtime.levels import MOST_BATCH_PRIME_BITS, MOST_ROW_SUM, MOST_SCALE_BITS, Chain
from ppc.targets.he.batch_graph import Graph
from ppc.targets.he.batch_size import Size
from ppc.targets.he.graph import Node
from ppc.targets.he.linear_map import identity
from ppc.targets.he.noise import TAIL, Error, Noise
from ppc.targets.he.parameters import MODULUS_BITS

#: Primes are large enough to exist at every degree.
SMALLEST_PRIME = 30
PRODUCTS, SUMS = ("square", "mul"), ("add", "sub")
#: Attempts at bits for the primes, which the scales depend on, and they on the bits.
MOST_WALKS = 3
#: Scale of weights that are whole numbers.
WHOLE = 2.0
#: Bits of the modulus above a value's own.
HEADROOM = 2.5


NONE = Error(0.0)


@dataclass(frozen=True)
class Knobs:
    """What a schedule follows from, in bits."""

    entry: int  # scale of fresh ciphertexts
    weights: int  # scale of weights
    target: int  # scale that a rescale aims at


@dataclass(frozen=True)
class Step:
    """One step of a scheduled program. `kind`: a kind of node, or "rescale", "drop"."""

    kind: str
    node: Node
    operands: tuple[str, ...]
    result: str
    level: int  # of the operands; of the result where there are none
    out_level: int
    scale: float  # of the result
    polynomials: int  # of the result, before a rescale of the operand
    elements: int  # of the result
    weight_scale: float = 0.0

    @property
    def weight_sum(self) -> float:
        """Of a map: the largest sum of absolute values of a row of integer weights, or their scale if that is more."""
        return self.weight_scale * max(1.0, 0.0 if self.node.map is None else self.node.map.row_sum)


@dataclass(frozen=True)
class Exit:
    """What a value that leaves asks of the modulus: so many bits at least, and so many above the value's own."""

    least: float = 0.0
    above: float = HEADROOM


@dataclass(frozen=True)
class Held:
    """A value while a schedule is made."""

    name: str
    level: int
    scale: float
    polynomials: int
    elements: int
    size: Size
    error: Error = NONE

    def bits(self) -> float:
        """Bits of its largest coefficient."""
        return log2(self.scale) + log2(self.size.largest)


@dataclass(frozen=True)
class Schedule:
    """A program with primes and scales, and the error of each value that leaves (a bound, in units of the value)."""

    degree: int
    prime_bits: tuple[int, ...]  # q_0 .. q_top, special
    steps: tuple[Step, ...]
    errors: Mapping[str, float]

    @property
    def top(self) -> int:
        return len(self.prime_bits) - 2

    def relinearised(self) -> tuple[int, ...]:
        """Levels at which products are relinearised."""
        return tuple(sorted({s.level for s in self.steps if s.kind == "rescale" and s.polynomials == 3}))


def depth(graph: Graph) -> int:
    """Rescales on the longest path."""
    of: dict[str, int] = {}
    for node in graph.nodes:
        of[node.result] = max((of[o] for o in node.operands), default=0) + (node.kind in PRODUCTS)
    return max(of.values(), default=0)


def schedule(graph: Graph, degree: int, knobs: Knobs, exits: Mapping[str, Exit]) -> Schedule | None:
    """The schedule of these knobs, `exits` by result; None where it has too many bits for 128-bit security, or a value
    too large for its modulus."""
    drops = depth(graph)
    if (drops + 2) * SMALLEST_PRIME > MODULUS_BITS[degree]:
        return None
    for spare in range(3):  # primes below the last rescale
        found = _Walk(graph, degree, knobs, drops + spare, spare).run(exits)
        if found is not None:
            return found
    return None


@dataclass
class _Walk:
    graph: Graph
    degree: int
    knobs: Knobs
    top: int
    floor: int  # level at which values leave
    bits: dict[int, int] = field(default_factory=dict)  # of a prime by which values of a level are divided
    noise: Noise | None = None  # None while the primes are not known
    steps: list[Step] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    waiting: dict[str, Node] = field(default_factory=dict)  # maps that a sum will read
    asked: dict[int, int] = field(default_factory=dict)  # the fewest bits that a rescale asks for, by level
    used: dict[int, set[int]] = field(default_factory=dict)  # the bits that rescales took, by level

    def run(self, exits: Mapping[str, Exit]) -> Schedule | None:
        """First with powers of two for primes, until every level has as few bits as one of its rescales asks for; then
        with the primes."""
        for _ in range(MOST_WALKS):
            walk = self._again()
            walk._all()
            self.bits = walk.asked
            if all(used == {walk.asked[level]} for level, used in walk.used.items()):
                break
        need = max((walk._exit_bits(node, exits) for node in self.graph.nodes if node.kind == "leave"), default=0.0)
        each = ceil(need / (self.floor + 1))
        if each > MOST_BATCH_PRIME_BITS:
            return None
        base = max(each, SMALLEST_PRIME)
        bits = [base] * (self.floor + 1) + [self.bits[level] for level in range(self.floor + 1, self.top + 1)]
        prime_bits = (*bits, max(bits))
        if sum(prime_bits) > MODULUS_BITS[self.degree]:
            return None
        try:
            chain = Chain.of(self.degree, prime_bits)
        except ValueError:
            return None
        exact = replace(self._again(), noise=Noise(self.degree, chain))
        exact._all()
        if not all(exact._fits(value, prime_bits) for value in exact.held.values()):
            return None
        if any(s.kind == "linear" and s.weight_sum > MOST_ROW_SUM for s in exact.steps):
            return None
        if any(log2(s.scale) > MOST_SCALE_BITS for s in exact.steps):
            return None
        leaving = [node.result for node in self.graph.nodes if node.kind == "leave"]
        errors = {name: TAIL * exact.held[name].error.worst for name in leaving}
        return Schedule(self.degree, prime_bits, tuple(exact.steps), errors)

    def _again(self) -> "_Walk":
        """A walk that has not begun, with the bits that this one found."""
        return _Walk(self.graph, self.degree, self.knobs, self.top, self.floor, self.bits)

    def _exit_bits(self, node: Node, exits: Mapping[str, Exit]) -> float:
        exit = exits[node.result]
        return max(self.held[node.result].bits() + exit.above, exit.least)

    def _fits(self, value: Held, prime_bits: tuple[int, ...]) -> bool:
        return value.bits() + HEADROOM <= sum(prime_bits[: value.level + 1])

    def _all(self) -> None:
        for node in self.graph.nodes:
            getattr(self, f"_{node.kind}")(node)

    # one kind of node each

    def _enter(self, node: Node) -> None:
        scale = 2.0**self.knobs.entry
        error = Error(self.noise.fresh / scale) if self.noise else NONE
        value = Held(node.result, self.top, scale, 2, self.graph.elements(node), self._size(node), error)
        self._take("enter", node, (), value)

    def _linear(self, node: Node) -> None:
        x = self.held[node.operands[0]]
        if x.polynomials == 2 and self._summed(node):
            self.waiting[node.result] = node
            return
        value = self._affine(node, x, self._least(node), self._size(node))
        if value.polynomials == 3:
            self._rescale(node, value)

    def _summed(self, node: Node) -> bool:
        """Is the map read by one sum alone, which then chooses its scale?"""
        uses = self.graph.uses(node.result)
        return len(uses) == 1 and uses[0].kind in SUMS and uses[0].operands.count(node.result) == 1

    def _least(self, node: Node) -> float:
        """The scale that the weights of a map need."""
        return WHOLE if node.result in self.graph.whole else 2.0**self.knobs.weights

    def _affine(self, node: Node, x: Held, weight_scale: float, size: Size) -> Held:
        map = node.map
        assert map is not None
        # each weight is off by at most half a unit, and the first of a row of zeros by one
        units = max(sqrt(map.longest_row / 12), float(map.blank))
        exact = weight_scale == WHOLE and node.result in self.graph.whole
        rounded = NONE if exact else Error(units * x.size.typical / weight_scale)
        error = x.error.times(map.gain, map.largest).plus(rounded)
        scale = x.scale * weight_scale
        value = Held(node.result, x.level, scale, x.polynomials, map.out_size, size, error)
        return self._take("linear", node, (x,), value, weight_scale)

    def _square(self, node: Node) -> None:
        (x,) = (self.held[o] for o in node.operands)
        error = x.error.times(2 * x.size.typical)
        self._product(node, (x,), replace(x, scale=x.scale**2, error=error))

    def _mul(self, node: Node) -> None:
        x, y = self._level(node, *(self.held[o] for o in node.operands))
        error = x.error.times(y.size.typical).plus(y.error.times(x.size.typical))
        self._product(node, (x, y), replace(x, scale=x.scale * y.scale, error=error))

    def _product(self, node: Node, operands: tuple[Held, ...], value: Held) -> None:
        value = replace(value, name=node.result, polynomials=3, size=self._size(node))
        value = self._take(node.kind, node, operands, value)
        if not self._waits(node):
            self._rescale(node, value)

    def _waits(self, node: Node) -> bool:
        """Is the product's key switch cheaper after the map that follows?"""
        uses = self.graph.uses(node.result)
        if len(uses) != 1 or uses[0].kind != "linear" or uses[0].map is None:
            return False
        return uses[0].map.out_size < self.graph.elements(node)

    def _add(self, node: Node) -> None:
        x, y = self._terms(node)
        value = replace(x, name=node.result, size=self._size(node), error=x.error.plus(y.error))
        self._take(node.kind, node, (x, y), value)

    _sub = _add

    def _leave(self, node: Node) -> None:
        x = self.held[node.operands[0]]
        if x.level > self.floor:
            (x,) = self._dropped(node, self.floor, x)
        self._take("leave", node, (x,), replace(x, name=node.result))

    # what lies between

    def _rescale(self, node: Node, x: Held) -> None:
        """Relinearise and divide by the last prime. The result takes over the name; the operand gets another."""
        wide = replace(x, name=f"{x.name}.wide")
        last = self.steps.pop()
        self.steps.append(replace(last, result=wide.name))
        self.held[wide.name] = wide
        aim = min(MOST_BATCH_PRIME_BITS, max(SMALLEST_PRIME, round(log2(x.scale)) - self.knobs.target))
        self.asked[x.level] = min(aim, self.asked.get(x.level, aim))
        bits = self.bits.get(x.level, self.asked[x.level])
        self.used.setdefault(x.level, set()).add(bits)
        scale, error = x.scale / 2.0**bits, x.error
        if self.noise:
            scale = x.scale / self.noise.chain.primes[x.level]
            switched = self.noise.switching(x.level).times(1 / x.scale)
            error = error.plus(switched, Error(self.noise.rounding / scale))
        value = replace(x, level=x.level - 1, scale=scale, polynomials=2, error=error)
        self._take("rescale", node, (wide,), value)

    def _level(self, node: Node, *values: Held) -> tuple[Held, ...]:
        """The values at the lowest level of them."""
        lowest = min(v.level for v in values)
        return tuple(self._dropped(node, lowest, v)[0] if v.level > lowest else v for v in values)

    def _terms(self, node: Node) -> list[Held]:
        """The operands of a sum at one level and scale. A map that waits takes the weight scale that makes it so; a
        value at another scale is multiplied with 1, written at the ratio of the two."""
        maps = [self.waiting.get(name) for name in node.operands]
        values = [self.held[map.operands[0] if map else name] for map, name in zip(maps, node.operands, strict=True)]
        values = list(self._level(node, *values))
        common = max(v.scale * (self._least(map) if map else 1.0) for map, v in zip(maps, values, strict=True))
        least = 2.0**self.knobs.weights
        if any(map is None and v.scale != common < v.scale * least for map, v in zip(maps, values, strict=True)):
            common = max(v.scale for v in values) * least
        found = []
        for i, (map, v) in enumerate(zip(maps, values, strict=True)):
            if map is None and v.scale == common:
                found.append(v)
                continue
            name = f"{node.result}.operand{i}"
            one = map or replace(node, kind="linear", operands=(v.name,), result=name, map=identity(v.elements))
            size = self._size(map) if map else v.size
            found.append(replace(self._affine(one, v, common / v.scale, size), scale=common))
        return found

    def _dropped(self, node: Node, level: int, x: Held) -> tuple[Held]:
        name = f"{x.name}.level{level}"
        if name not in self.held:
            value = replace(x, name=name, level=level)
            step = Step("drop", node, (x.name,), name, x.level, level, x.scale, x.polynomials, x.elements)
            self.steps.append(step)
            self.held[name] = value
        return (self.held[name],)

    def _take(self, kind: str, node: Node, operands: tuple[Held, ...], value: Held, weight_scale: float = 0.0) -> Held:
        level = operands[0].level if operands else value.level
        polynomials = operands[0].polynomials if kind == "rescale" else value.polynomials
        names = tuple(o.name for o in operands)
        self.steps.append(
            Step(
                kind,
                node,
                names,
                value.name,
                level,
                value.level,
                value.scale,
                polynomials,
                value.elements,
                weight_scale,
            )
        )
        self.held[value.name] = value
        return value

    def _size(self, node: Node) -> Size:
        return self.graph.sizes[node.result]

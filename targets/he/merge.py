"""Merge linear nodes that follow one another, and a polynomial's change of range into the map before it: levels saved.

A map that scales elements merges always. Others merge where the product has at most twice the entries of the two, or
where a dense layer follows that has no more rows than its input (its cost goes by its rows): a pool into the dense
layer after it does, two convolutions do not. A pool before a convolution becomes part of its node, because
rotate-and-adds make its sums before the products.
"""

from dataclasses import dataclass, replace

import numpy as np

from ppc.ir.label import join
from ppc.ir.module import Op
from ppc.targets.he.geometry import Geometry
from ppc.targets.he.graph import Node, polynomial
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.pooling import Pool

#: No product is even tried beyond this many multiplications.
MOST_WORK = 1 << 23


def merge(nodes: list[Node], kept: frozenset[str]) -> list[Node]:
    """Merge to a fixed point. Values in `kept` (outputs of the module) stay."""
    while (merged := _once(nodes, kept)) is not None:
        nodes = merged
    return _absorbed(nodes, kept)


def _once(nodes: list[Node], kept: frozenset[str]) -> list[Node] | None:
    uses: dict[str, int] = {}
    for node in nodes:
        for name in node.operands:
            uses[name] = uses.get(name, 0) + 1
    producer = {node.result: node for node in nodes if node.kind != "leave"}

    def alone(name: str) -> bool:
        return uses.get(name, 0) == 1 and name not in kept

    for outer in nodes:
        if outer.kind != "linear" or not alone(outer.operands[0]):
            continue
        between: list[Node] = []
        inner = producer[outer.operands[0]]
        while inner.kind == "view" and inner.map is not None and _identity(inner.map) and alone(inner.operands[0]):
            between.append(inner)
            inner = producer[inner.operands[0]]
        if inner.kind != "linear" or inner.map is None or outer.map is None:
            continue
        joined = _joined(inner, outer)
        if joined is None:
            continue
        gone = {id(inner), *(id(b) for b in between)}
        return [joined if n is outer else n for n in nodes if id(n) not in gone]
    return None


def _absorbed(nodes: list[Node], kept: frozenset[str]) -> list[Node]:
    """A polynomial's change of argument goes into the map that makes it, where nothing else reads that.

    t = (2 x - lo - hi) / (hi - lo) saves a level. Of degree 2, c2 T2(t) + c1 t + c0 = ±u² + k with
    u = sqrt(2 |c2|) (t + c1 / (4 c2)) saves another: a square takes one level and no coefficient.
    """
    uses = [name for node in nodes for name in node.operands]
    linear = {n.result for n in nodes if n.kind == "linear"}
    changes: dict[str, Change] = {}
    for node in nodes:
        if node.kind == "polynomial":
            name, change = node.operands[0], Change.of(node.op)
            if change is not None and name in linear and name not in kept and uses.count(name) == 1:
                changes[name] = change
    found = []
    for node in nodes:
        if node.result in changes and node.map is not None:
            node = changes[node.result].made(node, node.map)
        elif node.kind == "polynomial" and node.operands[0] in changes:
            node = changes[node.operands[0]].read(node)
        found.append(node)
    return found


#: A degree-2 polynomial whose vertex lies further from its interval (of half-width 1) is no square to good precision.
FARTHEST_VERTEX = 3.0


@dataclass(frozen=True, slots=True)
class Change:
    """u = factor x + offset, |u| <= bound, in place of a polynomial's argument x; `square`: what it becomes of u²."""

    factor: float
    offset: float
    bound: float
    square: tuple[bool, float] | None = None  # (negate, plus)

    @staticmethod
    def of(op: Op) -> "Change | None":
        """None where the argument is best as it is."""
        coefficients, lo, hi = polynomial(op)
        factor, offset = 2.0 / (hi - lo), -(lo + hi) / (hi - lo)
        if len(coefficients) == 3 and coefficients[2] != 0.0:
            c0, c1, c2 = coefficients
            vertex, grown = c1 / (4 * c2), (2 * abs(c2)) ** 0.5
            if abs(vertex) <= FARTHEST_VERTEX:
                plus = c0 - c2 - 2 * c2 * vertex**2
                u = grown * factor, grown * (offset + vertex)
                return Change(*u, grown * (1 + abs(vertex)), (c2 < 0, plus))
        return Change(factor, offset, 1.0) if (lo, hi) != (-1.0, 1.0) else None

    def made(self, node: Node, map: LinearMap) -> Node:
        """The map that makes u."""
        map = replace(map, values=map.values * self.factor, bias=map.bias * self.factor + self.offset)
        return replace(node, map=map, result=f"{node.result}.scaled", bound=self.bound)

    def read(self, node: Node) -> Node:
        """The polynomial of u."""
        if self.square is None:
            op = replace(node.op, attrs={**node.op.attrs, "lo": -1.0, "hi": 1.0})
            return replace(node, op=op, operands=(f"{node.operands[0]}.scaled",))
        return replace(node, kind="square", square=self.square, operands=(f"{node.operands[0]}.scaled",))


def _joined(inner: Node, outer: Node) -> Node | None:
    """One node for two linear ones, or None where it would cost more."""
    both = replace(outer, operands=inner.operands, label=join((inner.label, outer.label)))
    if _pooling(inner, outer):
        assert inner.map is not None and outer.map is not None and inner.geometry is not None
        pool = Pool(inner.geometry.in_shape, inner.geometry.strides)
        # the pool's weights are one number a window: they go into the convolution, its sums stay
        weight = np.zeros(inner.map.out_size)
        weight[inner.map.rows] = inner.map.values
        map = replace(
            outer.map,
            values=outer.map.values * weight[outer.map.cols],
            bias=outer.map.apply(inner.map.bias),
        )
        return replace(both, map=map, pool=pool)
    product = _product(_map(inner), outer.whole)
    if product is None:
        return None
    geometry = None if outer.pool is not None else _geometry(inner, outer)
    return replace(both, map=product, geometry=geometry, pool=inner.pool)


def _map(node: Node) -> LinearMap:
    assert node.map is not None, "a linear node has a map"
    return node.map


def _product(inner: LinearMap, outer: LinearMap) -> LinearMap | None:
    if _diagonal(inner) or _diagonal(outer):
        return inner.then(outer)
    work = int(np.bincount(inner.rows, minlength=inner.out_size)[outer.cols].sum())
    if work > MOST_WORK:
        return None
    product = inner.then(outer)
    dense = outer.dense and outer.out_size <= inner.out_size
    return product if dense or product.entries <= 2 * (inner.entries + outer.entries) else None


def _diagonal(map: LinearMap) -> bool:
    """One entry an element, where it is."""
    return map.entries == map.out_size == map.in_size and bool(np.array_equal(map.rows, map.cols))


def _identity(map: LinearMap) -> bool:
    return _diagonal(map) and bool(np.all(map.values == 1.0)) and not map.bias.any()


def _geometry(inner: Node, outer: Node) -> Geometry | None:
    assert inner.map is not None and outer.map is not None
    if _diagonal(inner.map):
        # elements are weighted before they are summed: a pool is none any more
        return None if outer.geometry is None else replace(outer.geometry, tiles=False)
    if _diagonal(outer.map):
        return inner.geometry
    first, second = inner.geometry, outer.geometry
    if first is None or second is None or first.out_shape != second.in_shape:
        return None
    strides = tuple(a * b for a, b in zip(first.strides, second.strides, strict=True))
    return Geometry(first.in_shape, second.out_shape, strides)


def _pooling(inner: Node, outer: Node) -> bool:
    """True for a pool before a convolution."""
    first, second = inner.geometry, outer.geometry
    both = first is not None and second is not None and first.out_shape == second.in_shape
    return both and first is not None and second is not None and first.tiles and not second.tiles and outer.pool is None

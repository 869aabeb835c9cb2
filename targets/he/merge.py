"""Merge linear nodes that follow one another, and a polynomial's change of range into the map before it: levels saved.

A map that scales elements merges always. Others merge where the product has at most twice the entries of the two, or
where a dense layer follows that has no more rows than its input (its cost goes by its rows): a pool into the dense
layer after it does, two convolutions do not. A pool into the convolution after it merges as well, though its entries
grow with the window, because its sums can wait until after the products.
"""

from dataclasses import replace

import numpy as np

from ppc.ir.label import join
from ppc.targets.he.graph import Node, polynomial
from ppc.targets.he.layouts import Geometry
from ppc.targets.he.linear_map import LinearMap

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
        product = _product(inner.map, outer.map, pooling(inner, outer))
        if product is None:
            continue
        joined = replace(
            outer,
            operands=inner.operands,
            map=product,
            geometry=_geometry(inner, outer),
            label=join((inner.label, outer.label)),
        )
        gone = {id(inner), *(id(b) for b in between)}
        return [joined if n is outer else n for n in nodes if id(n) not in gone]
    return None


def _absorbed(nodes: list[Node], kept: frozenset[str]) -> list[Node]:
    """t = (2 x - lo - hi) / (hi - lo) goes into the map that makes x, where nothing else reads x."""
    uses = [name for node in nodes for name in node.operands]
    scaled: dict[str, tuple[float, float]] = {}
    linear = {n.result for n in nodes if n.kind == "linear"}
    for node in nodes:
        if node.kind == "polynomial":
            _, lo, hi = polynomial(node.op)
            name = node.operands[0]
            if (lo, hi) != (-1.0, 1.0) and name in linear and name not in kept and uses.count(name) == 1:
                scaled[name] = (lo, hi)
    found = []
    for node in nodes:
        if node.result in scaled and node.map is not None:
            lo, hi = scaled[node.result]
            factor = 2.0 / (hi - lo)
            bias = node.map.bias * factor - (lo + hi) / (hi - lo)
            map = replace(node.map, values=node.map.values * factor, bias=bias)
            node = replace(node, map=map, result=f"{node.result}.scaled")
        elif node.kind == "polynomial" and node.operands[0] in scaled:
            op = replace(node.op, attrs={**node.op.attrs, "lo": -1.0, "hi": 1.0})
            node = replace(node, op=op, operands=(f"{node.operands[0]}.scaled",))
        found.append(node)
    return found


def _product(inner: LinearMap, outer: LinearMap, pools: bool) -> LinearMap | None:
    if _diagonal(inner) or _diagonal(outer):
        return inner.then(outer)
    work = int(np.bincount(inner.rows, minlength=inner.out_size)[outer.cols].sum())
    if work > MOST_WORK:
        return None
    product = inner.then(outer)
    dense = outer.dense and outer.out_size <= inner.out_size
    return product if dense or pools or product.entries <= 2 * (inner.entries + outer.entries) else None


def _diagonal(map: LinearMap) -> bool:
    """One entry an element, where it is."""
    return map.entries == map.out_size == map.in_size and bool(np.array_equal(map.rows, map.cols))


def _identity(map: LinearMap) -> bool:
    return _diagonal(map) and bool(np.all(map.values == 1.0)) and not map.bias.any()


def _geometry(inner: Node, outer: Node) -> Geometry | None:
    assert inner.map is not None and outer.map is not None
    if _diagonal(inner.map):
        return outer.geometry
    if _diagonal(outer.map):
        return inner.geometry
    first, second = inner.geometry, outer.geometry
    if first is None or second is None or first.out_shape != second.in_shape:
        return None
    strides = tuple(a * b for a, b in zip(first.strides, second.strides, strict=True))
    return Geometry(first.in_shape, second.out_shape, strides, first.pool if pooling(inner, outer) else ())


def pooling(inner: Node, outer: Node) -> bool:
    """True for a pool before a convolution, which can wait until after the products (`placement`, "pooled")."""
    first, second = inner.geometry, outer.geometry
    both = first is not None and second is not None and first.out_shape == second.in_shape
    return both and first is not None and second is not None and bool(first.pool) and not second.pool

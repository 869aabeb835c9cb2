"""Merge linear nodes that follow one another: one level instead of two.

A map that scales elements merges always. Others merge where the product has at most twice the entries of the two:
a pool into the convolution or dense layer after it does, two convolutions do not.
"""

from dataclasses import replace

import numpy as np

from ppc.ir.label import join
from ppc.targets.he.graph import Node
from ppc.targets.he.layouts import Geometry
from ppc.targets.he.linear_map import LinearMap

#: No product is even tried beyond this many multiplications.
MOST_WORK = 1 << 23


def merge(nodes: list[Node], kept: frozenset[str]) -> list[Node]:
    """Merge to a fixed point. Values in `kept` (outputs of the module) stay."""
    while (merged := _once(nodes, kept)) is not None:
        nodes = merged
    return nodes


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
        product = _product(inner.map, outer.map)
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


def _product(inner: LinearMap, outer: LinearMap) -> LinearMap | None:
    if _diagonal(inner) or _diagonal(outer):
        return inner.then(outer)
    work = int(np.bincount(inner.rows, minlength=inner.out_size)[outer.cols].sum())
    if work > MOST_WORK:
        return None
    product = inner.then(outer)
    return product if product.entries <= 2 * (inner.entries + outer.entries) else None


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
    return Geometry(first.in_shape, second.out_shape, strides)

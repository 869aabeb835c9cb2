"""The HE part of a module in the normal form of batch packing: affine maps, products, sums, and the borders.

With one sample a slot, a movement of elements is a renaming, and a polynomial of degree 2 is a square between two
scalings: a x² + b x + c = ±(√|a| x + b √|a| / 2a)² + c - b² / 4a. The scalings merge into the maps beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.polynomial import Polynomial, chebyshev

from ppc.ir.module import Module
from ppc.targets.he.graph import Node, build, polynomial
from ppc.targets.he.linear_map import Floats, LinearMap, identity
from ppc.targets.he.merge import merge
from ppc.targets.he.plan import sizes_of
from ppc.targets.he.sample import Refusal, Samples

#: (outputs, inputs) of a dense block of a sparse matrix.
Block = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Size:
    """A bound of the absolute value of a value's elements, and their root mean square."""

    largest: float
    typical: float

    def squared(self) -> "Size":
        return Size(self.largest**2, self.largest * self.typical)

    def moved(self, factor: float, offset: float) -> "Size":
        """Of factor·x + offset."""
        return Size(factor * self.largest + abs(offset), factor * self.typical + abs(offset))


@dataclass(frozen=True)
class Graph:
    """Nodes of the kinds enter, linear, square, mul, add, sub, leave; and the sizes of their results."""

    samples: Samples
    nodes: tuple[Node, ...]
    sizes: Mapping[str, Size]

    def uses(self, name: str) -> list[Node]:
        """The nodes that read a value."""
        return [node for node in self.nodes if name in node.operands]

    def elements(self, node: Node) -> int:
        """Elements of one sample of a node's result: the ciphertexts that it takes."""
        return node.map.out_size if node.map is not None else self.samples.size(node.like)


def batch_graph(module: Module) -> Graph | None:
    """The normal form; None for a module without HE. Raises Refusal where there is none."""
    samples = Samples(module)
    nodes = build(module, samples)
    if not nodes:
        return None
    kept = frozenset(module.outputs)
    nodes = merge(nodes, kept)
    sizes = {node.result: Size(*sizes_of(module, node)) for node in nodes if node.kind != "leave"}
    found = [part for node in nodes for part in _normal(node, samples, sizes)]
    return Graph(samples, tuple(_without_identities(merge(found, kept))), sizes)


def _normal(node: Node, samples: Samples, sizes: dict[str, Size]) -> list[Node]:
    if node.kind == "view":
        return [replace(node, kind="linear")]
    if node.kind == "polynomial":
        return _quadratic(node, samples.size(node.like), sizes)
    if node.kind == "square" and node.square != (False, 0.0):
        negate, plus = node.square
        return _shifted(replace(node, square=(False, 0.0)), samples.size(node.like), negate, plus, sizes)
    if node.kind == "enter" and node.op.name != "convert.client_to_he":
        raise Refusal("a value enters from shares, which batch packing does not read")
    return [node]


def _quadratic(node: Node, size: int, sizes: dict[str, Size]) -> list[Node]:
    """A polynomial of degree at most 2 of `size` elements; puts the sizes of what lies between into `sizes`."""
    coefficients, lo, hi = polynomial(node.op)
    if len(coefficients) > 3:
        raise Refusal(f"a polynomial has degree {len(coefficients) - 1}, batch packing takes 2")
    centred = Polynomial([-(lo + hi) / (hi - lo), 2 / (hi - lo)])
    powers = Polynomial(chebyshev.cheb2poly(coefficients))(centred).coef
    c, b, a = (float(p) for p in np.pad(powers, (0, 3 - len(powers))))
    (x,) = node.operands
    if a == 0.0:
        return [_scaling(node, size, x, node.result, b, c)]
    root, shift = sqrt(abs(a)), b / (2 * a)
    before = f"{node.result}.root"
    sizes[before] = sizes[x].moved(root, root * shift)
    square = replace(node, kind="square", operands=(before,))
    return [
        _scaling(node, size, x, before, root, root * shift),
        *_shifted(square, size, a < 0, c - b * b / (4 * a), sizes),
    ]


def _shifted(node: Node, size: int, negate: bool, plus: float, sizes: dict[str, Size]) -> list[Node]:
    """±x² + plus as a square and an affine map, which merges into the next."""
    squared = f"{node.result}.square"
    sizes[squared] = sizes[node.operands[0]].squared()
    scaling = _scaling(node, size, squared, node.result, -1.0 if negate else 1.0, plus)
    return [replace(node, result=squared), scaling]


def _scaling(node: Node, size: int, operand: str, result: str, factor: float, offset: float) -> Node:
    map = identity(size)
    map = replace(map, values=map.values * factor, bias=map.bias + offset)
    return Node("linear", node.op, (operand,), result, node.like, map)


def _without_identities(nodes: list[Node]) -> list[Node]:
    """Maps that change nothing are names for their operand."""
    names: dict[str, str] = {}
    found = []
    for node in nodes:
        node = replace(node, operands=tuple(names.get(o, o) for o in node.operands))
        if node.kind == "linear" and node.map is not None and is_identity(node.map):
            names[node.result] = node.operands[0]
        else:
            found.append(node)
    return found


def is_identity(map: LinearMap) -> bool:
    same = identity(map.in_size)
    return (
        map.entries == map.out_size == map.in_size
        and np.array_equal(map.rows, same.rows)
        and np.array_equal(map.cols, same.cols)
        and bool((map.values == 1.0).all())
        and not map.bias.any()
    )


def blocks_of(map: LinearMap) -> tuple[tuple[Block, ...], Floats]:
    """Dense blocks, one for each set of inputs that some outputs have in common, and their entries in row-major order.

    From the structure alone, never from values. Raises Refusal for an output that depends on no input.
    """
    keys, inverse = np.unique(map.rows * map.in_size + map.cols, return_inverse=True)
    values = np.bincount(inverse, map.values, len(keys))
    rows, cols = np.divmod(keys, map.in_size)
    starts = np.searchsorted(rows, np.arange(map.out_size + 1))
    if (np.diff(starts) == 0).any():
        raise Refusal("an element of a result depends on no input, and would not be hidden")
    groups: dict[bytes, list[int]] = {}
    for row in range(map.out_size):
        groups.setdefault(cols[starts[row] : starts[row + 1]].tobytes(), []).append(row)
    blocks = [(tuple(found), tuple(np.frombuffer(key, np.int64).tolist())) for key, found in groups.items()]
    entries = np.concatenate([values[starts[row] : starts[row + 1]] for found in groups.values() for row in found])
    return tuple(blocks), entries

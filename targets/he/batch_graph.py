"""The HE part of a module in the normal form of batch packing: affine maps, products, sums, and the borders.

With one sample a slot, a movement of elements is a renaming, and a polynomial is squares, products and sums between
scalings (`batch_polynomial`), which merge into the maps beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ppc.ir.label import PUBLIC
from ppc.ir.module import Module
from ppc.targets.he.batch_polynomial import polynomial_nodes, shifted
from ppc.targets.he.batch_size import Size
from ppc.targets.he.graph import Node, build
from ppc.targets.he.linear_map import Floats, LinearMap, identity
from ppc.targets.he.merge import merge
from ppc.targets.he.plan import sizes_of
from ppc.targets.he.sample import Samples

#: (outputs, inputs) of a dense block of a sparse matrix.
Block = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Graph:
    """Nodes of the kinds enter, linear, square, mul, add, sub, leave; and the sizes of their results."""

    samples: Samples
    nodes: tuple[Node, ...]
    sizes: Mapping[str, Size]

    def uses(self, name: str) -> list[Node]:
        """The nodes that read a value."""
        return self._readers.get(name, [])

    @cached_property
    def _readers(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.operands):
                found.setdefault(name, []).append(node)
        return found

    @cached_property
    def whole(self) -> frozenset[str]:
        """Results of maps whose weights are public whole numbers, which need no scale. Of others only shapes decide."""
        return frozenset(n.result for n in self.nodes if n.map is not None and n.label == PUBLIC and is_whole(n.map))

    def elements(self, node: Node) -> int:
        """Elements of one sample of a node's result: the ciphertexts that it takes."""
        return node.map.out_size if node.map is not None else self.samples.size(node.like)


def batch_graph(module: Module) -> Graph | None:
    """The normal form; None for a module without HE."""
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
        return polynomial_nodes(node, samples.size(node.like), sizes)
    if node.kind == "square" and node.square != (False, 0.0):
        negate, plus = node.square
        return shifted(replace(node, square=(False, 0.0)), samples.size(node.like), negate, plus, sizes)
    return [node]


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


def is_whole(map: LinearMap) -> bool:
    return not map.blank and bool((map.values == np.rint(map.values)).all())


def blocks_of(map: LinearMap) -> tuple[tuple[Block, ...], Floats]:
    """Dense blocks, one for each set of inputs that some outputs have in common, and their entries in row-major order.

    From the structure alone, never from values. An output that depends on no input, as those of a Pad, is given the
    first one with a weight of 0: the engine makes that a weight of one unit (`runtime.he.batch_matrix`), so that its
    ciphertext hides what it holds.
    """
    empty = np.setdiff1d(np.arange(map.out_size), map.rows)
    places = np.concatenate([map.rows * map.in_size + map.cols, empty * map.in_size])
    keys, inverse = np.unique(places, return_inverse=True)
    values = np.bincount(inverse, np.concatenate([map.values, np.zeros(len(empty))]), len(keys))
    rows, cols = np.divmod(keys, map.in_size)
    starts = np.searchsorted(rows, np.arange(map.out_size + 1))
    groups: dict[bytes, list[int]] = {}
    for row in range(map.out_size):
        groups.setdefault(cols[starts[row] : starts[row + 1]].tobytes(), []).append(row)
    blocks = [(tuple(found), tuple(np.frombuffer(key, np.int64).tolist())) for key, found in groups.items()]
    entries = np.concatenate([values[starts[row] : starts[row + 1]] for found in groups.values() for row in found])
    return tuple(blocks), entries

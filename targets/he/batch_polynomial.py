"""Polynomials in the normal form of batch packing: products, sums and scalings.

Degree 2 is a square between two scalings: a x² + b x + c = ±(√|a| x + b √|a| / 2a)² + c - b² / 4a. Higher degrees take
the recursion that ciphertexts take (`ppc.runtime.chebyshev`), which writes nodes here: a product takes a level, and
the scalings, which take none, merge into the maps beside them.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from math import sqrt

import numpy as np
from numpy.polynomial import Polynomial, chebyshev

from ppc.runtime.chebyshev import evaluate
from ppc.runtime.levels import polynomial_depth
from ppc.targets.he.batch_size import Size
from ppc.targets.he.graph import Kind, Node, polynomial
from ppc.targets.he.linear_map import Floats, identity

Sizes = MutableMapping[str, Size]

#: Where a polynomial's argument is looked at, to bound what lies between.
_GRID = np.linspace(-1.0, 1.0, 1001)


def polynomial_nodes(node: Node, size: int, sizes: Sizes) -> list[Node]:
    """A polynomial of `size` elements; puts the sizes of what lies between into `sizes`."""
    coefficients, lo, hi = polynomial(node.op)
    degree = len(coefficients) - 1
    if degree <= 2:
        return _quadratic(node, size, sizes)
    (x,), nodes = node.operands, list[Node]()
    factor, offset = 2 / (hi - lo), -(lo + hi) / (hi - lo)
    if (factor, offset) != (1.0, 0.0):
        argument = f"{node.result}.argument"
        nodes.append(scaling(node, size, x, argument, factor, offset))
        sizes[argument] = Size(1.0, min(1.0, sizes[x].moved(factor, offset).typical))
        x = argument
    found = _Nodes(node, size, sizes, nodes)
    depth = polynomial_depth(degree, normalised=True)
    last = evaluate(found, Term(x, depth, _GRID), coefficients, -1.0, 1.0, 0, 1.0)
    nodes.append(scaling(node, size, last.name, node.result, 1.0, 0.0))
    return nodes


def shifted(node: Node, size: int, negate: bool, plus: float, sizes: Sizes) -> list[Node]:
    """±x² + plus as a square and an affine map, which merges into the next."""
    squared = f"{node.result}.square"
    sizes[squared] = sizes[node.operands[0]].squared()
    return [
        replace(node, result=squared),
        scaling(node, size, squared, node.result, -1.0 if negate else 1.0, plus),
    ]


def scaling(node: Node, size: int, operand: str, result: str, factor: float, offset: float) -> Node:
    """factor · operand + offset."""
    map = identity(size)
    map = replace(map, values=map.values * factor, bias=map.bias + offset)
    return Node("linear", node.op, (operand,), result, node.like, map)


def _quadratic(node: Node, size: int, sizes: Sizes) -> list[Node]:
    coefficients, lo, hi = polynomial(node.op)
    centred = Polynomial([-(lo + hi) / (hi - lo), 2 / (hi - lo)])
    powers = Polynomial(chebyshev.cheb2poly(coefficients))(centred).coef
    c, b, a = (float(p) for p in np.pad(powers, (0, 3 - len(powers))))
    (x,) = node.operands
    if a == 0.0:
        return [scaling(node, size, x, node.result, b, c)]
    root, shift = sqrt(abs(a)), b / (2 * a)
    before = f"{node.result}.root"
    sizes[before] = sizes[x].moved(root, root * shift)
    square = replace(node, kind="square", operands=(before,))
    return [
        scaling(node, size, x, before, root, root * shift),
        *shifted(square, size, a < 0, c - b * b / (4 * a), sizes),
    ]


@dataclass(frozen=True)
class Term:
    """A value of the recursion: its name, its level above the result, and its values where the argument is `_GRID`."""

    name: str
    level: int
    values: Floats


@dataclass
class _Nodes:
    """The recursion's arithmetic, writing nodes. Scales are the schedule's: here every scale is 1."""

    node: Node
    size: int
    sizes: Sizes
    nodes: list[Node]
    _count: int = field(default=0, init=False)

    def level(self, a: Term) -> int:
        return a.level

    def scale(self, a: Term) -> float:
        return 1.0

    def prime(self, level: int) -> float:
        return 1.0

    def times(self, a: Term, number: float, level: int, scale: float) -> Term:
        return self._scaled(a, number, 0.0, level)

    def product(self, a: Term, b: Term) -> Term:
        kind: Kind = "square" if a.name == b.name else "mul"
        operands = (a.name,) if kind == "square" else (a.name, b.name)
        return self._new(kind, operands, min(a.level, b.level), a.values * b.values)

    def add(self, a: Term, b: Term) -> Term:
        if a.name == b.name:
            return self._scaled(a, 2.0, 0.0, a.level)
        return self._new("add", (a.name, b.name), a.level, a.values + b.values)

    def add_number(self, a: Term, number: float) -> Term:
        return self._scaled(a, 1.0, number, a.level) if number else a

    def finish(self, raw: Term, scale: float) -> Term:
        return replace(raw, level=raw.level - 1)

    def zero(self, level: int, scale: float) -> Term:
        raise AssertionError("what has degree 3 or more has a term that is not constant")

    def _scaled(self, a: Term, factor: float, offset: float, level: int) -> Term:
        found = self._new("linear", (a.name,), level, factor * a.values + offset)
        self.nodes[-1] = scaling(self.node, self.size, a.name, found.name, factor, offset)
        return found

    def _new(self, kind: Kind, operands: tuple[str, ...], level: int, values: Floats) -> Term:
        self._count += 1
        name = f"{self.node.result}.term{self._count}"
        self.nodes.append(replace(self.node, kind=kind, operands=operands, result=name))
        largest = float(np.abs(values).max())
        # the argument's own distribution is not known here: as if it were spread evenly
        self.sizes[name] = Size(largest, float(np.sqrt(np.mean(values**2))))
        return Term(name, level, values)

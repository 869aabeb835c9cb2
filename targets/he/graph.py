"""The HE part of a module as a list of nodes over single samples, before any layout is chosen."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.polynomial.chebyshev import chebval

from ppc.ir.diagnostic import InternalError
from ppc.ir.label import PUBLIC, Label, join
from ppc.ir.module import Module, Op
from ppc.ir.types import Domain
from ppc.runtime.levels import polynomial_depth
from ppc.targets.he.geometry import Geometry
from ppc.targets.he.linear_map import LinearMap, gather, identity
from ppc.targets.he.maps import LINEAR, VIEWS, lowering
from ppc.targets.he.maps.attributes import ints
from ppc.targets.he.maps.movement import concat
from ppc.targets.he.pooling import Pool
from ppc.targets.he.sample import Refusal, Samples

Kind = Literal["enter", "linear", "view", "polynomial", "square", "add", "sub", "mul", "leave"]

ENTER = ("convert.client_to_he", "convert.mpc_to_he")
REVEAL = "reveal.he_to_client"
LEAVE = ("convert.he_to_mpc", REVEAL)
PAIRS: dict[str, Kind] = {"Add": "add", "Sub": "sub", "Mul": "mul", "Sum": "add"}


@dataclass(frozen=True)
class Node:
    """One step to lower. `operands` are HE values; `like` is a value of the module with the type of the result.

    With a `pool`, `map` and `geometry` are of what its sums leave.
    """

    kind: Kind
    op: Op
    operands: tuple[str, ...]
    result: str
    like: str
    map: LinearMap | None = None
    geometry: Geometry | None = None
    label: Label = PUBLIC  # of the weights in the map
    pool: Pool | None = None
    bound: float | None = None  # of the result's absolute value, where it is not that of `like`
    square: tuple[bool, float] = (False, 0.0)  # of kind square: negate x², add this

    @cached_property
    def whole(self) -> LinearMap:
        """The map with the pool before it."""
        assert self.map is not None, f"a {self.kind} has no map"
        return self.map if self.pool is None else self.pool.sums.then(self.map)


def build(module: Module, samples: Samples) -> list[Node]:
    """Nodes of the module's HE operators and of the conversions at their borders, in program order.

    Raises InternalError for an operator that HE refuses: the assignment asks `HETarget.refuses` first.
    """
    found: list[Node] = []
    for op in module.ops:
        if op.name in ENTER:
            found.append(Node("enter", op, (), op.results[0], op.results[0]))
        elif op.name in LEAVE:
            leaving = replace(op, attrs={**op.attrs, "privacy": _privacy(op, module)}) if op.name == REVEAL else op
            found.append(Node("leave", leaving, (op.operands[0],), op.results[0], op.operands[0]))
        elif op.domain is Domain.HE:
            try:
                found += nodes_of(op, samples)
            except Refusal as refusal:
                raise InternalError(f"{op.name} of node {op.loc!r} was placed in HE: {refusal}") from None
    return found


def _privacy(op: Op, module: Module) -> str:
    """How a revealed ciphertext hides the weights: as its op says, else by a mask where others' secrets are in it."""
    said = op.attrs.get("privacy")
    if said is not None:
        return str(said)
    label = module.values[op.operands[0]].label
    return "public weights" if label is not None and label.flows_to("client") else "masking"


def masks(op: Op) -> bool:
    """True where a value leaves under a mask that is uniform modulo Q, which takes a modulus of its own."""
    return op.name == "convert.he_to_mpc" or (op.name == REVEAL and op.attrs.get("privacy") == "masking")


def floods(op: Op) -> bool:
    """True where noise hides the weights in a value that the client decrypts."""
    return op.name == REVEAL and op.attrs.get("privacy") == "flooding"


def nodes_of(op: Op, samples: Samples) -> list[Node]:
    """The nodes of one HE operator. Raises Refusal."""
    secrets, result = samples.secrets(op), op.results[0]
    label = join(samples.module.constants[o].label for o in op.operands if samples.is_constant(o))
    if "coefficients" in op.attrs:
        return _stages(op, samples, secrets[0])
    if op.name == "Concat":
        return _sum_of(op, result, concat(op, samples), label)
    if op.name in PAIRS and len(secrets) == 2 and len(op.operands) == 2:
        return _pair(op, samples, secrets, result)
    if op.name not in LINEAR and op.name not in VIEWS:
        raise Refusal(f"{op.name} has no lowering to HE")
    found = lowering(op.name)(op, samples)
    if found.out_size != samples.size(result):
        raise Refusal(f"one sample of its result has {samples.size(result)} elements, its map gives {found.out_size}")
    kind: Kind = "view" if op.name in VIEWS else "linear"
    return [Node(kind, op, secrets[:1], result, result, found, _geometry(op, samples), label)]


def _pair(op: Op, samples: Samples, secrets: tuple[str, ...], result: str) -> list[Node]:
    """Add, Sub or Mul of two encrypted values; one that broadcasts is expanded by a linear map first."""
    shape = samples.shape(result)
    nodes, names = list[Node](), []
    for i, name in enumerate(secrets):
        index = samples.index(name)
        if index.size != samples.size(result):
            try:
                spread = gather(np.broadcast_to(index, shape), index.size)
            except ValueError:
                raise Refusal(f"its operands' shapes {samples.shape(name)} and {shape} do not broadcast") from None
            wide = f"{result}.wide{i}"
            nodes.append(Node("linear", op, (name,), wide, result, spread))
            name = wide
        names.append(name)
    if op.name == "Mul" and names[0] == names[1]:
        return [*nodes, Node("square", op, (names[0],), result, result)]
    return [*nodes, Node(PAIRS[op.name], op, tuple(names), result, result)]


def _sum_of(op: Op, result: str, maps: list[tuple[str, LinearMap]], label: Label) -> list[Node]:
    """The sum of one linear map an operand."""
    if len(maps) == 1:
        return [Node("linear", op, (maps[0][0],), result, result, maps[0][1], None, label)]
    nodes, total = list[Node](), ""
    for i, (name, map) in enumerate(maps):
        part = f"{result}.part{i}"
        nodes.append(Node("linear", op, (name,), part, result, map, None, label))
        if i == 0:
            total = part
            continue
        sum_ = result if i == len(maps) - 1 else f"{result}.sum{i}"
        nodes.append(Node("add", op, (total, part), sum_, result))
        total = sum_
    return nodes


def _geometry(op: Op, samples: Samples) -> Geometry | None:
    if op.name not in ("Conv", "AveragePool"):
        return None
    shape = samples.shape(op.operands[0])
    rank = len(shape) - 2
    strides = ints(op, "strides", (1,) * rank)
    plain = not any(ints(op, "pads", ())) and ints(op, "dilations", (1,) * rank) == (1,) * rank
    tiles = op.name == "AveragePool" and plain and ints(op, "kernel_shape", ()) == strides
    return Geometry(shape, samples.shape(op.results[0]), strides, tiles)


def _stages(op: Op, samples: Samples, x: str) -> list[Node]:
    """A polynomial as it is; a composition as one node a stage, and the product with the first one's argument.

    The change of range is a linear map, which merges into the one before; it takes no level where a product or a
    polynomial reads it (`levels`).
    """
    inner, gate, result = op.attrs.get("inner", ()), op.attrs.get("gate", False), op.results[0]
    assert isinstance(inner, tuple), "the operator's rule has seen it"
    if not inner and not gate:
        return [Node("polynomial", op, (x,), result, result)]
    coefficients, lo, hi = polynomial(op)
    argument, map = f"{result}.scaled", identity(samples.size(result))
    map = replace(map, values=map.values * 2 / (hi - lo), bias=map.bias - (lo + hi) / (hi - lo))
    nodes = [Node("linear", op, (x,), argument, result, map, bound=1.0)]
    last = result if not gate else f"{result}.gate"
    for i, stage in enumerate((*inner, coefficients)):
        name = f"{result}.stage{i}" if i < len(inner) else last
        one = replace(op, attrs={"coefficients": stage, "lo": -1.0, "hi": 1.0})
        values = chebval(np.linspace(-1, 1, 1001), polynomial(one)[0])
        bound = None if name == result else float(np.abs(values).max())
        nodes.append(Node("polynomial", one, (nodes[-1].result,), name, result, bound=bound))
    return [*nodes, Node("mul", op, (argument, last), result, result)] if gate else nodes


def polynomial(op: Op) -> tuple[tuple[float, ...], float, float]:
    """(Chebyshev coefficients, lo, hi) of a Polynomial, of its last stage, trailing zeros cut."""
    found = op.attrs["coefficients"]
    assert isinstance(found, tuple), "the approximate pass writes a tuple"
    coefficients = [float(c) for c in found if isinstance(c, (int, float))]
    while len(coefficients) > 2 and coefficients[-1] == 0.0:
        coefficients.pop()
    lo, hi = op.attrs.get("lo", -1.0), op.attrs.get("hi", 1.0)
    assert isinstance(lo, (int, float)) and isinstance(hi, (int, float))
    return tuple(coefficients), float(lo), float(hi)


def polynomial_levels(op: Op) -> int:
    """Levels of a polynomial that is no composition: ceil(log2(degree + 1)), and 1 to reach [-1, 1]."""
    coefficients, lo, hi = polynomial(op)
    return polynomial_depth(max(len(coefficients) - 1, 1), (lo, hi) == (-1.0, 1.0))

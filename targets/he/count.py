"""What the he.* steps of a lowered module take: counted primitives, from the steps alone, and their predicted time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ppc.ir.module import Module, Op
from ppc.runtime.layout import layout_from_attrs
from ppc.targets.he.graph import Node
from ppc.targets.he.primitives import Primitives, ciphertext_bytes, key_bytes
from ppc.targets.he.select import polynomial_cost

#: Steps of the latency packing that compute; those of batch packing are priced as a whole (`batch_cost`).
COUNTED = ("he.linear", "he.square", "he.mul", "he.polynomial", "he.add", "he.sub")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one step. `level`: where it runs; products are with plaintexts."""

    op: Op
    level: int
    rotations: int
    products: int
    seconds: float  # at the server, one thread


def counted(module: Module, primitives: Primitives) -> Iterator[Counts]:
    """Every step of `COUNTED`, in order. Raises KeyError for a module without HE parameters."""
    degree: Any = module.attrs["he.degree"]
    size = {r: _ciphertexts(op) for op in module.ops for r in op.results if _ciphertexts(op)}
    for op in module.ops:
        for result in op.results:
            size.setdefault(result, size.get(op.operands[0], 1) if op.operands else 1)
        if op.name in COUNTED:
            yield _step(op, size[op.results[0]], degree, primitives)


def rotations(op: Op) -> int:
    """Key switches of a he.linear: babies of each input, giants of each output, sums before and after."""
    terms: Any = op.attrs["terms"]
    pre: Any = op.attrs.get("pre", ())
    post: Any = op.attrs.get("post", ())
    babies, giants = {(i, b) for i, _, b, _ in terms if b}, {(o, g) for _, o, _, g in terms if g}
    inputs, outputs = len({t[0] for t in terms}), len({t[1] for t in terms})
    return len(babies) + len(giants) + len(pre) * inputs + len(post) * outputs


def keys_bytes(module: Module) -> int:
    """Galois and relinearisation keys as the client uploads them, seeded."""
    degree: Any = module.attrs["he.degree"]
    galois: Any = module.attrs["he.galois"]
    relin: Any = module.attrs["he.relin"]
    switched = sum(len(steps) * key_bytes(degree, level) for level, steps in galois)
    return switched + sum(key_bytes(degree, level) for level in relin)


def upload_bytes(module: Module) -> int:
    """Ciphertexts that the client encrypts for a pass, seeded."""
    degree: Any = module.attrs["he.degree"]
    entering = [op for op in module.ops if op.name in ("convert.client_to_he", "convert.mpc_to_he")]
    return sum(_ciphertexts(op) * ciphertext_bytes(degree, _level(op), seeded=True) for op in entering)


def _step(op: Op, count: int, degree: int, primitives: Primitives) -> Counts:
    level, turned, products = _level(op), 0, 0
    if op.name == "he.linear":
        terms: Any = op.attrs["terms"]
        turned, products = rotations(op), len(terms)
        seconds = turned * primitives.rotate(degree, level)
        seconds += products * (primitives.at("multiply_plain", degree, level) + primitives.at("add", degree, level))
        seconds += count * primitives.at("rescale", degree, level) if op.attrs["out_level"] != level else 0.0
    elif op.name == "he.square":
        seconds = count * primitives.square(degree, level)
    elif op.name == "he.mul":
        seconds = count * primitives.multiply(degree, level)
    elif op.name == "he.polynomial":
        node = Node("polynomial", op, op.operands, op.results[0], op.results[0])
        seconds = count * polynomial_cost(node, primitives, degree, level)
    else:
        seconds = count * primitives.at("add", degree, level)
    return Counts(op, level, turned, products, seconds)


def _level(op: Op) -> int:
    level = op.attrs.get("level", 0)
    assert isinstance(level, int), "the verifier has seen it"
    return level


def _ciphertexts(op: Op) -> int:
    """Of the result, where the step states its layout; else 0."""
    for prefix in ("out_", ""):
        if f"{prefix}layout_digits" in op.attrs:
            return layout_from_attrs(op.attrs, prefix).ciphertexts
    return 0

"""What the layout search finds: `python -m benchmarks.layouts [name ...]` with PPC_CORPUS set; one row a model.

One sample, at the smallest ring whose modulus has room for the linear layers' levels. Activations count as squares that
share the level of the layer before them, and the last layer runs on one prime, so the rows say what layouts cost
whatever the parameters' planning makes of the levels. Rotations are listed by the data primes they run with; keys are
seeded Galois and relinearisation keys; predicted times go by the table of primitives. Nothing runs.
"""

import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.module import Module, Op
from ppc.ir.types import Domain
from ppc.passes.fold import Fold
from ppc.targets.he import keytree
from ppc.targets.he.fewer_keys import with_fewer_keys
from ppc.targets.he.graph import Node, build
from ppc.targets.he.lower import widened
from ppc.targets.he.merge import merge
from ppc.targets.he.packing import Batching
from ppc.targets.he.primitives import key_bytes
from ppc.targets.he.sample import Samples
from ppc.targets.he.select import Chosen, Search
from ppc.targets.prices import Prices

#: (model, ring degree).
MODELS = (
    ("models-bench/w1", 4096),
    ("models-bench/w2_sq", 8192),
    ("models-bench/w3", 8192),
    ("models-bench/w4_sq", 16384),
    ("models-ours/cryptonets_mnist", 8192),
    ("models-ours/resnet8_cifar10", 32768),
    ("models-ours/mobilenet_tiny_cifar10", 32768),
)
ACTIVATIONS = ("Relu", "Clip")


@dataclass(frozen=True)
class Found:
    """The layouts of one model."""

    steps: tuple[Chosen, ...]
    primes: dict[str, int]  # data primes that a value's step runs with
    degree: int
    seconds: float  # of the search, of the processor
    cost: float  # predicted seconds, the client's packing included

    @property
    def linear(self) -> list[Chosen]:
        return [s for s in self.steps if s.lowered is not None]

    @property
    def rotations(self) -> dict[int, int]:
        """By primes, from the most."""
        found = Counter[int]()
        for step in self.linear:
            assert step.lowered is not None
            found[self.primes[step.result]] += step.lowered.rotations
        return dict(sorted(found.items(), reverse=True))

    @property
    def products(self) -> int:
        return sum(s.lowered.products for s in self.linear if s.lowered is not None)

    @property
    def uploads(self) -> int:
        return sum(s.packing.ciphertexts for s in self.steps if s.kind == "enter")

    def keys(self) -> dict[int, int]:
        """Galois keys by primes."""
        sets: dict[int, list[keytree.Steps]] = {}
        sums: dict[int, set[int]] = {}
        batching = Batching(self.degree // 2, 1, 1)
        for step in self.linear:
            assert step.lowered is not None
            terms, _, _ = widened(step.lowered, batching)
            primes = self.primes[step.result]
            sets.setdefault(primes, []).extend(keytree.needed(terms))
            sums.setdefault(primes, set()).update(step.lowered.pre, step.lowered.post)
        return {k: len(keytree.choose(sets[k], sums[k], self.degree // 2)) for k in sorted(sets, reverse=True)}

    def megabytes(self) -> float:
        """Of Galois and relinearisation keys."""
        size = sum(n * key_bytes(self.degree, k - 1) for k, n in self.keys().items())
        squares = {self.primes[s.result] for s in self.steps if s.kind in ("square", "mul")}
        return (size + sum(key_bytes(self.degree, k - 1) for k in squares)) / 1e6


def main() -> int:
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder with models-bench and models-ours")
        return 2
    for name, degree in MODELS:
        if not sys.argv[1:] or Path(name).name in sys.argv[1:]:
            print(row(Path(name).name, search(Path(corpus) / f"{name}.onnx", degree)), flush=True)
    return 0


def row(name: str, found: Found) -> str:
    rotations = " ".join(f"{k}:{n}" for k, n in found.rotations.items())
    return (
        f"{name}: N={found.degree} up={found.uploads} rotations={rotations} products={found.products} "
        f"galois={sum(found.keys().values())} keys={found.megabytes():.1f}MB predicted={1e3 * found.cost:.1f}ms "
        f"search={found.seconds:.1f}s"
    )


def search(model: Path, degree: int) -> Found:
    """Layouts of a model as it would be wholly in HE."""
    module = in_he(Fold()(import_model(model)))
    samples = Samples(module)
    nodes = merge(build(module, samples), frozenset(module.outputs))
    primes = _primes(nodes)
    largest = max(samples.size(node.like) for node in nodes)
    batching = Batching.choose(degree // 2, samples.batch, largest)
    sizes = {n.result: (1.0, 1.0) for n in nodes}  # they matter to scales alone
    levels = {name: k - 1 for name, k in primes.items()}
    layouts = Search(samples, batching, degree, levels, sizes, frozenset(), Prices.shipped().he)
    start = process_time()
    best = layouts.best(nodes)
    steps = with_fewer_keys(best.steps)
    for step in steps:
        primes.setdefault(step.result, primes.get(step.like, 1))
    return Found(steps, primes, degree, process_time() - start, best.cost)


def in_he(module: Module) -> Module:
    """Every op in HE between a client's input and a client's output, squares for activations."""
    ops, renamed = list[Op](), dict[str, str]()
    values = dict(module.values)
    for name in module.inputs:
        renamed[name] = f"{name}.he"
        values[renamed[name]] = replace(values[name], domain=Domain.HE)
        ops.append(Op("convert.client_to_he", (name,), (renamed[name],), {}, "enter", Domain.HE))
    for op in module.ops:
        operands = tuple(renamed.get(o, o) for o in op.operands)
        if op.name == "Sigmoid":
            renamed[op.results[0]] = operands[0]  # the client's own
        elif op.name in ACTIVATIONS:
            ops.append(Op("Mul", (operands[0], operands[0]), op.results, {}, op.loc, Domain.HE))
        else:
            ops.append(replace(op, operands=operands, domain=Domain.HE))
    outputs = []
    for name in module.outputs:
        ops.append(Op("reveal.he_to_client", (renamed.get(name, name),), (f"{name}.out",), {}, "leave", Domain.HE))
        values[f"{name}.out"] = values[name]
        outputs.append(f"{name}.out")
    return replace(module, ops=tuple(ops), values=values, outputs=tuple(outputs))


def _primes(nodes: list[Node]) -> dict[str, int]:
    """Data primes of every value: linear maps from it to the end, on the longest path, its own included."""
    primes: dict[str, int] = {}
    for node in reversed(nodes):
        mine = primes.setdefault(node.result, 0) + (node.kind == "linear")
        primes[node.result] = max(mine, 1)
        for name in node.operands:
            primes[name] = max(primes.get(name, 0), mine)
    return primes


if __name__ == "__main__":
    raise SystemExit(main())

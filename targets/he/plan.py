"""Choose ring, batching, layouts, levels and scale together for a module."""

from dataclasses import dataclass

from ppc.ir.module import Module
from ppc.targets.he.graph import Node, build, depth
from ppc.targets.he.levels import plan_levels
from ppc.targets.he.merge import merge
from ppc.targets.he.noise import TAIL, UNEVEN, Noise
from ppc.targets.he.packing import Batching
from ppc.targets.he.parameters import MODULUS_BITS, Demand, Parameters, candidates, nothing_fits
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.sample import Samples
from ppc.targets.he.select import Chosen, Search

#: Absolute value assumed for an intermediate value of unknown range, where it multiplies noise.
UNKNOWN_SIZE = 8.0
#: Error allowed (6 sigma) in a value that leaves HE, relative to its range (or to 1), unless the module's attribute
#: "he.error" says: a value that goes on in shares is to be exact to about their last bits; flooding is noise by design.
SHARED_ERROR, REVEALED_ERROR, FLOODED_ERROR = 2.0**-12, 2.0**-10, 2.0**-4


@dataclass(frozen=True)
class Program:
    """The HE part of a module, fully decided."""

    steps: tuple[Chosen, ...]
    parameters: Parameters
    batching: Batching
    error: float  # bound (6 sigma) of the error of the worst value that leaves, as a share of what is allowed


@dataclass(frozen=True)
class _Draft:
    """A node seen as a step of level planning, before layouts are known."""

    node: Node

    @property
    def operands(self) -> tuple[str, ...]:
        return self.node.operands

    @property
    def result(self) -> str:
        return self.node.result

    @property
    def levels(self) -> int:
        return 0 if self.node.kind == "view" else depth(self.node)

    @property
    def exit(self) -> str:
        return self.node.op.name if self.node.kind == "leave" else ""


def privacy_of(module: Module, node: Node) -> str:
    """How a revealed ciphertext protects the weights: as its op says, else flooding where others' secrets are in it."""
    said = node.op.attrs.get("privacy")
    if said is not None:
        return str(said)
    label = module.values[node.operands[0]].label
    return "public weights" if label is not None and label.flows_to("client") else "flooding"


def plan_module(module: Module, primitives: Primitives) -> Program | None:
    """Decide everything, or None for a module without HE. Raises UserError PPC4101 where nothing fits."""
    samples = Samples(module)
    nodes = merge(build(module, samples), frozenset(module.outputs))
    if not nodes:
        return None
    leaving = [n for n in nodes if n.kind == "leave"]
    revealed = {n.operands[0]: privacy_of(module, n) for n in leaving if n.op.name == "reveal.he_to_client"}
    flooded = [name for name, how in revealed.items() if how == "flooding"]
    demand = Demand.of([_bound(module, n.like) for n in leaving], bool(flooded))
    drafts = [_Draft(node) for node in nodes]
    reached: list[float] = []
    for degree in sorted(MODULUS_BITS):
        if next(candidates(degree, drafts, demand), None) is None:
            continue
        largest = max(samples.size(n.like) for n in nodes)
        batching = Batching.choose(degree // 2, samples.batch, largest)
        guess = plan_levels(drafts, lambda name: int(name == "convert.he_to_mpc"))
        level_of = {d.result: level for d, level in zip(drafts, guess.run, strict=True) if not d.exit}
        search = Search(samples, batching, degree, level_of, frozenset(revealed), primitives)
        steps = search.run(nodes)
        for found in candidates(degree, steps, demand):
            worst = _error(module, steps, found, flooded)
            reached.append(worst)
            if worst <= 1.0:
                return Program(steps, found, batching, worst)
    raise nothing_fits(drafts, demand, min(reached, default=None))


def _bound(module: Module, name: str) -> float | None:
    value = module.values.get(name)
    return None if value is None or value.range is None else max(abs(value.range[0]), abs(value.range[1]))


def _error(module: Module, steps: tuple[Chosen, ...], found: Parameters, flooded: list[str]) -> float:
    """The largest error of a value that leaves, as a multiple of what is allowed; fills in the flooding bits."""
    noise = Noise(found.degree, found.scale_bits)
    of = noise.propagate(steps, found.plan, lambda name: _bound(module, name) or UNKNOWN_SIZE)
    worst = 0.0
    for step in steps:
        if not step.exit:
            continue
        deviation = of[step.operands[0]]
        uneven = deviation * UNEVEN
        floods = step.exit == "reveal.he_to_client" and step.op.operands[0] in flooded
        if floods:
            bits = noise.flood_bits(deviation)
            found.flood_bits[step.result] = bits
            uneven = (uneven**2 + noise.flooded(bits) ** 2) ** 0.5
        size = max(1.0, _bound(module, step.like) or 1.0)
        worst = max(worst, TAIL * uneven / size / _allowed(module, step.exit, floods))
    return worst


def _allowed(module: Module, exit: str, floods: bool) -> float:
    said = module.attrs.get("he.error")
    if isinstance(said, (int, float)):
        return float(said)
    if exit == "convert.he_to_mpc":
        return SHARED_ERROR
    return FLOODED_ERROR if floods else REVEALED_ERROR

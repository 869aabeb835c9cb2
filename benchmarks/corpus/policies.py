"""The policies of the table: who may compute, what is placed by hand, and what the search is to be best in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.corpus.models import Model
from ppc.compiler.frontend.onnx_import import import_model
from ppc.compiler.stages import Placing
from ppc.ir.module import Op
from ppc.ir.policy import DEFAULT, Policy, parse_policy, print_policy
from ppc.ir.policy.bind import node_name
from ppc.ir.types import Domain
from ppc.passes.approximate import Approximate
from ppc.passes.fold import Fold
from ppc.passes.label_flow import LabelFlow

#: What "linear in HE" places there, where HE can run the node.
LINEAR = frozenset({"Conv", "Gemm", "MatMul", "AveragePool", "GlobalAveragePool"})


@dataclass(frozen=True)
class Rules:
    """A policy of the table: the default one, these targets, and what is added to it."""

    about: str
    targets: tuple[str, ...]
    lines: tuple[str, ...] = ()
    pins: Callable[[Model], list[str]] | None = None
    network: str | None = None
    objective: str | None = None

    def policy(self, model: Model) -> Policy:
        pins = self.pins(model) if self.pins else []
        text = "\n".join([print_policy(DEFAULT), *self.lines, *pins, ""])
        return parse_policy(text, "benchmark") if self.lines or pins else DEFAULT


def linear_in_he(model: Model) -> list[str]:
    """Every node of LINEAR that HE can run, by the candidates of the compiler's own judgement."""
    return [f'place node "{name}" in he' for name in dict.fromkeys(map(node_name, _linear(model)))]


def last_block_shared(model: Model) -> list[str]:
    """The last linear node in HE, what it reads in MPC, the rest where it is cheapest: all engines in one plan."""
    *_, last = _linear(model)
    return [f'place node "{node_name(last)}" in he']


def _linear(model: Model) -> list[Op]:
    imported = import_model(model.path, **model.options)
    folded = Fold()(imported)
    module = Approximate().run(LabelFlow(DEFAULT, imported).run(folded))
    table = Placing(DEFAULT.resolve(folded, imported)).candidates(module)
    return [o for o in module.ops if o.name in LINEAR and Domain.HE in table.of(o)]


SHARES, HE, ALL = ("mpc", "client"), ("he", "mpc", "client"), ("he", "mpc", "tee", "client")
ENCLAVE = ("allow simulated tee",)

CORPUS: Mapping[str, Rules] = {
    "tee": Rules("everything allowed, the enclave simulated", (*ALL, "server"), ENCLAVE),
    "mpc": Rules("MPC + client", SHARES),
    "he pinned": Rules("HE + MPC + client, linear layers placed in HE", HE, pins=linear_in_he),
    "he+mpc": Rules("HE + MPC + client, the optimum (latency, LAN)", HE),
}
LIGHT: Mapping[str, Rules] = {
    "light": Rules("HE + MPC + TEE, the optimum", ALL, ENCLAVE),
    "light mixed": Rules("HE + MPC + TEE, the last linear layer placed in HE", ALL, ENCLAVE, last_block_shared),
    "light mpc": Rules("MPC + client", SHARES),
}
POLICIES: Mapping[str, Rules] = {**CORPUS, **LIGHT}

"""The policies of the table: who may compute, what is placed by hand, and what the search is to be best in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
    """A policy of the table: `text` (the default one), these targets, and what is added to it."""

    about: str
    targets: tuple[str, ...]
    lines: tuple[str, ...] = ()
    pins: Callable[[Model, Policy], list[str]] | None = None
    text: str = field(default_factory=lambda: print_policy(DEFAULT))
    secure: bool = True  # else plans are compiled and run in clear mode only

    def policy(self, model: Model) -> Policy:
        policy = parse_policy("\n".join([self.text, *self.lines, ""]), "benchmark")
        if self.pins is None:
            return policy
        return parse_policy("\n".join([print_policy(policy), *self.pins(model, policy), ""]), "benchmark")


def linear_in_he(model: Model, policy: Policy) -> list[str]:
    """Every node of LINEAR that HE can run, by the candidates of the compiler's own judgement."""
    return [f'place node "{name}" in he' for name in dict.fromkeys(map(node_name, _linear(model, policy)))]


def last_in_he(model: Model, policy: Policy) -> list[str]:
    """The last linear node in HE, the rest where it is cheapest."""
    *_, last = _linear(model, policy)
    return [f'place node "{node_name(last)}" in he']


def _linear(model: Model, policy: Policy) -> list[Op]:
    imported = import_model(model.path, **model.options)
    folded = Fold()(imported)
    module = Approximate().run(LabelFlow(policy, imported).run(folded))
    table = Placing(policy.resolve(folded, imported)).candidates(module)
    return [o for o in module.ops if o.name in LINEAR and Domain.HE in table.of(o)]


SHARES, HE, ALL = ("mpc", "client"), ("he", "mpc", "client"), ("he", "mpc", "tee", "client")
ENCLAVE = ("allow simulated tee",)
#: Without somebody who deals randomness there is no MPC; what HE cannot do the client does, who therefore sees it.
AIDED = """party client, server
input * secret of client
weight * secret of server
output * reveal to client because "the client asked for its own prediction"
allow client to see activations because "the client computes what HE cannot"
trust client semi_honest
trust server semi_honest
"""

CORPUS: Mapping[str, Rules] = {
    "tee": Rules("everything allowed, the enclave simulated", (*ALL, "server"), ENCLAVE),
    "mpc": Rules("MPC + client", SHARES),
    "he pinned": Rules("HE + MPC + client, linear layers placed in HE", HE, pins=linear_in_he),
    "he+mpc": Rules(
        "HE + MPC + client, the optimum (latency, LAN): not run, most plans are those of mpc", HE, secure=False
    ),
    "no dealer": Rules(
        "HE + client, the optimum where there is no dealer and the client sees activations", HE, text=AIDED
    ),
}
LIGHT: Mapping[str, Rules] = {
    "light": Rules("HE + MPC + TEE, the optimum", ALL, ENCLAVE),
    "light mixed": Rules("HE + MPC + TEE, the last linear layer placed in HE", ALL, ENCLAVE, last_in_he),
}
POLICIES: Mapping[str, Rules] = {**CORPUS, **LIGHT}

"""What a party may see in clear, before anything is placed; and which sources each value depends on."""

from collections.abc import Mapping

from ppc.ir.module import Module
from ppc.ir.parameters import parameters_of
from ppc.ir.policy.bind import ResolvedPolicy


def visible(module: Module, policy: ResolvedPolicy, party: str) -> frozenset[str]:
    """Names of the values that `party` may see: the least set with

    - what only depends on its own secrets,
    - what the policy lets it learn (`output`, `reveal`, and what such a value only moves the elements of;
      `allow ... to see activations`: everything),
    - whatever it can compute from such values and from constants it may know (post-processing).
    """
    if party in policy.activations and not policy.non_interactive:
        return frozenset(module.values)
    seen = {g.value for g in policy.grants if g.party == party}
    seen |= {v for v, known in module.values.items() if known.label is not None and known.label.flows_to(party)}
    for op in module.ops:
        if parameters_of(op) and not policy.parameter_label.flows_to(party):
            continue
        if all(o in seen or _knows_constant(module, o, party) for o in op.operands if o):
            seen |= set(op.results)
    return frozenset(seen)


def _knows_constant(module: Module, name: str, party: str) -> bool:
    return name.startswith("@") and module.constants[name].label.flows_to(party)


def sources(module: Module, policy: ResolvedPolicy) -> Mapping[str, frozenset[str]]:
    """Which of the inputs and "@weights" that a policy line keeps from a domain each value is computed from."""
    found = {name: frozenset({name}) & policy.watched for name in module.inputs}
    found |= {name: policy.weight_sources(name, c.sha256) for name, c in module.constants.items()}
    for op in module.ops:
        union = frozenset[str]().union(*(found[o] for o in op.operands if o))
        found |= dict.fromkeys(op.results, union)
    return found

"""Integrity: which parties could alter a value unseen, by the representation in which it was computed.

The dual of confidentiality (Biba 1977): a value is as sound as the least sound party that computed it. A party may
always choose its own inputs and weights; that is no alteration. No protocol here proves a computation, so whoever
computes is believed; the enclave alone is attested.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ppc.ir.diagnostic import Diagnostic
from ppc.ir.module import Module
from ppc.ir.policy import ast
from ppc.ir.policy.patterns import bind_names
from ppc.ir.types import Domain
from ppc.runtime.places import Holders
from ppc.runtime.schema import StepSpec

#: Who computes in a domain, and so could compute something else; the holders of shares beside it.
_COMPUTES: Mapping[str, frozenset[str]] = {
    "he": frozenset({"server"}),
    "mpc": frozenset({"dealer"}),
    "tee": frozenset({"enclave"}),
    "client": frozenset({"client"}),
    "server": frozenset({"server"}),
}


def computes(domain: str, pair: Holders) -> frozenset[str]:
    """Who computes in a domain, where `pair` holds the shares."""
    return _COMPUTES[domain] | (frozenset(pair) if domain == "mpc" else frozenset())


def holds(domain: str, pair: Holders) -> frozenset[str]:
    """Who holds a value in a representation, and so could pass on another one. The client's input is its own choice."""
    if domain == "mpc":
        return frozenset(pair)
    return frozenset() if domain == "client" else _COMPUTES[domain]


@dataclass(frozen=True, slots=True)
class Intact:
    """`party` (role) may have no part in computing `output`."""

    output: str
    origin: tuple[str, int]  # the result that it is (`ppc.ir.policy.bind.Origin`)
    party: str
    at: ast.Line


def bind_integrity(
    policy: ast.Policy, module: Module, origins: Mapping[str, tuple[str, int]], found: list[Diagnostic]
) -> Iterator[Intact]:
    """`origins` of values. Adds PPC2010 to `found` where a pattern matches no output."""
    for s in policy.all(ast.Integrity):
        bound, unmatched = bind_names(s, s.patterns, {v: (v,) for v in module.outputs}, "output")
        found += unmatched
        for output in bound:
            yield from (Intact(output, origins[output], _role(policy, party), s.at) for party in s.parties)


def denied_by_integrity(
    rules: Iterable[Intact], module: Module, pair: Holders
) -> Iterator[tuple[str, Domain, ast.Line]]:
    """(node, domain, line): where the nodes that lead to such an output may not run."""
    for rule in rules:
        domains = [d for d in Domain if rule.party in computes(d.value, pair)]
        needed = {rule.output}
        for op in reversed(module.ops):
            if needed & set(op.results):
                needed |= set(op.operands)
                yield from ((op.loc or op.results[0], d, rule.at) for d in domains)


def altered_by(spec: StepSpec, operands: Iterable[tuple[frozenset[str], bool]], pair: Holders) -> frozenset[str]:
    """Who could have made the result of a step another value: whoever could alter an operand, held one or computed.
    `operands`: who could alter each, and whether it depends on a reveal; `pair`: the holders of shares."""
    found, late = frozenset[str](), False
    for parties, depends in operands:
        found, late = found | parties, late or depends
    if spec.reads is None:
        return found
    if spec.reads == spec.writes:
        return found | computes(spec.reads, pair)
    back = late and spec.reads == "client"  # what it passes on is not its own input
    return found | holds(spec.reads, pair) | (computes("client", pair) if back else frozenset())


def _role(policy: ast.Policy, party: str) -> str:
    return policy.roles.get(party, party)

"""Where nodes may run: `allow`, `deny`, `place` and `require integrity`, bound to the names of a module."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ppc.ir.diagnostic import Diagnostic, fail
from ppc.ir.module import Module, Op
from ppc.ir.policy import ast
from ppc.ir.policy.integrity import Intact, denied_by_integrity
from ppc.ir.policy.patterns import bind_names
from ppc.ir.types import Domain
from ppc.runtime.places import Holders

#: Scopes that match nodes; the others match what nodes depend on.
OF_NODES = ("node", "operator")

#: For each node: the domains it may not take, and the line that says so.
Denials = dict[str, dict[Domain, ast.Line]]

#: Which nodes, inputs or weights the patterns of a statement mean.
Matched = Callable[[ast.Allow | ast.Deny | ast.Place], frozenset[str]]


@dataclass(frozen=True)
class Places:
    """`nodes` by name; `sources`: (domain, inputs and "@weights" that it may not touch, line); `pins` by name."""

    nodes: Denials = field(default_factory=dict)
    sources: tuple[tuple[Domain, frozenset[str], ast.Line], ...] = ()
    pins: Mapping[str, tuple[Domain, ast.Line]] = field(default_factory=dict)


def bind_places(
    policy: ast.Policy,
    module: Module,
    before: Module,
    locs: Mapping[str, list[Op]],
    intact: Sequence[Intact],
    pair: Holders,
    found: list[Diagnostic],
) -> Places:
    """`before` is the module whose constants the policy names; `locs` the ops of each node, `pair` the
    holders of shares. Adds PPC2010 to `found`;
    raises UserError PPC2005 where two lines place a node differently."""
    nodes: Denials = {}
    sources: list[tuple[Domain, frozenset[str], ast.Line]] = []
    pools: dict[str, Mapping[str, Sequence[str]]] = {
        "input": {n: (n,) for n in module.inputs},
        "weight": {n: (n[1:],) for n in before.constants},
        "node": {n: (n,) for n in locs},
        "operator": {n: tuple({op.name for op in ops}) for n, ops in locs.items()},
    }

    def matched(s: ast.Allow | ast.Deny | ast.Place) -> frozenset[str]:
        bound, unmatched = bind_names(s, s.patterns, pools[s.scope or ""], s.scope or "")
        found.extend(unmatched)
        return frozenset(bound)

    def forbid(scope: str, names: Iterable[str], domain: Domain, line: ast.Line) -> None:
        if scope in OF_NODES:
            for node in names:
                nodes.setdefault(node, {}).setdefault(domain, line)
        elif names:
            sources.append((domain, frozenset(names), line))

    for s in policy.all(ast.Deny):
        if s.scope is not None:
            names = matched(s)
            for d in s.domains:
                forbid(s.scope, names, d, s.at)
    for scope, domain, names, line in _only(policy, matched):
        forbid(scope, pools[scope].keys() - names, domain, line)
    for node, domain, line in denied_by_integrity(intact, module, pair):
        forbid("node", [node], domain, line)
    return Places(nodes, tuple(sources), _pins(policy, matched))


def _only(policy: ast.Policy, matched: Matched) -> Iterator[tuple[str, Domain, frozenset[str], ast.Line]]:
    """For each domain that scoped `allow` lines name: what they cover (of nodes, inputs or weights), the first line."""
    covered: dict[tuple[str, Domain], tuple[frozenset[str], ast.Line]] = {}
    for s in policy.all(ast.Allow):
        if s.scope is None:
            continue
        names = matched(s)
        for d in s.domains:
            key = "node" if s.scope in OF_NODES else s.scope, d
            before, line = covered.get(key, (frozenset(), s.at))
            covered[key] = before | names, line
    for (scope, d), (names, line) in covered.items():
        yield scope, d, names, line


def _pins(policy: ast.Policy, matched: Matched) -> dict[str, tuple[Domain, ast.Line]]:
    pins: dict[str, tuple[Domain, ast.Line]] = {}
    for s in policy.all(ast.Place):
        for node in matched(s):
            domain, line = pins.setdefault(node, (s.domain, s.at))
            if domain is not s.domain:
                message = f"node '{node}' is placed in {s.domain} here and in {domain} at {line}"
                raise fail("PPC2005", message, node=node, source=str(s.at), excerpt=f"{line.text}\n{s.at.text}")
    return pins

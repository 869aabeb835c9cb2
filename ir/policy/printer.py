"""Policy -> its canonical text; `parse_policy` reads it back."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from ppc.ir.policy import ast
from ppc.ir.types import Domain


def print_policy(policy: ast.Policy) -> str:
    """One statement a line, ending in a newline."""
    return "".join(f"{print_statement(s)}\n" for s in policy.statements)


def print_statement(s: ast.Statement) -> str:
    return FORMS[type(s)](s)


def _names(patterns: Iterable[str]) -> str:
    return ", ".join("*" if p == "*" else json.dumps(p) for p in patterns)


def _domains(domains: Iterable[Domain]) -> str:
    return ", ".join(map(str, domains))


def _owned(s: ast.Owned) -> str:
    return f"{s.what} {_names(s.patterns)} {f'secret of {s.owner}' if s.owner else 'public'}"


def _reveal(s: ast.Reveal) -> str:
    if s.output:
        return f"output {_names(s.patterns)} reveal to {s.party} because {json.dumps(s.because)}"
    return f"reveal {_names(s.patterns)} to {s.party} because {json.dumps(s.because)}"


def _choice(word: str, s: ast.Allow | ast.Deny) -> str:
    return f"{word} {_domains(s.domains)}{f' for {s.scope} {_names(s.patterns)}' if s.scope else ''}"


def _network(s: ast.NetworkIs) -> str:
    bandwidth = f" bandwidth {number(s.bandwidth)} bps" if s.bandwidth is not None else ""
    return f"network {s.name}{bandwidth}{f' rtt {number(s.rtt)} s' if s.rtt is not None else ''}"


def _objective(s: ast.ObjectiveIs) -> str:
    weights = ", ".join(name if weight == 1.0 else f"{name} {number(weight)}" for name, weight in s.weights)
    return f"objective {'total ' if s.total else ''}{weights}"


def number(x: float) -> str:
    """Shortest text that reads back as the same float."""
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)


#: How each kind of statement is written; a kind that is missing here is none.
FORMS: dict[type[ast.Statement], Callable[[Any], str]] = {
    ast.Party: lambda s: f"party {s.name}" + (f" is {s.role}" if s.name != s.role else ""),
    ast.Owned: _owned,
    ast.Reveal: _reveal,
    ast.Trust: lambda s: f"trust {s.party} {s.level}",
    ast.AssumeTee: lambda s: f"assume tee {s.hardware} measured {json.dumps(s.measured)}",
    ast.SeeActivations: lambda s: f"allow {s.party} to see activations because {json.dumps(s.because)}",
    ast.AllowSimulatedTee: lambda s: "allow simulated tee",
    ast.AllowParameters: lambda s: f"allow parameters in plan because {json.dumps(s.because)}",
    ast.Allow: lambda s: _choice("allow", s),
    ast.Deny: lambda s: _choice("deny", s),
    ast.Place: lambda s: f"place {s.scope} {_names(s.patterns)} in {s.domain}",
    ast.Security: lambda s: f"require security >= {s.bits}",
    ast.NonInteractive: lambda s: "require non_interactive",
    ast.Integrity: lambda s: f"require integrity of output {_names(s.patterns)} against {', '.join(s.parties)}",
    ast.Limit: lambda s: f"limit {s.measure} <= {number(s.most)} {ast.MEASURES[s.measure]}".rstrip(),
    ast.ObjectiveIs: _objective,
    ast.Price: lambda s: f"price {s.what} {number(s.amount)} per {ast.TARIFF[s.what][0]}",
    ast.NetworkIs: _network,
}

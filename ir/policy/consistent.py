"""What must hold of a policy before it meets a model: its parties exist, and no line contradicts another."""

from collections.abc import Iterator

from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.policy import ast
from ppc.ir.syntax import suggest
from ppc.ir.types import Domain
from ppc.runtime.places import OUTSOURCED


def check_consistent(policy: ast.Policy) -> None:
    """Raises UserError PPC2003 (unknown party), PPC2005 (contradiction); all of them at once, at most 20."""
    found = [*_unknown_parties(policy), *_contradictions(policy)]
    if found:
        raise UserError(*found[:20])


def _unknown_parties(policy: ast.Policy) -> Iterator[Diagnostic]:
    roles = policy.roles
    for role in sorted({"client", "server"} - set(roles.values())):
        first = policy.all(ast.Party)[0]
        yield _about(first, "PPC2003", f"the policy names its parties, and none is the {role}", f"party {role}")
    pair = set(OUTSOURCED) & set(roles.values())
    if len(pair) == 1:
        first = next(p for p in policy.all(ast.Party) if p.role in pair)
        missing = next(role for role in OUTSOURCED if role not in pair)
        message = f"the policy names {pair.pop()}, and none is {missing}: two parties hold the shares"
        yield _about(first, "PPC2003", message, f"party {missing}")
    for s in policy.statements:
        for name in _named(s) - roles.keys() - ({"enclave"} if isinstance(s, ast.Trust | ast.Integrity) else set()):
            help = suggest(name, roles) or f"the parties are {', '.join(roles)}; `party {name} is client` names another"
            yield _about(s, "PPC2003", f"there is no party '{name}' in this policy", help)


def _named(s: ast.Statement) -> set[str]:
    """Parties that a statement names, but for the `party` lines themselves."""
    if isinstance(s, ast.Owned):
        return {s.owner} if s.owner is not None else set()
    if isinstance(s, ast.Integrity):
        return set(s.parties)
    return {s.party} if isinstance(s, ast.Reveal | ast.SeeActivations | ast.Trust) else set()


def _contradictions(policy: ast.Policy) -> Iterator[Diagnostic]:
    roles = policy.roles
    by_key: dict[tuple[str, str], ast.Statement] = {}
    for p in policy.all(ast.Party):
        for key in (("role", p.role), ("party", p.name)):
            yield from _twice(by_key, key, p, f"there can be one {key[0]} '{key[1]}'")
    for n in policy.all(ast.NetworkIs):
        yield from _twice(by_key, ("network", ""), n, "there can be one network")
    for o in policy.all(ast.ObjectiveIs):
        yield from _twice(by_key, ("objective", ""), o, "there can be one objective")
    for price in policy.all(ast.Price):
        yield from _twice(by_key, ("price", price.what), price, f"there can be one price of {price.what}")
    distrusted = {roles.get(t.party): t for t in policy.all(ast.Trust) if t.level == "malicious"}
    for t in policy.all(ast.Trust):
        if t.level != "malicious" and (other := distrusted.get(roles.get(t.party))):
            yield _about(t, "PPC2005", f"{t.party} is trusted here and called malicious at {other.at}", None)
    everywhere = {d: a for a in policy.all(ast.Allow) if a.scope is None for d in a.domains}
    for a in policy.all(ast.Allow):
        for d in a.domains if a.scope is not None else ():
            if d in everywhere:
                help = f"take {d} out of one of the two lines"
                yield _about(a, "PPC2005", f"{d} is allowed here for some, and for all at {everywhere[d].at}", help)
    wanted: dict[Domain, ast.Statement] = {d: a for a in policy.all(ast.Allow) for d in a.domains}
    for s in (*policy.all(ast.AssumeTee), *policy.all(ast.AllowSimulatedTee)):
        wanted.setdefault(Domain.TEE, s)
    for deny in policy.all(ast.Deny):
        for d in deny.domains:
            if deny.scope is None and d in wanted:
                help = f"remove one of the two, or write `deny {d} for node ...`"
                yield _about(deny, "PPC2005", f"{d} is denied here and allowed at {wanted[d].at}", help)


def _twice(
    known: dict[tuple[str, str], ast.Statement], key: tuple[str, str], s: ast.Statement, why: str
) -> Iterator[Diagnostic]:
    if key in known:
        yield _about(s, "PPC2005", f"{why}, and {known[key].at} has it already", None)
    known[key] = s


def _about(s: ast.Statement, code: str, message: str, help: str | None) -> Diagnostic:
    return Diagnostic(code, message, source=str(s.at), excerpt=s.at.text or None, help=help)

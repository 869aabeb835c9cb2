"""What may be trusted, and policies that trust it or do not: edits of the policy that was given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations

from ppc.ir.policy.ast import (
    Allow,
    AllowSimulatedTee,
    AssumeTee,
    Deny,
    NonInteractive,
    Owned,
    Party,
    Place,
    Policy,
    SeeActivations,
    Statement,
    Trust,
)
from ppc.ir.types import Domain
from ppc.runtime.places import OUTSOURCED

#: Name of the setting that is the given policy.
AS_GIVEN = "as given"
#: What a policy trusts beside the atoms where shares are held by two parties that own nothing.
OPERATORS = "operators"
#: Reason of the statement that lets the client see activations, where ppc adds it.
AIDED = "explored: the client helps"


@dataclass(frozen=True)
class Atom:
    """One thing that a policy may trust, or be willing to give away."""

    name: str
    what: str  # for a reader
    domain: Domain  # what it opens
    says: Callable[[Statement, Policy], bool]  # is this the statement?
    adds: Callable[[Policy], tuple[Statement, ...]]


def _role(policy: Policy, party: str) -> str:
    return policy.roles.get(party, party)


def _name(policy: Policy, role: str) -> str:
    """What the policy calls the party of a role."""
    return next((name for name, r in policy.roles.items() if r == role), role)


def _party(policy: Policy, role: str) -> tuple[Statement, ...]:
    """A line for a party that is missing where the policy lists its parties."""
    missing = policy.all(Party) and role not in policy.roles.values()
    return (Party(role, role),) if missing else ()


def _sees(policy: Policy) -> tuple[Statement, ...]:
    return (SeeActivations(_name(policy, "client"), AIDED),)


ATOMS = (
    Atom(
        "dealer",
        "a dealer that colludes with nobody",
        Domain.MPC,
        lambda s, p: isinstance(s, Trust) and _role(p, s.party) == "dealer",
        lambda p: (*_party(p, "dealer"), Trust(_name(p, "dealer"), "non_colluding")),
    ),
    Atom(
        "enclave",
        "TEE hardware, its maker, and the code in it",
        Domain.TEE,
        lambda s, p: (
            isinstance(s, AssumeTee | AllowSimulatedTee)
            or (isinstance(s, Trust) and _role(p, s.party) == "enclave" and s.level == "malicious")
        ),
        lambda p: (*_party(p, "enclave"), AssumeTee("sev_snp", "the enclave that is explored")),
    ),
    Atom(
        "activations",
        "the client sees activations, and so learns of the weights",
        Domain.CLIENT,
        lambda s, p: isinstance(s, SeeActivations) and _role(p, s.party) == "client",
        _sees,
    ),
)


@dataclass(frozen=True)
class Setting:
    """A policy and how it differs from the one that was given."""

    name: str
    policy: Policy
    trusts: frozenset[str]  # names of atoms


def settings(policy: Policy) -> list[Setting]:
    """Every combination of atoms, and the given policy with one other requirement changed."""
    given = trusted(policy)
    found = []
    for n in reversed(range(len(ATOMS) + 1)):
        for chosen in combinations(ATOMS, n):
            names = frozenset(a.name for a in chosen)
            found.append(Setting(_change(given, names), _with(policy, given, names), names))
    found += [Setting(name, p, given) for name, p in _others(policy)]
    if not set(OUTSOURCED) & set(policy.roles.values()):
        found.append(Setting(f"+ {OPERATORS}", _outsourced(policy), given | {OPERATORS}))
    return found


def _outsourced(policy: Policy) -> Policy:
    """The same with shares held by two parties that own nothing."""
    listed = policy.all(Party) or tuple(Party(name, role) for name, role in policy.roles.items())
    rest = (s for s in policy.statements if not isinstance(s, Party))
    added = (*(Party(role, role) for role in OUTSOURCED), *(Trust(role, "non_colluding") for role in OUTSOURCED))
    return replace(policy, statements=(*listed, *added[:2], *rest, *added[2:]), assumed=False)


def trusted(policy: Policy) -> frozenset[str]:
    """Names of the atoms that a policy has."""
    return frozenset(
        a.name
        for a in ATOMS
        if any(a.says(s, policy) and not _distrusts(s) for s in policy.statements)
        and not any(a.says(s, policy) and _distrusts(s) for s in policy.statements)
    )


def _distrusts(s: Statement) -> bool:
    return isinstance(s, Trust) and s.level != "non_colluding"


def _change(given: frozenset[str], wanted: frozenset[str]) -> str:
    parts = [f"+ {n}" for n in _ordered(wanted - given)] + [f"− {n}" for n in _ordered(given - wanted)]
    return ", ".join(parts) or AS_GIVEN


def _ordered(names: Iterable[str]) -> list[str]:
    wanted = set(names)
    return [a.name for a in ATOMS if a.name in wanted]


def _with(policy: Policy, given: frozenset[str], wanted: frozenset[str]) -> Policy:
    for atom in ATOMS:
        if atom.name in wanted - given:
            policy = _opened(replace(policy, statements=_without(policy, atom)), atom)
        elif atom.name in given - wanted:
            policy = replace(policy, statements=_without(policy, atom))
    return policy


def _without(policy: Policy, atom: Atom) -> tuple[Statement, ...]:
    return tuple(s for s in policy.statements if not atom.says(s, policy))


def _opened(policy: Policy, atom: Atom) -> Policy:
    """With the atom, and without what closes its domain to all nodes: an `allow` list that lacks it, a `deny`."""
    kept: list[Statement] = []
    listed = any(isinstance(s, Allow) and atom.domain in s.domains for s in policy.statements)
    for s in policy.statements:
        if isinstance(s, Deny) and s.scope is None and atom.domain in s.domains:
            rest = tuple(d for d in s.domains if d is not atom.domain)
            kept += [replace(s, domains=rest)] if rest else []
        elif isinstance(s, Allow) and s.scope is None and not listed:
            kept.append(replace(s, domains=(*s.domains, atom.domain)))
            listed = True
        else:
            kept.append(s)
    return replace(policy, statements=(*kept, *atom.adds(policy)), assumed=False)


def _others(policy: Policy) -> list[tuple[str, Policy]]:
    def changed(*statements: Statement) -> Policy:
        return replace(policy, statements=statements, assumed=False)

    found = []
    if policy.all(NonInteractive):
        rest = (s for s in policy.statements if not isinstance(s, NonInteractive))
        found.append(("− non_interactive", changed(*rest)))
    else:
        found.append(("+ non_interactive", changed(*policy.statements, NonInteractive())))
    if policy.all(Place):
        found.append(("− pins", without_pins(policy)))
    secret = [s for s in policy.statements if isinstance(s, Owned) and s.what == "weight" and s.owner is not None]
    public = any(isinstance(s, Owned) and s.what == "weight" and s.owner is None for s in policy.statements)
    if secret or not public:
        rest = (s for s in policy.statements if not (isinstance(s, Owned) and s.what == "weight"))
        found.append(("+ public weights", changed(*rest, Owned("weight", ("*",), None))))
    return found


def without_pins(policy: Policy) -> Policy:
    return replace(policy, statements=tuple(s for s in policy.statements if not isinstance(s, Place)))

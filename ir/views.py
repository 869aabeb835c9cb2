"""What the final check found out: who sees what, by which permission, and what has to be trusted for that."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ppc.ir.exposure import Holding, Soundness, holdings, leaks, soundness
from ppc.ir.label import Label
from ppc.ir.module import Module, Op, Stage
from ppc.ir.policy.bind import Origin, ResolvedPolicy
from ppc.ir.trust import assumptions
from ppc.runtime.places import OUTSOURCED

#: Why a party may see a value in clear.
Ground = Literal["own secrets only", "revealed", "computed from what it sees", "enclave trusted", "owner of the weight"]


@dataclass(frozen=True, slots=True)
class Sight:
    """A party sees one value (or "@constant") in clear."""

    value: str
    ground: Ground
    because: str = ""  # the policy's reason, for a reveal
    line: str = ""  # where the policy says so


@dataclass(frozen=True, slots=True)
class RevealLine:
    """A step in which a party learns a value."""

    step: str
    value: str
    node: str  # the node that computed it
    party: str
    because: str
    line: str


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that must be true for the plan to keep its promise."""

    text: str
    line: str  # the policy line that says so, or "assumed"
    used_by: tuple[str, ...]  # domains


@dataclass(frozen=True, slots=True)
class Views:
    """The result of `ppc.ir.check.check`: a plan that passed, and what follows from it."""

    sees: Mapping[str, tuple[Sight, ...]]  # by party; every role has a row
    reveals: tuple[RevealLine, ...]
    trust: tuple[Assumption, ...]
    leaks: tuple[str, ...]  # metadata that every party learns from the public plan
    holds: Mapping[str, tuple[Holding, ...]]  # by party: what it holds and cannot read
    soundness: tuple[Soundness, ...]  # who could alter each output
    unchecked: tuple[str, ...]  # what could not be judged at this stage


@dataclass(frozen=True, slots=True)
class Fact:
    """What the check knows of a value. The origin is the result that conversions carried here."""

    domain: str
    label: Label
    origin: Origin
    names: frozenset[str]  # of the origin and of every conversion on the way
    sources: frozenset[str]  # inputs and constants named in a `deny ... for`
    late: bool = False  # depends on a reveal
    altered_by: frozenset[str] = frozenset()  # parties that took part in computing it (`ppc.ir.policy.integrity`)


def views_of(
    module: Module,
    policy: ResolvedPolicy,
    facts: Mapping[str, Fact],
    reveals: Sequence[RevealLine],
    used: Iterable[str],
) -> Views:
    """Put together what a module that passed the check shows to whom."""
    shown = {r.value: r for r in reveals}
    unseen = policy.share_holders if policy.share_holders == OUTSOURCED else ()
    sees: dict[str, list[Sight]] = {party: [] for party in ("client", "server", *unseen, "dealer", "enclave")}
    for name, fact in facts.items():
        if fact.domain == "tee":
            sees["enclave"].append(Sight(name, "enclave trusted", line=_tee_line(policy)))
        elif fact.domain in ("client", "server"):
            sees[fact.domain].append(_sight(name, fact, shown.get(name)))
    for name, constant in module.constants.items():
        public = policy.weight_label(name, constant.sha256) == Label()
        sees["server"].append(Sight(name, "own secrets only" if public else "owner of the weight"))
    tee_ops = [op for op in module.ops if op.results and facts[op.results[0]].domain == "tee"]
    in_enclave = {o for op in tee_ops for o in op.operands if o.startswith("@")}
    sees["enclave"] += [Sight(name, "enclave trusted", line=_tee_line(policy)) for name in sorted(in_enclave)]
    by_text: dict[tuple[str, str], list[str]] = {}
    dealt = any(_is_protocol(op, facts) for op in module.ops)
    for text, line, domain in assumptions(used, policy, dealt):
        by_text.setdefault((text, line), []).append(domain)
    trust = tuple(Assumption(text, line, tuple(domains)) for (text, line), domains in by_text.items())
    rows = {party: tuple(sights) for party, sights in sees.items()}
    altered_by = {name: fact.altered_by for name, fact in facts.items()}
    return Views(
        rows,
        tuple(reveals),
        trust,
        tuple(leaks(module, policy)),
        holdings(module, policy.share_holders),
        tuple(soundness(module, altered_by)),
        tuple(_unchecked(module, policy)),
    )


def _is_protocol(op: Op, facts: Mapping[str, Fact]) -> bool:
    """An operator computed on shares, as opposed to a move."""
    moves = op.name.startswith(("convert.", "reveal.")) or op.name.endswith((".input", ".output"))
    return bool(op.results) and not moves and facts[op.results[0]].domain == "mpc"


def _sight(name: str, fact: Fact, reveal: RevealLine | None) -> Sight:
    if fact.label.flows_to(fact.domain):
        return Sight(name, "own secrets only")
    if reveal is not None:
        return Sight(name, "revealed", reveal.because, reveal.line)
    return Sight(name, "computed from what it sees")


def _tee_line(policy: ResolvedPolicy) -> str:
    return str(policy.tee.at) if policy.tee is not None else ""


def _unchecked(module: Module, policy: ResolvedPolicy) -> list[str]:
    limits = [
        f"limit {measure} <= {most:g} is judged by the costs, not here" for measure, most in policy.limits.items()
    ]
    early = ["HE security level and circuit privacy: levels are not chosen yet"] if module.stage < Stage.LOWERED else []
    return [*early, *limits]

"""For every node and every domain: may it run there, and if not, why not.

The reasons are kept: they are the why-not list of the report.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ppc.ir.approximation import without_polynomial
from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.module import Module, Op
from ppc.ir.parameters import parameters_of
from ppc.ir.policy.ast import Line, Security
from ppc.ir.policy.bind import ResolvedPolicy, node_name
from ppc.ir.printer import print_op
from ppc.ir.target import HE_SECURITY_BITS, Targets
from ppc.ir.types import Domain
from ppc.passes.visibility import sources, visible
from ppc.runtime.places import OWNERS

Kind = Literal["policy", "party", "trust", "label", "targets", "target"]

#: Parties that must exist for a domain to be there at all.
NEEDS = {
    Domain.HE: ("client", "server"),
    Domain.MPC: ("client", "server", "dealer"),
    Domain.TEE: (),  # `assume tee` or `allow simulated tee` brings the enclave
    Domain.CLIENT: ("client",),
    Domain.SERVER: ("server",),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node cannot run in a domain; `line` is the policy line behind it, if there is one."""

    kind: Kind
    text: str
    line: Line | None = None

    def __str__(self) -> str:
        return f"{self.text} ({self.line}: {self.line.text})" if self.line and self.line.text else self.text


@dataclass(frozen=True, slots=True)
class Candidates:
    """`table[first result of the op][domain]` is None where the op may run there, else the reason why not."""

    table: Mapping[str, Mapping[Domain, Reason | None]]
    #: Values that client and server may hold as shares, be it only on the way from one domain to another.
    shared: frozenset[str] = frozenset()

    def of(self, op: Op) -> tuple[Domain, ...]:
        """Where `op` may run."""
        return tuple(d for d, why in self.table[op.results[0]].items() if why is None)

    def why_not(self, op: Op) -> dict[Domain, Reason]:
        return {d: why for d, why in self.table[op.results[0]].items() if why is not None}


def candidates(
    module: Module, policy: ResolvedPolicy, targets: Targets, only: frozenset[Domain] | None = None
) -> Candidates:
    """The table for a LABELLED (or APPROXIMATED) module. `only` is `--targets`; client and server are no targets
    and stay. Raises UserError PPC3001 (a node has no candidate), PPC3002 (a node is placed where it cannot run)."""
    judge = _Judge(module, policy, targets, only)
    table: dict[str, dict[Domain, Reason | None]] = {}
    shared = set[str]()
    errors: list[Diagnostic] = []
    for op in module.ops:
        row = {d: judge.reason(op, d) for d in Domain}
        if (mpc := row[Domain.MPC]) is None or mpc.kind in ("target", "targets"):
            shared.update(op.results)
        pin = policy.pins.get(node_name(op))
        if pin is not None:
            domain, line = pin
            if (why := row[domain]) is not None:
                errors.append(_impossible_pin(op, module, domain, line, why))
                continue
            elsewhere = Reason("policy", f"the policy places this node in {domain}", line)
            row = {d: None if d is domain else why or elsewhere for d, why in row.items()}
        if all(row.values()):
            errors.append(_no_candidate(op, module, row))
        table[op.results[0]] = row
    if errors:
        raise UserError(*errors[:20])
    return Candidates(table, frozenset(shared))


@dataclass(frozen=True)
class _Judge:
    module: Module
    policy: ResolvedPolicy
    targets: Targets
    only: frozenset[Domain] | None

    def reason(self, op: Op, domain: Domain) -> Reason | None:
        rules: tuple[Callable[[Op, Domain], Reason | None], ...] = (
            self._denied,
            self._party,
            self._trust,
            self._label,
            self._narrowed,
            self._target,
        )
        return next((why for rule in rules if (why := rule(op, domain)) is not None), None)

    @cached_property
    def _sources(self) -> Mapping[str, frozenset[str]]:
        return sources(self.module, self.policy)

    @cached_property
    def _visible(self) -> Mapping[str, frozenset[str]]:
        return {party: visible(self.module, self.policy, party) for party in ("client", "server")}

    def _denied(self, op: Op, domain: Domain) -> Reason | None:
        if line := self.policy.denial(domain):
            return Reason("policy", f"the policy does not allow {domain}", line)
        if line := self.policy.node_denials.get(node_name(op), {}).get(domain):
            return Reason("policy", f"the policy denies {domain} for this node", line)
        tainted = frozenset[str]().union(*(self._sources[r] for r in op.results))
        for denied, names, line in self.policy.source_denials:
            if denied is domain and (hit := sorted(names & tainted)):
                return Reason("policy", f"it depends on '{hit[0].lstrip('@')}', which {domain} may not touch", line)
        if domain is Domain.HE and (need := self.policy.security_bits) > HE_SECURITY_BITS:
            line = next(s.at for s in self.policy.policy.all(Security) if s.bits == need)
            return Reason("policy", f"HE is planned with {HE_SECURITY_BITS} bits of security", line)
        if domain is Domain.MPC and (rule := self.policy.non_interactive):
            return Reason("policy", "mpc needs the client online, and the policy requires non_interactive", rule.at)
        return None

    def _party(self, op: Op, domain: Domain) -> Reason | None:
        missing = [p for p in self._needs(domain) if p not in self.policy.roles]
        return Reason("party", f"the deployment has no {missing[0]}") if missing else None

    def _trust(self, op: Op, domain: Domain) -> Reason | None:
        if domain is Domain.TEE:
            if self.policy.tee is None:
                text = "the policy trusts no enclave (`assume tee ... measured ...` or `allow simulated tee`)"
                return Reason("trust", text)
            if line := self.policy.distrust("enclave"):
                return Reason("trust", "the policy calls the enclave malicious", line)
        if domain in (Domain.HE, Domain.MPC):
            for party in self._needs(domain):
                if line := self.policy.distrust(party):
                    return Reason("trust", f"{domain} is secure against semi-honest parties; {party} is not", line)
        if domain is Domain.MPC:
            for party in self._needs(domain):
                if party not in OWNERS and self.policy.trust(party, "non_colluding") is None:
                    text = f"mpc needs a {party} that colludes with nobody (`trust {party} non_colluding`)"
                    return Reason("trust", text)
        return None

    def _needs(self, domain: Domain) -> tuple[str, ...]:
        """Parties that take part in a domain: the owners of secrets, and who holds shares where they do not."""
        others = [p for p in self.policy.share_holders if p not in OWNERS] if domain is Domain.MPC else []
        return (*NEEDS[domain], *others)

    def _label(self, op: Op, domain: Domain) -> Reason | None:
        if domain not in (Domain.CLIENT, Domain.SERVER):
            return None
        party = domain.value
        if parameters_of(op) and not self.policy.parameter_label.flows_to(party):
            return Reason("label", f"the {party} would hold trained parameters ({', '.join(parameters_of(op))})")
        for o in dict.fromkeys(op.operands):
            label = self.module.label_of(o) if o else None
            if label is None or label.flows_to(party) or o in self._visible[party]:
                continue
            secrets = " and of ".join(sorted(label.owners - {party}))
            what = f"weight '{o[1:]}'" if o.startswith("@") else f"'{o}'"
            return Reason("label", f"the {party} would see {what}, which depends on secrets of {secrets}")
        return None

    def _narrowed(self, op: Op, domain: Domain) -> Reason | None:
        if self.only is None or domain in self.only or domain in (Domain.CLIENT, Domain.SERVER):
            return None
        return Reason("targets", f"--targets leaves {domain} out ({', '.join(sorted(map(str, self.only)))})")

    def _target(self, op: Op, domain: Domain) -> Reason | None:
        target = self.targets.get(domain)
        if target is None:
            return Reason("target", f"no target for {domain} is installed")
        refusal = target.refuses(op, self.module)
        return Reason("target", refusal) if refusal else None


#: What helps when every domain is out, by the kind of reason; the first that occurs is shown.
_HELP: Iterable[tuple[Kind, str]] = (
    ("targets", "give --targets more domains"),
    ("trust", "trust more: `trust dealer non_colluding` opens mpc, `assume tee ...` opens tee"),
    ("policy", "relax one of the policy lines above, for this node alone if need be"),
    ("label", 'let a party see its operands: `allow client to see activations because "..."`'),
    ("party", "add the party to the deployment"),
    ("target", "replace the node in the model by others that ppc can run (`ppc ops` lists them)"),
)


def _no_candidate(op: Op, module: Module, row: Mapping[Domain, Reason | None]) -> Diagnostic:
    kinds = {why.kind for why in row.values() if why is not None}
    shown = print_op(without_polynomial(op), module.values)
    return Diagnostic(
        "PPC3001",
        f"no domain can run this {op.name}",
        node=node_name(op),
        excerpt="\n".join([shown, *(f"  {d}: {why}" for d, why in row.items())]),
        help=next(text for kind, text in _HELP if kind in kinds),
        facts={str(d): why.kind for d, why in row.items() if why is not None},
    )


def _impossible_pin(op: Op, module: Module, domain: Domain, line: Line, why: Reason) -> Diagnostic:
    return Diagnostic(
        "PPC3002",
        f"this {op.name} is placed in {domain}, where it cannot run: {why}",
        node=node_name(op),
        source=str(line),
        excerpt=line.text or print_op(op, module.values),
        help="remove one of the two lines" if why.line else f"place it elsewhere than in {domain}",
        facts={"placed by": str(line), "because": str(why.line or why.kind)},
    )

"""The stages of a compilation, one function each: the driver runs all of them, `ppc opt` any of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ppc.compiler.network import network_named
from ppc.ir.check import check
from ppc.ir.diagnostic import Diagnostic, UserError, fail
from ppc.ir.module import Module
from ppc.ir.objective import Objective
from ppc.ir.policy import Policy, ResolvedPolicy
from ppc.ir.policy.ast import Place
from ppc.ir.target import Cost, HeRung, Network, Targets
from ppc.ir.types import Domain
from ppc.ir.verify import verify
from ppc.ir.views import Views
from ppc.passes.approximate import ASSUMED_RANGE
from ppc.passes.assign.build import DOMAINS, Pricing, Rules
from ppc.passes.assign.measures import LIMITED
from ppc.passes.assign.search import Assign, Outcome
from ppc.passes.bound_reveals import BoundReveals
from ppc.passes.candidates import Candidates, candidates
from ppc.passes.check_ranges import CheckRanges
from ppc.passes.convert import Convert
from ppc.passes.lower import Lower
from ppc.runtime.places import OUTSOURCED
from ppc.targets.conversions import Conversions
from ppc.targets.he.batch_cost import FEWEST_SAMPLES
from ppc.targets.he.lower import lower_he
from ppc.targets.he.target import rungs
from ppc.targets.mpc.rules import MASKED_WEIGHTS
from ppc.targets.mpc.target import MpcTarget
from ppc.targets.prices import Prices
from ppc.targets.registry import load_targets

#: What using a domain costs once per session: keys, attestation, dealer material.
SETUP = {Domain.HE: Cost(seconds=0.3), Domain.MPC: Cost(seconds=0.05), Domain.TEE: Cost(seconds=0.3)}

#: Change of the outputs that polynomials may make where the policy sets no `error` limit.
APPROXIMATION_ERROR = 0.01

ALL = frozenset(DOMAINS)


@dataclass(frozen=True)
class Placing:
    """What placing the nodes of one module needs: the bound policy, the domains asked for, the prices."""

    resolved: ResolvedPolicy
    wanted: frozenset[Domain] = ALL
    network: str | None = None
    prices: Prices = field(default_factory=Prices.shipped, repr=False)
    targets: Targets = field(default_factory=load_targets, repr=False)  # at the same prices
    most_levels: int | None = None  # HE levels in a row, where fewer fit than the rungs of the ring have
    wished: Objective | None = None  # --objective; None: what the policy asks for

    @property
    def hides_weights(self) -> bool:
        """Circuit privacy: where the weights are secret, HE results leave under a uniform mask, so that no noise of
        theirs reaches the owner of the key."""
        return bool(self.resolved.any_weight.owners)

    @property
    def outsourced(self) -> bool:
        """Two parties that own nothing hold the shares."""
        return self.resolved.share_holders == OUTSOURCED

    @property
    def error_budget(self) -> float:
        """What polynomials may change the outputs by, relative to their ranges."""
        return self.resolved.limits.get("error", APPROXIMATION_ERROR)

    @property
    def pricing(self) -> Pricing:
        conversions = Conversions(self.hides_weights, self.prices, self.outsourced)
        targets: Targets = {**self.targets, Domain.MPC: self._mpc}
        return Pricing(targets, conversions, self._network(), SETUP, self.objective)

    @cached_property
    def _mpc(self) -> MpcTarget:
        """MPC as a target that chooses its tables by the objective."""
        objective, network = self.objective, self._network()
        return MpcTarget(prices=self.prices, judge=lambda cost: objective.value(cost, network, Domain.MPC))

    @property
    def objective(self) -> Objective:
        said = self.resolved.objective
        return said if self.wished is None else replace(self.wished, tariff=said.tariff)

    def _network(self) -> Network:
        return self.resolved.network if self.network is None else network_named(self.network)

    def recipients(self, module: Module) -> dict[str, tuple[Domain, ...]]:
        """Where each output has to be in clear; the client first."""
        learns = {(g.value, g.party) for g in self.resolved.grants if g.output}
        return {v: tuple(d for d in (Domain.CLIENT, Domain.SERVER) if (v, d.value) in learns) for v in module.outputs}

    def marked(self, module: Module) -> Module:
        """The module with what the price of MPC depends on beside its operators."""
        return replace(module, attrs={**module.attrs, MASKED_WEIGHTS: True}) if self.outsourced else module

    def candidates(self, module: Module) -> Candidates:
        return candidates(module, self.resolved, self.targets, self.wanted)

    def assign(self, module: Module, table: Candidates) -> Outcome:
        """Raises UserError PPC3003 where no assignment is legal."""
        most, batch = self.most_levels, module.attrs.get("batch", 1)
        batched = isinstance(batch, int) and batch >= FEWEST_SAMPLES
        rungs_ = [
            HeRung(r.degree, r.levels if most is None else min(r.levels, most), packed)
            for packed in ((False, True) if batched else (False,))
            for r in rungs().values()
        ]
        allowed = {r: frozenset(d for d, why in row.items() if why is None) for r, row in table.table.items()}
        rules = Rules(
            allowed,
            table.shared,
            self.recipients(module),
            interactive=self.resolved.non_interactive is None,
            refreshes=Domain.MPC in self.wanted and not self.outsourced,
            limits=self.resolved.limits,
        )
        return Assign(rules, self.pricing, tuple(rungs_)).search(module)

    def convert(self, module: Module) -> Module:
        because = {(g.value, g.party): g.because for g in self.resolved.grants}

        def reason(value: str, party: str) -> str:
            seen = self.resolved.activations.get(party)
            own = f"it depends on nothing but the {party}'s own secrets"
            return because.get((value, party)) or (seen.because if seen else own)

        return BoundReveals()(CheckRanges()(Convert(reason, self.recipients(module)).run(module)))

    def placed(self, module: Module) -> "Placed":
        """Assigned, converted and lowered. Where no CKKS parameters fit the nodes that the cheapest assignment puts
        under HE in a row, it is solved again with fewer levels, so that the value is refreshed on the way.

        Raises UserError PPC3003 where no assignment is legal, PPC4101 where none has parameters.
        """
        placing, table = self, self.candidates(module)
        outcome, notes = placing.assign(module, table), list[Diagnostic]()
        while True:
            converted = verified(placing.convert(outcome.module))
            try:
                lowered = verified(placing.lower(converted))
                return Placed(placing, table, outcome, converted, lowered, tuple(notes))
            except UserError as error:
                depth = outcome.he_levels
                if error.diagnostics[0].code != "PPC4101" or depth < 2:
                    raise
                placing, notes = replace(placing, most_levels=depth - 1), [_split(depth, error.diagnostics[0])]
                try:
                    outcome = placing.assign(module, table)
                except UserError:
                    raise error from None

    def lower(self, module: Module) -> Module:
        return Lower().run(self._mpc.lower(lower_he(module, self.prices)))

    def check(self, module: Module) -> Views:
        """The guarantee: raises UserError where a party would see what the policy does not allow."""
        return check(module, self.resolved)


@dataclass(frozen=True)
class Placed:
    """What placing gave: with which options, from which candidates, the outcome, its conversions and its lowering."""

    placing: Placing
    table: Candidates
    outcome: Outcome
    converted: Module
    lowered: Module
    notes: tuple[Diagnostic, ...]


def verified(module: Module) -> Module:
    verify(module)
    return module


def apart(placing: Placing, table: Candidates) -> list[Diagnostic]:
    """A note where nodes could run under MPC and others under HE or TEE, if values got from one to the other."""
    found = {d for row in table.table.values() for d, why in row.items() if why is None}
    others = " and ".join(str(d) for d in (Domain.HE, Domain.TEE) if d in found)
    if not placing.outsourced or Domain.MPC not in found or not others:
        return []
    pair = " and ".join(placing.resolved.share_holders)
    return [Diagnostic("PPC3007", f"no value gets from {others} to shares that {pair} hold, or back", severity="note")]


def _split(depth: int, why: Diagnostic) -> Diagnostic:
    message = f"no CKKS parameters carry {depth} levels in a row, so the plan refreshes values ({why.message})"
    return Diagnostic("PPC4102", message, severity="note", facts=why.facts)


def domains(names: tuple[str, ...]) -> frozenset[Domain]:
    """`--targets` as domains. Raises UserError PPC5002."""
    known = {str(d): d for d in DOMAINS}
    unknown = [n for n in names if n not in known]
    if unknown:
        raise fail("PPC5002", f"there is no target {unknown[0]!r}", help=f"targets are {', '.join(known)}")
    return frozenset(known[n] for n in names)


def objective_of(text: str | None) -> Objective | None:
    """`--objective` as an objective; None: the policy's. Raises UserError PPC5011."""
    try:
        return None if text is None else Objective.parse(text)
    except ValueError as why:
        help = "latency, throughput, traffic or money; `total money`; or a weighting: latency=1,money=20"
        raise fail("PPC5011", f"{text!r} is no objective: {why}", help=help) from None


def without_pins(policy: Policy) -> Policy | None:
    """The policy without its `place` lines; None where it has none."""
    if not policy.all(Place):
        return None
    return replace(policy, statements=tuple(s for s in policy.statements if not isinstance(s, Place)))


def assumed_ranges(module: Module) -> list[Diagnostic]:
    """A warning for each polynomial whose range nobody measured."""
    lo, hi = ASSUMED_RANGE
    return [
        Diagnostic(
            "PPC4001",
            f"{op.name} runs under HE as a polynomial on an assumed range [{lo:g}, {hi:g}]",
            severity="warning",
            node=op.loc,
            help="measure the range: --calibrate data.npz",
        )
        for op in module.ops
        if op.domain is Domain.HE and "he_coefficients" in op.attrs
    ]


def within_limits(
    resolved: ResolvedPolicy,
    predicted: Mapping[str, Any],
    uses: Mapping[str, tuple[float, float]],
    measured: frozenset[str] = frozenset(),
) -> list[Diagnostic]:
    """Judge the policy's limits: latency and traffic by the costs of the plan as it was lowered, others by those of its
    nodes (`uses`: what is used, and what may be). PPC3004 (error) where one is broken, PPC3005 (warning) for those
    that are not predicted and not `measured` later."""
    found = []
    told = {"latency": predicted["seconds"], "traffic": predicted["bytes"]}
    judged = {m: (told[m], most) for m, most in resolved.limits.items() if m in told}
    judged |= {name: use for name, use in uses.items() if name not in told}
    for measure, (used, most) in judged.items():
        if used > most:
            help = "allow a cheaper target, relax the limit, or make the model smaller"
            unit = "s" if measure == "latency" else "B"
            message = f"{measure}: the plan that comes nearest takes {used:.4g} {unit}, the policy allows {most:.4g}"
            found.append(Diagnostic("PPC3004", message, facts={measure: used, "limit": most}, help=help))
    for measure, most in resolved.limits.items():
        if measure not in LIMITED and measure not in measured:
            message = f"the policy limits {measure} to {most:g}, which is not predicted yet: measure it with `ppc run`"
            found.append(Diagnostic("PPC3005", message, severity="warning"))
    return found

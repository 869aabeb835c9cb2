"""From a model and a policy to the files of a plan: every stage, in order, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ppc.compiler.accuracy.compiled import Measurement, judged
from ppc.compiler.approximated import composed, place_approximated
from ppc.compiler.artefacts import Compiled
from ppc.compiler.assemble import assemble
from ppc.compiler.calibration import calibration, labels_of, shapes
from ppc.compiler.frontend.load import ModelSource
from ppc.compiler.frontend.onnx_import import import_model
from ppc.compiler.outliers import outliers
from ppc.compiler.policy_file import policy_text
from ppc.compiler.price_table import PriceTable
from ppc.compiler.report.build import Findings, predicted
from ppc.compiler.stages import Placing, apart, assumed_ranges, domains, objective_of, within_limits, without_pins
from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.module import Array, Module
from ppc.ir.policy import DEFAULT, Policy, ResolvedPolicy, parse_policy, print_policy
from ppc.ir.verify import verify
from ppc.passes.assign.build import DOMAINS
from ppc.passes.calibrate import Calibrate, Seen, seen
from ppc.passes.fold import Fold
from ppc.passes.label_flow import LabelFlow
from ppc.runtime.blas import one_thread
from ppc.targets.registry import load_targets


@dataclass(frozen=True)
class Request:
    """What the user asked for. `policy` is a path or a Policy; None takes the default one, and says so."""

    model: ModelSource
    policy: "Path | str | Policy | PolicyText | None" = None
    targets: tuple[str, ...] = tuple(str(d) for d in DOMAINS)
    calibrate: Path | tuple[Mapping[str, Array], ...] | None = None  # a file of samples, or whole batches by input
    network: str | None = None
    objective: str | None = None  # as `Objective.parse` reads it; None: what the policy asks for, or latency
    batch: int = 1
    dims: Mapping[str, int] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)  # public values of inputs, part of the plan
    labels: str | None = None  # the right answers: the name of an array in the file of samples
    table: PriceTable = field(default_factory=PriceTable)  # what primitives cost

    @property
    def options(self) -> dict[str, object]:
        """What `ppc verify` needs to compile again, besides model, policy, batch and calibration data."""
        return {
            "targets": list(self.targets),
            "network": self.network,
            "objective": self.objective,
            "dims": dict(sorted(self.dims.items())),
            "fixed": dict(sorted(self.fixed.items())),
            "calibrated": self.calibrate is not None,
            "labels": self.labels,
            "prices": self.table.sha256,
        }


@dataclass(frozen=True)
class Planned:
    """A plan that was made and checked, before it is written down."""

    said: "PolicyText"
    resolved: ResolvedPolicy
    findings: Findings
    diagnostics: tuple[Diagnostic, ...]
    samples: tuple[Mapping[str, Array], ...]  # calibration data, by value
    error_budget: float


@one_thread()
def compile_model(request: Request) -> Compiled:
    """Compile. Raises UserError with every finding; nothing is written by this function.

    On one thread: the sums in what is measured do not depend on the number of cores, and products of small matrices
    do not wait for a core that others use.

    With calibration data the accuracy of the plan is measured, and judged by the policy's `error` limit (PPC4003)."""
    labels = labels_of(request.calibrate, request.labels)
    p = plan_model(request)
    name = Path(request.model).name if isinstance(request.model, (str, Path)) else p.findings.lowered.name
    limited = "error" in p.resolved.limits
    tried = Measurement(p.samples, labels, p.error_budget, limited) if p.samples else None
    made = assemble(name, p.said.policy, p.said.text, p.resolved, p.findings, request.options, p.diagnostics, tried)
    if tried is None:
        return made
    diagnostics = (*made.diagnostics, *judged(made.report["accuracy"], tried))
    if errors := [d for d in diagnostics if d.severity == "error"]:
        raise UserError(*errors)
    return replace(made, diagnostics=diagnostics)


@one_thread()
def plan_model(request: Request, rewrite: Callable[[Module], Module] = lambda module: module) -> Planned:
    """Every stage but the last, which writes the plan down. Raises UserError with every finding.

    `rewrite` changes the folded model: what if it were another one (`ppc suggest`)? No plan is written of that."""
    said = read_policy(request.policy)
    policy = said.policy
    imported, module = read_model(request)
    module = rewrite(module)
    prices = request.table.prices
    bound = policy.resolve(module, imported)
    targets = load_targets(prices)
    placing = Placing(
        bound, domains(request.targets), request.network, prices, targets, wished=objective_of(request.objective)
    )
    module = placing.marked(LabelFlow(policy, imported).run(module))
    samples: tuple[Mapping[str, Array], ...] = ()
    found: Mapping[str, Seen] = {}
    if request.calibrate is not None:
        samples = calibration(request.calibrate, module)
        found = seen(module, samples)
        module = Calibrate(found).run(module)
    module, placed = place_approximated(placing, module, samples)
    placing, outcome, lowered = placed.placing, placed.outcome, placed.lowered
    free_policy, free = without_pins(policy), None
    if free_policy is not None:
        unpinned = replace(placing, resolved=free_policy.resolve(module, imported))
        free = unpinned.assign(module, unpinned.candidates(module))

    views = placing.check(lowered)
    reasons = {op.results[0]: {d: str(r) for d, r in placed.table.why_not(op).items()} for op in outcome.module.ops}
    table = request.table.summary
    split = next((note.message for note in placed.notes if note.code == "PPC4102"), None)
    stages = placed.converted, lowered, views
    findings = Findings(outcome, free, reasons, *stages, placing.pricing, split, table, prices)
    diagnostics = [*request.table.notes, *placed.notes, *composed(outcome.module), *apart(placing, placed.table)]
    diagnostics += [] if request.calibrate is not None else assumed_ranges(outcome.module)
    diagnostics += outliers(outcome.module, found, len(samples))
    measured = frozenset({"error"} if samples else ())
    diagnostics += within_limits(placing.resolved, predicted(findings), outcome.uses, measured)
    if errors := [d for d in diagnostics if d.severity == "error"]:
        raise UserError(*errors)
    return Planned(said, placing.resolved, findings, tuple(diagnostics), samples, placing.error_budget)


def read_model(request: Request) -> tuple[Module, Module]:
    """The model as it was imported, and folded: what a policy is bound to (`Policy.resolve`)."""
    stored = shapes(request.calibrate)
    imported = import_model(
        request.model, batch=request.batch, dims=dict(request.dims), fixed=dict(request.fixed), samples=stored
    )
    verify(imported)
    return imported, Fold()(imported)


@dataclass(frozen=True)
class PolicyText:
    """A policy and the very text that its line numbers are about, so that `ppc verify` can compile again."""

    policy: Policy
    text: str


def read_policy(policy: Path | str | Policy | PolicyText | None) -> PolicyText:
    """A policy from a file, from text (anything with a line break or a blank), or as it is."""
    if policy is None:
        return PolicyText(DEFAULT, print_policy(DEFAULT))
    if isinstance(policy, PolicyText):
        return policy
    if isinstance(policy, Policy):
        text, source = print_policy(policy), policy.source
    elif isinstance(policy, str) and ("\n" in policy or " " in policy):
        text, source = policy, "policy"
    else:
        text, source = policy_text(Path(policy)), Path(policy).name
    return PolicyText(parse_policy(text, source), text)

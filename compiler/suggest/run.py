"""Every change that applies is tried: placed anew, run on the calibration data, and set beside the model as it is."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from ppc.compiler.accuracy.nodes import exact_outputs
from ppc.compiler.accuracy.statistics import Distance, accuracy, distance
from ppc.compiler.calibration import calibration, labels_of
from ppc.compiler.driver import Planned, Request, plan_model, read_model, read_policy
from ppc.compiler.report.build import predicted
from ppc.compiler.suggest.changes import CHANGES, Change, Samples, values_of
from ppc.ir.approximation import as_polynomial, degrees
from ppc.ir.diagnostic import Diagnostic, UserError, fail
from ppc.ir.module import Array, Module
from ppc.ir.policy import Policy
from ppc.ir.policy.ast import Place
from ppc.ir.types import Domain
from ppc.passes.fold import Fold
from ppc.runtime.blas import one_thread

#: Samples that changes are measured on, and batch sizes that are tried.
MOST_SAMPLES = 64
BATCHES = (16, 64)

#: A change helps where it saves at least this share of time or traffic (`helps`).
WORTH = 0.01


@dataclass(frozen=True)
class Suggestion:
    """One change, and the plan that the model would get with it. Costs are of one sample. `distance` is to the exact
    model as it is, of the plan in clear (polynomials included, rounding and noise not); None where nothing was run."""

    name: str
    what: str
    nodes: tuple[str, ...]
    exact: bool
    seconds: float
    traffic: float  # bytes, the dealer's included
    rounds: float
    domains: dict[str, int]
    degrees: tuple[int, ...]  # of the polynomials in HE
    distance: Distance | None
    accuracy: float | None
    pins_dropped: bool  # `place` lines of the policy fell away: no operator is left that they are for

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Suggestions:
    """`tried` are the changes that bring nothing; `left_out` says what was not tried, and why."""

    model: str
    samples: int
    accuracy: float | None  # of the exact model
    now: Suggestion
    helpful: tuple[Suggestion, ...]  # the most helpful first
    tried: tuple[Suggestion, ...]
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@one_thread()
def suggest(request: Request, model: str, seconds: float = 60.0, clock: Callable[[], float] = monotonic) -> Suggestions:
    """`seconds`: no change is begun after this time. Raises UserError for data or a model that cannot be used, and
    where the model as it is has no plan."""
    if request.calibrate is None:
        raise fail(
            "PPC5005", "changes are measured on calibration data, and none was given", help="--calibrate data.npz"
        )
    until = clock() + seconds
    trial = _Trial.of(request)
    now = trial.row(
        request, Change("now", "the model as it is", lambda module: [], lambda module, _: module, exact=True)
    )
    found, left_out = list[Suggestion](), list[str]()
    for change in CHANGES:
        if not change.nodes(trial.module):
            continue
        if clock() > until:
            left_out.append(f"{change.what}: no time left (--seconds)")
            continue
        try:
            if trial.changed(change) is trial.module:
                left_out.append(f"{change.what}: other nodes of the model do not allow it")
            else:
                found.append(trial.row(request, change))
        except UserError as e:
            left_out.append(f"{change.what}: no plan ({_first(e)})")
    for size in BATCHES:
        if size <= request.batch:
            continue
        if clock() > until:
            left_out.append(f"{size} samples a pass: no time left (--seconds)")
            continue
        try:
            found.append(_batched(request, size))
        except UserError as e:
            left_out.append(f"{size} samples a pass: {_first(e)}")
    helpful = sorted((row for row in found if helps(row, now)), key=lambda row: row.seconds * max(row.traffic, 1.0))
    return Suggestions(
        model, trial.samples, trial.accuracy, now, tuple(helpful),
        tuple(row for row in found if row not in helpful), tuple(left_out),
    )  # fmt: skip


def helps(row: Suggestion, now: Suggestion) -> bool:
    """Less time or traffic, and in proportion no more of the other: half the traffic for a tenth more time helps."""
    time, traffic = _ratio(row.seconds, now.seconds), _ratio(row.traffic, now.traffic)
    return min(time, traffic) < 1 - WORTH and time * traffic < 1 - WORTH


def _ratio(new: float, old: float) -> float:
    return new / old if old else float(new > 0) + 1.0


@dataclass(frozen=True)
class _Trial:
    """The model as it is: its module, what its values are on the samples, its outputs."""

    module: Module  # FOLDED
    batches: tuple[Mapping[str, Array], ...]
    values: Samples
    outputs: dict[str, Array]
    labels: NDArray[Any] | None

    @staticmethod
    def of(request: Request) -> "_Trial":
        assert request.calibrate is not None
        _, module = read_model(request)
        batches = calibration(request.calibrate, module)[: max(1, MOST_SAMPLES // request.batch)]
        values = values_of(module, batches)
        labels = labels_of(request.calibrate, request.labels)
        return _Trial(module, batches, values, {name: values[name] for name in module.outputs}, labels)

    @property
    def samples(self) -> int:
        rows = {self.values[name].shape[1] for name in self.module.inputs if self.values[name].ndim > 1}
        return len(self.batches) * (rows.pop() if len(rows) == 1 else 1)

    @property
    def accuracy(self) -> float | None:
        return self._right(self.outputs)

    def changed(self, change: Change) -> Module:
        return change.apply(self.module, self.values)

    def row(self, request: Request, change: Change) -> Suggestion:
        changed = Fold()(self.changed(change))
        policy = read_policy(request.policy).policy
        kept = _pins_kept(policy, _operators(self.module) - _operators(changed))
        if kept is not policy:
            request = replace(request, policy=kept)
        planned = plan_model(request, lambda module: changed)
        assigned = planned.findings.assigned.module
        ops = tuple(as_polynomial(op) if op.domain is Domain.HE else op for op in assigned.ops)
        got = exact_outputs(replace(assigned, ops=ops), self.batches)
        got = dict(zip(self.outputs, got.values(), strict=True))
        row = _costs(change.name, change.what, planned, request.batch)
        return replace(
            row,
            nodes=tuple(change.nodes(self.module)),
            exact=change.exact,
            distance=distance(got, self.outputs, len(self.batches) if self._in_passes() else self.samples),
            accuracy=self._right(got),
            pins_dropped=kept is not policy,
        )

    def _in_passes(self) -> bool:
        """Whether an output has no row a sample."""
        return any(
            array.shape[:2] != (len(self.batches), self.samples // len(self.batches)) for array in self.outputs.values()
        )

    def _right(self, outputs: Mapping[str, Array]) -> float | None:
        if self.labels is None or self._in_passes():
            return None
        known = min(self.samples, len(self.labels))
        return accuracy({v: a.reshape(self.samples, -1)[:known] for v, a in outputs.items()}, self.labels, known)


def _pins_kept(policy: Policy, gone: set[str]) -> Policy:
    """The policy without pins of operators that a change has replaced."""
    statements = []
    for s in policy.statements:
        if isinstance(s, Place) and s.scope == "operator":
            s = replace(s, patterns=tuple(p for p in s.patterns if p not in gone))
            if not s.patterns:
                continue
        statements.append(s)
    return policy if tuple(statements) == policy.statements else replace(policy, statements=tuple(statements))


def _batched(request: Request, size: int) -> Suggestion:
    planned = plan_model(replace(request, batch=size))
    return replace(_costs(f"batch-{size}", f"{size} samples a pass (--batch {size})", planned, size), exact=True)


def _operators(module: Module) -> set[str]:
    return {op.name for op in module.ops}


def _costs(name: str, what: str, planned: Planned, batch: int) -> Suggestion:
    cost, assigned = predicted(planned.findings), planned.findings.assigned.module
    domains: dict[str, int] = {}
    for op in assigned.ops:
        domains[str(op.domain)] = domains.get(str(op.domain), 0) + 1
    stages = tuple(d for op in assigned.ops if op.domain is Domain.HE for d in degrees(op))
    return Suggestion(
        name, what, (), False, cost["seconds"] / batch, (cost["bytes"] + cost["offline_bytes"]) / batch,
        cost["rounds"] / batch, dict(sorted(domains.items())),
        stages, None, None, False,
    )  # fmt: skip


def _first(error: UserError) -> str:
    first: Diagnostic = error.diagnostics[0]
    return f"{first.code}: {first.message}"

"""From a model and a policy to the files of a plan: every stage, in order, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppc.compiler.artefacts import Compiled
from ppc.compiler.calibration import load_calibration
from ppc.compiler.codegen import manifest as plan_json
from ppc.compiler.codegen.archive import npz_bytes
from ppc.compiler.codegen.emit import emit
from ppc.compiler.codegen.header import header
from ppc.compiler.frontend.load import ModelSource
from ppc.compiler.frontend.onnx_import import import_model
from ppc.compiler.report.build import Findings, build
from ppc.ir.check import check
from ppc.ir.diagnostic import Diagnostic, fail
from ppc.ir.module import Module
from ppc.ir.policy import DEFAULT, Policy, ResolvedPolicy, parse_policy, print_policy
from ppc.ir.policy.ast import AssumeTee
from ppc.ir.target import LAN, WAN, HeRung, Network
from ppc.ir.types import Domain
from ppc.ir.verify import verify
from ppc.ir.views import Views
from ppc.passes.approximate import ASSUMED_RANGE, Approximate
from ppc.passes.assign.problem import DOMAINS, Pricing
from ppc.passes.assign.search import Assign, Outcome
from ppc.passes.calibrate import Calibrate
from ppc.passes.candidates import Candidates, candidates
from ppc.passes.convert import Convert
from ppc.passes.fold import Fold
from ppc.passes.label_flow import LabelFlow
from ppc.passes.lower import Lower
from ppc.targets.conversions import Conversions
from ppc.targets.he.lower import lower_he
from ppc.targets.he.target import rungs
from ppc.targets.registry import load_targets

#: Seconds that using a domain costs once per session: keys, attestation, dealer material.
SETUP = {Domain.HE: 0.3, Domain.MPC: 0.05, Domain.TEE: 0.3}

#: Set-up is paid once for many passes; this many passes carry it in the objective.
PASSES_PER_SETUP = 100


@dataclass(frozen=True)
class Request:
    """What the user asked for. `policy` is a path or a Policy; None takes the default one, and says so."""

    model: ModelSource
    policy: Path | str | Policy | None = None
    targets: tuple[str, ...] = tuple(str(d) for d in DOMAINS)
    calibrate: Path | None = None
    network: str | None = None
    batch: int = 1
    dims: Mapping[str, int] = field(default_factory=dict)


def compile_model(request: Request) -> Compiled:
    """Compile. Raises UserError with every finding; nothing is written by this function."""
    warnings: list[Diagnostic] = []
    policy = read_policy(request.policy)
    imported = import_model(request.model, batch=request.batch, dims=dict(request.dims))
    verify(imported)
    module = Fold()(imported)
    resolved = policy.resolve(module, imported)
    module = LabelFlow(policy, imported).run(module)
    if request.calibrate is not None:
        module = Calibrate(load_calibration(request.calibrate, module)).run(module)
    module = Approximate().run(module)
    verify(module)

    network = _network(request.network, resolved)
    exits_through_shares = _exits_through_shares(resolved)
    pricing = Pricing(load_targets(), Conversions(exits_through_shares), network, _setup())
    wanted = _domains(request.targets)
    table = candidates(module, resolved, pricing.targets, wanted)
    recipients = {value: _recipient(value, resolved) for value in module.outputs}
    outcome = _assign(module, table, recipients, pricing)
    free = _without_pins(policy, imported, module, pricing, wanted, recipients)
    if request.calibrate is None:
        warnings += _assumed_ranges(outcome.module)

    because = {(g.value, g.party): g.because for g in resolved.grants}
    converted = Convert(
        because=lambda value, party: because.get((value, party)) or _reason(resolved, party),
        recipients=recipients,
        exits_through_shares=exits_through_shares,
    ).run(outcome.module)
    verify(converted)
    lowered = Lower().run(lower_he(converted))
    verify(lowered)
    views = check(lowered, resolved)
    return _files(request, policy, resolved, lowered, views, outcome, free, table, pricing, warnings)


def read_policy(policy: Path | str | Policy | None) -> Policy:
    """A policy from a file, from text (anything with a line break or a blank), or as it is."""
    if policy is None:
        return DEFAULT
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str) and ("\n" in policy or " " in policy):
        return parse_policy(policy, "policy")
    path = Path(policy)
    return parse_policy(path.read_text(encoding="utf-8"), path.name)


def _network(name: str | None, resolved: ResolvedPolicy) -> Network:
    if name is None:
        return resolved.network
    found = {"lan": LAN, "wan": WAN}.get(name)
    if found is None:
        raise fail("PPC5001", f"there is no network {name!r}", help="lan or wan, or a `network` line in the policy")
    return found


def _domains(names: tuple[str, ...]) -> frozenset[Domain]:
    known = {str(d): d for d in DOMAINS}
    unknown = [n for n in names if n not in known]
    if unknown:
        raise fail("PPC5002", f"there is no target {unknown[0]!r}", help=f"targets are {', '.join(known)}")
    return frozenset(known[n] for n in names)


def _setup() -> dict[Domain, float]:
    return {d: s / PASSES_PER_SETUP for d, s in SETUP.items()}


def _exits_through_shares(resolved: ResolvedPolicy) -> bool:
    """Circuit privacy: where the weights are secret, HE results leave as shares (one extra round) rather than under
    the client's key."""
    return bool(resolved.any_weight.owners)


def _recipient(value: str, resolved: ResolvedPolicy) -> Domain:
    party = next(g.party for g in resolved.grants if g.value == value)
    return Domain(party)


def _reason(resolved: ResolvedPolicy, party: str) -> str:
    seen = resolved.activations.get(party)
    return seen.because if seen else f"it depends on nothing but the {party}'s own secrets"


def _assign(
    module: Module,
    table: Candidates,
    recipients: Mapping[str, Domain],
    pricing: Pricing,
    choices: tuple[HeRung, ...] = (),
) -> Outcome:
    allowed = {result: frozenset(d for d, why in row.items() if why is None) for result, row in table.table.items()}
    return Assign(allowed, recipients, pricing, choices or tuple(rungs().values())).search(module)


def _without_pins(
    policy: Policy,
    imported: Module,
    module: Module,
    pricing: Pricing,
    wanted: frozenset[Domain],
    recipients: Mapping[str, Domain],
) -> Outcome | None:
    """What the optimiser would have chosen had the policy no `place` lines; None where it has none."""
    from dataclasses import replace

    from ppc.ir.policy.ast import Place

    if not policy.all(Place):
        return None
    free = replace(policy, statements=tuple(s for s in policy.statements if not isinstance(s, Place)))
    return _assign(
        module, candidates(module, free.resolve(module, imported), pricing.targets, wanted), recipients, pricing
    )


def _assumed_ranges(module: Module) -> list[Diagnostic]:
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


def _files(
    request: Request,
    policy: Policy,
    resolved: ResolvedPolicy,
    lowered: Module,
    views: Views,
    outcome: Outcome,
    free: Outcome | None,
    table: Candidates,
    pricing: Pricing,
    warnings: list[Diagnostic],
) -> Compiled:
    name = Path(request.model).name if isinstance(request.model, (str, Path)) else lowered.name
    reasons = {op.results[0]: {d: str(r) for d, r in table.why_not(op).items()} for op in outcome.module.ops}
    report = build(Findings(outcome, free, reasons, lowered, views, pricing))
    sources = {op.loc: op.name for op in outcome.module.ops}
    manifest: dict[str, Any] = plan_json.base(
        lowered,
        {
            "name": name,
            "sha256": f"sha256:{lowered.attrs['model_sha256']}",
            "inputs": _signature(lowered, "input"),
            "outputs": _signature(lowered, "output"),
        },
        {"sha256": f"sha256:{policy.sha256}", "assumed": policy.assumed, "text": print_policy(policy)},
    )
    server, public = npz_bytes(plan_json.arrays(lowered, public=False)), plan_json.arrays(lowered, public=True)
    manifest["server_file"] = plan_json.sha256(server)
    public_bytes = npz_bytes(public) if public else b""
    manifest["public_file"] = plan_json.sha256(public_bytes) if public else None
    manifest["options"] = {
        "targets": list(request.targets),
        "network": request.network,
        "dims": dict(sorted(request.dims.items())),
        "calibrated": request.calibrate is not None,
    }
    manifest["steps"] = plan_json.steps(lowered, sources)
    manifest["report"] = report
    manifest["tee"] = _tee(manifest, resolved)
    text = plan_json.dump(manifest)
    plan = emit(lowered, manifest["steps"], f"Plan for {name}, made by ppc.", header(manifest), plan_json.sha256(text))
    return Compiled(plan, text, server, public_bytes, manifest, lowered, outcome.module, tuple(warnings))


def _tee(manifest: Mapping[str, Any], resolved: ResolvedPolicy) -> dict[str, Any]:
    """What the enclave has to prove; empty where the plan has none."""
    if "tee" not in manifest["uses"]:
        return {}
    from ppc.runtime.tee.measure import measurement

    if isinstance(resolved.tee, AssumeTee):
        return {"kind": resolved.tee.hardware, "allow_simulated": False, "measurement": resolved.tee.measured}
    wanted = {"kind": "simulated", "allow_simulated": True}
    return {**wanted, "measurement": measurement({**manifest, "tee": wanted})}


def _signature(module: Module, end: str) -> list[dict[str, Any]]:
    """Name, dtype and shape of each input or output, as the steps take and give them."""
    rows = []
    for op in module.ops:
        if op.name.endswith(f".{end}"):
            value = module.values[op.results[0] if op.results else op.operands[0]]
            rows.append({"name": op.attrs["name"], "dtype": value.type.dtype, "shape": list(value.type.shape)})
    return rows

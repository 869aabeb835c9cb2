"""The files of a plan from everything a compilation found out."""

from collections.abc import Mapping
from typing import Any

from ppc.compiler.accuracy.compiled import Measurement
from ppc.compiler.artefacts import Compiled
from ppc.compiler.codegen import manifest as plan_json
from ppc.compiler.codegen.archive import npz_bytes
from ppc.compiler.codegen.emit import emit
from ppc.compiler.codegen.header import header
from ppc.compiler.report.build import Findings, build
from ppc.ir.diagnostic import Diagnostic
from ppc.ir.module import Module
from ppc.ir.policy import Policy, ResolvedPolicy
from ppc.ir.policy.ast import AssumeTee
from ppc.runtime.he.memory import server_memory


def assemble(
    name: str,
    policy: Policy,
    policy_text: str,
    resolved: ResolvedPolicy,
    findings: Findings,
    options: Mapping[str, Any],
    diagnostics: tuple[Diagnostic, ...],
    measurement: Measurement | None = None,
) -> Compiled:
    """`name` is the model's, `options` what a fresh compilation needs to give the same bytes (`ppc verify`).
    `measurement`: how accuracy is measured, where there is calibration data."""
    lowered = findings.lowered
    sources = {op.loc: op.name for op in findings.assigned.module.ops}
    manifest: dict[str, Any] = plan_json.base(
        lowered,
        {
            "name": name,
            "sha256": f"sha256:{lowered.attrs['model_sha256']}",
            "inputs": _signature(lowered, "input"),
            "outputs": _signature(lowered, "output"),
        },
        {"sha256": f"sha256:{policy.sha256}", "assumed": policy.assumed, "source": policy.source, "text": policy_text},
        resolved.share_holders,
    )
    secret, public = plan_json.arrays(lowered, public=False), plan_json.arrays(lowered, public=True)
    server = npz_bytes(secret)
    public_bytes = npz_bytes(public) if public else b""
    manifest["server_file"] = plan_json.sha256(server)
    manifest["public_file"] = plan_json.sha256(public_bytes) if public else None
    manifest["options"] = dict(options)
    manifest["steps"] = plan_json.steps(lowered, sources)
    manifest["report"] = build(findings)
    if manifest["he"]:
        manifest["report"]["he"]["memory_bytes"] = server_memory(manifest).total
    if measurement is not None:
        assigned = findings.assigned.module
        manifest["report"]["accuracy"] = measurement.measure(assigned, lowered, manifest, {**secret, **public})
    title, lines = f"Plan for {name}, made by ppc.", header(manifest)
    errors = {a["node"]: a["error"] for a in manifest["report"]["approximations"]}

    def plan(manifest_hash: str) -> str:
        return emit(lowered, manifest["steps"], title, lines, manifest_hash, errors, resolved.share_holders)

    manifest["program_file"] = plan_json.sha256(plan("").encode())
    manifest["tee"] = _tee(manifest, resolved)
    text = plan_json.dump(manifest)
    source = plan(plan_json.sha256(text))
    return Compiled(source, text, server, public_bytes, manifest, lowered, findings.assigned.module, diagnostics)


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
    rows: dict[Any, dict[str, Any]] = {}  # by name: an output may go to two parties
    for op in module.ops:
        if op.name.endswith(f".{end}"):
            value = module.values[op.results[0] if op.results else op.operands[0]]
            name = op.attrs["name"]
            rows[name] = {"name": name, "dtype": value.type.dtype, "shape": list(value.type.shape)}
    return list(rows.values())

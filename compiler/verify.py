"""`ppc verify`: do the files of a plan belong together, and are they what ppc makes of the model?"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ppc.compiler.driver import PolicyText, Request, compile_model, read_model, read_policy
from ppc.compiler.price_table import find
from ppc.compiler.recheck import judge, read_back, same_text
from ppc.ir.diagnostic import fail
from ppc.ir.policy import parse_policy
from ppc.runtime.plan import Plan


def verify_plan(
    plan: Path, *, model: Path | None, calibrate: Path | None, calibration: Path | None, weights: bool
) -> list[str]:
    """Lines saying what holds. Raises PartyError PPC6006 where files differ, UserError of the policy chapter where the
    steps break the policy, UserError PPC5006 where a fresh compile gives another plan."""
    loaded, _ = Plan.load(plan)
    said = [f"{plan.name} is a plan of straight-line steps and fits {plan.with_suffix('.json').name}"]
    arrays: dict[str, Any] = {}
    if weights and plan.with_suffix(".server.npz").exists():
        arrays = loaded.server_weights()
        said.append(f"{plan.with_suffix('.server.npz').name} fits")
    loaded.public_constants()
    if model is None:
        return said
    manifest = loaded.manifest
    options = manifest["options"]
    request = _request(manifest, model)
    said.append(_judged(plan, manifest, request, {**arrays, **loaded.public_constants()}))
    if options["calibrated"] and calibrate is None:
        raise fail("PPC5006", "the plan was compiled with calibration data", help="give the same file: --calibrate")
    fresh = compile_model(replace(request, calibrate=calibrate, table=find(options["prices"], calibration)))
    for name, made, found in (
        (plan.name, fresh.plan.encode(), plan.read_bytes()),
        (plan.with_suffix(".json").name, fresh.manifest_bytes, plan.with_suffix(".json").read_bytes()),
    ):
        if made != found:
            raise fail(
                "PPC5006",
                f"{name} is not what this ppc makes of {model.name}",
                help="see which model it was: plan.json, model.sha256",
            )
    return [*said, f"compiling {model.name} again gives the same bytes"]


def _request(manifest: Mapping[str, Any], model: Path) -> Request:
    """What the plan was made from, but for calibration data and prices."""
    options, policy = manifest["options"], manifest["policy"]
    return Request(
        model,
        None if policy["assumed"] else PolicyText(parse_policy(policy["text"], policy["source"]), policy["text"]),
        tuple(options["targets"]),
        network=options["network"],
        objective=options["objective"],
        batch=manifest["batch"],
        dims=options["dims"],
        fixed=options["fixed"],
        labels=options.get("labels"),
    )


def _judged(plan: Path, manifest: Mapping[str, Any], request: Request, arrays: Mapping[str, Any]) -> str:
    """The plan's own steps under its policy, bound to the model."""
    imported, folded = read_model(request)
    policy = read_policy(request.policy).policy.resolve(folded, imported)
    judge(manifest, arrays, policy)
    if not same_text(manifest, read_back(manifest, arrays, policy), plan.read_text(encoding="utf-8")):
        raise fail("PPC5006", f"{plan.name} is not the text of the steps in {plan.with_suffix('.json').name}")
    return f"its steps, read back, show nobody more than the policy in it allows, and {plan.name} is their text"

"""`ppc verify`: do the files of a plan belong together, and are they what ppc makes of the model?"""

from pathlib import Path

from ppc.compiler.driver import PolicyText, Request, compile_model
from ppc.compiler.price_table import find
from ppc.ir.diagnostic import fail
from ppc.ir.policy import parse_policy
from ppc.runtime.plan import Plan


def verify_plan(
    plan: Path, *, model: Path | None, calibrate: Path | None, calibration: Path | None, weights: bool
) -> list[str]:
    """Lines saying what holds. Raises PartyError PPC6006 where files differ, UserError PPC5006 where a fresh compile
    gives another plan."""
    loaded, _ = Plan.load(plan)
    said = [f"{plan.name} is a plan of straight-line steps and fits {plan.with_suffix('.json').name}"]
    if weights and plan.with_suffix(".server.npz").exists():
        loaded.server_weights()
        said.append(f"{plan.with_suffix('.server.npz').name} fits")
    loaded.public_constants()
    if model is None:
        return said
    manifest = loaded.manifest
    options, policy = manifest["options"], manifest["policy"]
    if options["calibrated"] and calibrate is None:
        raise fail("PPC5006", "the plan was compiled with calibration data", help="give the same file: --calibrate")
    fresh = compile_model(
        Request(
            model,
            None if policy["assumed"] else PolicyText(parse_policy(policy["text"], policy["source"]), policy["text"]),
            tuple(options["targets"]),
            calibrate,
            options["network"],
            options["objective"],
            manifest["batch"],
            options["dims"],
            options["fixed"],
            find(options["prices"], calibration),
        )
    )
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

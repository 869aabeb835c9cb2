"""Which packing a module takes: latency (one sample's elements share ciphertexts) or batch (one sample a slot)."""

from dataclasses import dataclass

from ppc.ir.diagnostic import UserError
from ppc.ir.module import Module
from ppc.targets.he.batch_cost import FEWEST_SAMPLES
from ppc.targets.he.batch_plan import BatchProgram, plan_batch
from ppc.targets.he.plan import Program, plan_module
from ppc.targets.he.price import program_seconds
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.sample import Refusal


@dataclass(frozen=True)
class Choice:
    """The program that was taken, and why not the other packing ("" where it was not looked at)."""

    program: Program | BatchProgram
    seconds: float
    instead: str = ""


def choose(module: Module, primitives: Primitives) -> Choice | None:
    """The cheaper program by predicted time of a pass; None for a module without HE. Raises UserError PPC4101."""
    batch, why = _batch(module, primitives)
    try:
        latency = plan_module(module, primitives)
    except UserError as nothing:
        if batch is None:
            raise
        return Choice(batch, batch.seconds, f"latency packing: {nothing.diagnostics[0].message}")
    if latency is None:
        return None
    seconds = program_seconds(latency, primitives)
    if batch is None:
        return Choice(latency, seconds, why)
    times = f"a pass takes {seconds:.3g} s packed for latency, {batch.seconds:.3g} s packed by batch"
    return Choice(batch, batch.seconds, times) if batch.seconds < seconds else Choice(latency, seconds, times)


def _batch(module: Module, primitives: Primitives) -> tuple[BatchProgram | None, str]:
    batch = module.attrs.get("batch", 1)
    if not isinstance(batch, int) or batch < FEWEST_SAMPLES:
        return None, ""
    try:
        return plan_batch(module, primitives), ""
    except Refusal as refusal:
        return None, f"batch packing: {refusal}"

"""`ppc opt`: passes on the text form of the IR."""

import re
from collections.abc import Callable
from pathlib import Path

from ppc.compiler.driver import read_policy
from ppc.compiler.stages import Placing
from ppc.ir.module import Module
from ppc.ir.parser import parse
from ppc.ir.policy import Policy
from ppc.ir.printer import print_module
from ppc.ir.verify import verify
from ppc.passes.label_flow import LabelFlow
from ppc.passes.pipeline import Pipeline

#: Stages that need the policy, beside the passes of `ppc.passes.registry`.
STAGES = ("label-flow", "assign", "convert", "lower", "check")

_COMMA = re.compile(r",(?![^{]*\})")  # not inside the options of a pass


def optimise(
    text: str, pipeline: str, *, policy: Path | Policy | None = None, after: Callable[[str, str], None] | None = None
) -> str:
    """Parse, verify, run the passes (verifying after each), print. `after` is told each pass and the text then.
    Raises UserError for text that does not parse."""
    module, found = parse(text), read_policy(policy).policy
    verify(module)
    placing: Placing | None = None
    for spec in filter(None, (part.strip() for part in _COMMA.split(pipeline))):
        if spec in STAGES[1:] and placing is None:
            placing = Placing(found.resolve(module))  # bound to the module before it was placed
        module = _stage(spec, module, found, placing) if spec in STAGES else Pipeline.parse(spec).run(module)
        verify(module)
        if after is not None:
            after(spec, print_module(module))
    return print_module(module)


def _stage(name: str, module: Module, policy: Policy, placing: Placing | None) -> Module:
    if name == "label-flow" or placing is None:
        return LabelFlow(policy).run(module)
    if name == "assign":
        return placing.assign(module, placing.candidates(module)).module
    if name == "check":
        placing.check(module)
        return module
    stage = {"convert": placing.convert, "lower": placing.lower}[name]
    return stage(module)

"""`ppc opt`: passes on the text form of the IR."""

import sys
from pathlib import Path

from ppc.ir.module import Module
from ppc.ir.parser import parse
from ppc.ir.printer import print_module
from ppc.ir.verify import verify
from ppc.passes.base import Pass
from ppc.passes.pipeline import Pipeline


def optimise(text: str, pipeline: str, *, policy: Path | None = None, verbose: bool = False) -> str:
    """Parse, verify, run the passes (verifying after each), print. Raises UserError for text that does not parse."""
    module = parse(text)
    verify(module)

    def between(step: Pass, after: Module, seconds: float) -> None:
        verify(after)
        if verbose:
            print(f"// ---- after {step.name}, {seconds * 1e3:.0f} ms\n{print_module(after)}", file=sys.stderr)  # noqa: T201

    return print_module(Pipeline.parse(pipeline).run(module, between))

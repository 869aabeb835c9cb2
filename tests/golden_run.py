"""Golden files: modules in text form with

// RUN: ppc-opt -p 'label-flow,check' | check      passes to run, then compare
// POLICY: deny tee                                lines of the policy (none: the default policy)
// MODEL: source.ppc                               the model that the policy is bound to (none: the file itself)
// CHECK: / CHECK-NEXT: / CHECK-NOT:               what the printed module must and must not contain, in order
"""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

from ppc.compiler.opt import optimise
from ppc.ir.check import check
from ppc.ir.module import Module
from ppc.ir.parser import parse
from ppc.ir.policy import DEFAULT, Policy, parse_policy
from ppc.ir.printer import print_module
from ppc.ir.types import Domain
from ppc.ir.verify import verify
from ppc.passes.candidates import candidates
from ppc.passes.label_flow import LabelFlow


class AnyTarget:
    """A target that runs everything, so that policy and labels alone decide."""

    def refuses(self, op: object, module: object) -> None:
        return None


def validate(judge: Any) -> Any:
    return lambda module, policy, model: (judge(module, policy.resolve(model or module)), module)[1]


GOLDEN = Path(__file__).parent / "golden"

PASSES: dict[str, Any] = {
    "label-flow": lambda module, policy, model: LabelFlow(policy).run(module),
    "candidates": validate(lambda module, bound: candidates(module, bound, dict.fromkeys(Domain, AnyTarget()))),
    "check": validate(check),
}


def ppc_opt(text: str, source: str, pipeline: str, policy: Policy, model: Module | None = None) -> str:
    if re.search(r"\b(assign|convert|lower)\b", pipeline):  # the compiler's own stages, with its real targets
        return optimise(text, pipeline, policy=policy)
    module: Module = parse(text, source)
    for name in filter(None, re.split(r",(?![^{]*\})", pipeline)):
        if name in PASSES:
            module = PASSES[name](module, policy, model)
        else:  # a pass of the compiler, with its options
            module = import_module("ppc.passes.pipeline").Pipeline.parse(name).run(module)
        verify(module)
    return print_module(module)


def compare(text: str, checks: list[tuple[str, str]]) -> None:
    """Find the CHECK lines in order; white space is one blank, {{...}} is a regular expression."""
    lines, at, forbidden = [" ".join(line.split()) for line in text.splitlines()], 0, []
    for kind, wanted in checks:
        parts = re.split(r"\{\{(.*?)\}\}", " ".join(wanted.split()))
        regex = "".join(p if i % 2 else re.escape(p) for i, p in enumerate(parts))
        if kind == "-NOT":
            forbidden.append(regex)
            continue
        window = lines[at : at + 1] if kind == "-NEXT" else lines[at:]
        hit = next((i for i, line in enumerate(window, at) if re.search(regex, line)), None)
        assert hit is not None, f"CHECK{kind}: {wanted}\nnot found in line {at + 1} or later of\n{text}"
        at = hit + 1
    for regex in forbidden:
        assert not re.search(regex, "\n".join(lines)), f"CHECK-NOT: {regex}\nfound in\n{text}"


def run_golden(file: Path) -> None:
    """Run a golden file and compare. Raises what the run raises, AssertionError where a line is not as it should be."""
    text = file.read_text(encoding="utf-8")
    lines = re.findall(r"^// POLICY: (.*)$", text, re.M)
    policy = parse_policy("\n".join(lines), file.name) if lines else DEFAULT
    runs = re.findall(r"^// RUN: ppc-opt (.*)\| check$", text, re.M)
    assert runs, "a golden file has a RUN line"
    named = re.search(r"^// MODEL: (.*)$", text, re.M)
    model = parse((GOLDEN / named[1]).read_text(encoding="utf-8"), named[1]) if named else None
    for run in runs:
        args = shlex.split(run)
        out = ppc_opt(text, file.name, args[1] if args else "", policy, model)
        compare(out, re.findall(r"^// CHECK(-NEXT|-NOT|): (.*)$", text, re.M))

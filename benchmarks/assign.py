"""How long placing the nodes of large graphs takes, and how that grows: prints two tables, writes docs/scaling.md and
docs/scaling.svg.

    python -m benchmarks.assign [--no-write] [--only NAME]

Compilations run one after another, each in a process of its own (its peak memory is its own). Every domain is allowed,
limits are off.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import Any

import onnx

from benchmarks.assign_tables import HEAD, plot, tables
from benchmarks.graphs import bert, repeated
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.stages import SETUP
from ppc.ir.policy import DEFAULT, parse_policy, print_policy
from ppc.ir.target import LAN
from ppc.ir.types import Domain
from ppc.passes.assign import elimination, search
from ppc.passes.assign.build import DOMAINS, Pricing, Rules, build
from ppc.passes.assign.optimum import optimum
from ppc.targets.conversions import Conversions
from ppc.targets.he.target import rungs
from ppc.targets.registry import load_targets

DOCS = Path(__file__).parents[1] / "docs"
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
POLICY = parse_policy(print_policy(DEFAULT) + "\nallow simulated tee\n", "benchmark")
MODELS: dict[str, Callable[[], bytes]] = {
    "light_resnet50": lambda: (LIGHT / "light_resnet50.onnx").read_bytes(),
    "light_densenet121": lambda: (LIGHT / "light_densenet121.onnx").read_bytes(),
    "bert, 12 layers": bert,
}
SIZES = (100, 300, 1000, 3000, 10000)


def compile_one(name: str) -> dict[str, Any]:
    """Compile a model in this process."""
    data, seconds = MODELS[name](), {"optimum": 0.0, "marginals": 0.0}
    with timed(search, "optimum", seconds), timed(elimination, "marginals", seconds):
        wall, cpu = perf_counter(), process_time()
        compiled = compile_model(Request(data, POLICY))
        wall, cpu = perf_counter() - wall, process_time() - cpu
    return {
        "name": name,
        "nodes": len(compiled.assigned.ops),
        "solver": seconds["optimum"],
        "why_not": seconds["marginals"],
        "wall": wall,
        "cpu": cpu,
        "gap": compiled.report["optimality"]["gap"],
        "memory": getrusage(RUSAGE_SELF).ru_maxrss / 1e6,
    }


@contextmanager
def timed(module: Any, name: str, into: dict[str, float]) -> Iterator[None]:
    """Add up the CPU seconds of a function."""
    original = getattr(module, name)

    def run(*args: Any) -> Any:
        start = process_time()
        try:
            return original(*args)
        finally:
            into[name] += process_time() - start

    setattr(module, name, run)
    try:
        yield
    finally:
        setattr(module, name, original)


def scale(nodes: int) -> dict[str, Any]:
    """Solve the repeated block at every rung, and once more for what every node would cost elsewhere."""
    module, targets = repeated(nodes), load_targets()
    allowed = {op.results[0]: frozenset(d for d in DOMAINS if _can(targets[d], d, op, module)) for op in module.ops}
    rules = Rules(allowed, frozenset(allowed), {module.outputs[0]: (Domain.CLIENT,)})
    pricing = Pricing(targets, Conversions(), LAN, SETUP)
    start = process_time()
    problems = [build(module, rules, rung, pricing) for rung in rungs().values()]
    built = process_time()
    answers = [optimum(p, 600.0) for p in problems]
    solved = process_time()
    for p in problems:
        elimination.marginals(p)
    done = process_time()
    gap = max(a.gap for a in answers if a is not None)
    return {"nodes": nodes, "build": built - start, "solver": solved - built, "why_not": done - solved, "gap": gap,
            "memory": getrusage(RUSAGE_SELF).ru_maxrss / 1e6}  # fmt: skip


def _can(target: Any, domain: Domain, op: Any, module: Any) -> bool:
    return domain in (Domain.HE, Domain.MPC, Domain.TEE) and target.refuses(op, module) is None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="one model, or a number of nodes; prints JSON")
    parser.add_argument("--no-write", action="store_true", help="print the tables only")
    args = parser.parse_args()
    if args.only:
        print(json.dumps(scale(int(args.only)) if args.only.isdigit() else compile_one(args.only)))
        return
    models, sizes = [_apart(name) for name in MODELS], [_apart(str(n)) for n in SIZES]
    text = tables(models, sizes)
    print(text)
    if not args.no_write:
        (DOCS / "scaling.md").write_text(HEAD + text + "\n![solver time over nodes](scaling.svg)\n", encoding="utf-8")
        (DOCS / "scaling.svg").write_text(plot(sizes), encoding="utf-8")


def _apart(name: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.assign", "--only", name], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()

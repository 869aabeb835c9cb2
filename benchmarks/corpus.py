"""Every model of $PPC_CORPUS under four policies: compiled or refused, and how exact the plans are.

    PPC_CORPUS=... python -m benchmarks.corpus [--secure] [--only PART] [--samples 4] [--limit 60]

Prints one table and writes build/bench/corpus.json. The outputs are compared with onnxruntime on the stored samples;
the error is the largest one over the range of the output.
"""

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ppc.compiler.driver import Request, compile_model
from ppc.compiler.frontend.onnx_import import import_model
from ppc.compiler.runner import reference
from ppc.compiler.stages import Placing
from ppc.ir.diagnostic import UserError
from ppc.ir.policy import DEFAULT, Policy, parse_policy, print_policy
from ppc.ir.policy.bind import node_name
from ppc.ir.types import Domain
from ppc.passes.approximate import Approximate
from ppc.passes.fold import Fold
from ppc.passes.label_flow import LabelFlow
from ppc.runtime.data import load_inputs
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure
from ppc.runtime.session import run_local

#: What the symbolic dimensions of a model stand for, and which of its inputs are public.
OPTIONS: dict[str, dict[str, Any]] = {
    "byte_bidi_lstm": {"dims": {"length": 64}},
    "silero_vad_full": {"dims": {"input:1": 512, "state:1": 1}, "fixed": {"sr": 16000}},
    "tribuo_tinybert": {"dims": {"sequence": 24}},
}
#: The free choice takes HE for no model here: shares are cheaper. So one policy places linear layers in HE.
LINEAR = frozenset({"Conv", "Gemm", "MatMul", "AveragePool", "GlobalAveragePool"})


@dataclass(frozen=True)
class Rules:
    """A policy of the table: the default one, these targets, and what is added to it."""

    targets: tuple[str, ...]
    simulated_enclave: bool = False
    linear_in_he: bool = False  # place every node of LINEAR that HE can run there


POLICIES: dict[str, Rules] = {
    "default+tee": Rules(("he", "mpc", "tee", "client", "server"), simulated_enclave=True),
    "mpc+client": Rules(("mpc", "client")),
    "he+mpc+client": Rules(("he", "mpc", "client")),
    "linear in he": Rules(("he", "mpc", "client"), linear_in_he=True),
}


@dataclass
class Row:
    """One model under one policy. `outcome` is compiled, refused (with code and node in `why`) or failed (a bug)."""

    model: str
    policy: str
    outcome: str
    why: str = ""
    domains: list[str] = field(default_factory=list)
    compile_seconds: float = 0.0
    predicted: dict[str, float] = field(default_factory=dict)  # seconds and bytes of one pass
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)  # by mode


def policy_of(rules: Rules, path: Path) -> Policy:
    lines = ["allow simulated tee"] if rules.simulated_enclave else []
    if rules.linear_in_he:
        lines += [f'place node "{name}" in he' for name in linear_nodes(path)]
    return parse_policy("\n".join([print_policy(DEFAULT), *lines, ""]), "benchmark") if lines else DEFAULT


def linear_nodes(path: Path) -> list[str]:
    """Nodes of LINEAR that HE can run, by the candidates of the compiler's own judgement."""
    imported = import_model(path, **OPTIONS.get(path.stem, {}))
    folded = Fold()(imported)
    module = Approximate().run(LabelFlow(DEFAULT, imported).run(folded))
    table = Placing(DEFAULT.resolve(folded, imported)).candidates(module)
    return list(dict.fromkeys(node_name(o) for o in module.ops if o.name in LINEAR and Domain.HE in table.of(o)))


def measure(path: Path, name: str, modes: tuple[str, ...], samples: int, limit: float) -> Row:
    """Compile a model under one of POLICIES and run it; every failure becomes part of the row."""
    rules = POLICIES[name]
    start = perf_counter()
    try:
        policy = policy_of(rules, path)
        compiled = compile_model(Request(path, policy, rules.targets, **OPTIONS.get(path.stem, {})))
    except UserError as e:
        first = e.diagnostics[0]
        return Row(path.stem, name, "refused", f"{first.code} at {first.node}: {first.message}"[:160])
    except Exception as e:  # a bug of ours is what this table is looking for
        return Row(path.stem, name, "failed", f"{type(e).__name__}: {e}"[:160])
    row = Row(path.stem, name, "compiled", "", list(compiled.manifest["uses"]), perf_counter() - start)
    row.predicted = {k: compiled.report["predicted"][k] for k in ("seconds", "bytes")}
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.py"
        compiled.save(plan)
        for mode in modes:
            try:
                row.runs[mode] = run(path, plan, mode, samples, limit)
            except Exception as e:  # whatever it is, it is a line of the table
                row.runs[mode] = {"failed": f"{type(e).__name__}: {e}"[:200]}
    return row


def run(path: Path, plan: Path, mode: str, samples: int, limit: float) -> dict[str, Any]:
    """Seconds, bytes, error over range and argmax agreement of one mode."""
    loaded, program = Plan.load(plan)
    every, _ = load_inputs(path.with_suffix(".npz"), loaded.manifest["model"]["inputs"])
    feed = {k: v[:samples] for k, v in every.items()}
    count = len(next(iter(feed.values())))
    start = perf_counter()
    if mode == "secure":
        found = run_secure(plan, feed, timeout=limit, progress=False)
        outputs, traffic = found.outputs, found.report["bytes"]["total"]
    else:
        outputs, traffic = run_local(loaded, program, feed, noise=mode == "simulate"), 0
    seconds = perf_counter() - start
    fixed = OPTIONS.get(path.stem, {}).get("fixed", {})
    extra = {k: np.full(count, v, np.int64) for k, v in fixed.items()}
    expected = reference(path, {**feed, **extra}, count)
    errors, agree = [], []
    for name, got in outputs.items():
        want = np.asarray(
            [[row[k] for k in sorted(row)] for row in expected[name]]
            if expected[name].dtype == object
            else expected[name]
        ).reshape(got.shape)
        if want.dtype.kind != "f":
            agree.append(float((want == got).mean()))
            continue
        errors.append(float(np.abs(got - want).max() / max(float(np.ptp(want)), 1e-6)))
        a, b = got.reshape(count, -1), want.reshape(count, -1)
        if a.shape[1] > 1:
            agree.append(float((a.argmax(1) == b.argmax(1)).mean()))
    return {
        "samples": count,
        "seconds": seconds,
        "bytes": traffic,
        "error": max(errors, default=0.0),
        "agreement": min(agree, default=1.0),
    }


def show(row: Row) -> str:
    said = [f"{row.model:36} {row.policy:14} {row.outcome:9}", ",".join(row.domains) or row.why]
    if row.predicted:
        said.append(f"predicted {row.predicted['seconds']:.4f} s {row.predicted['bytes']:,.0f} B")
    for mode, r in row.runs.items():
        said.append(
            f"{mode}: {r['failed']}"
            if "failed" in r
            else f"{mode}: error {r['error']:.1e} agree {r['agreement']:.3f} {r['seconds']:.2f} s {r['bytes']:,} B"
        )
    return "  ".join(said)


def main() -> int:
    """Exit code 1 where something failed that is no refusal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secure", action="store_true", help="also run the parties as processes")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--policy", choices=POLICIES, action="append")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that a secure run may wait")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    folder = os.environ.get("PPC_CORPUS")
    if not folder:
        print("PPC_CORPUS names no folder: 70 models skipped", file=sys.stderr)
        return 2
    models = [m for m in sorted(Path(folder).glob("models-*/*.onnx")) if asked.only in m.stem]
    modes = ("clear", "secure") if asked.secure else ("clear",)
    rows = []
    with ProcessPoolExecutor(1 if asked.secure else asked.jobs) as pool:
        waiting = [
            pool.submit(measure, m, p, modes, asked.samples, asked.limit)
            for m in models
            for p in asked.policy or POLICIES
        ]
        for future in waiting:
            rows.append(future.result())
            print(show(rows[-1]), flush=True)
    out = Path("build/bench/corpus.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([asdict(r) for r in rows], indent=1), encoding="utf-8")
    for policy in asked.policy or POLICIES:
        of = [r for r in rows if r.policy == policy]
        good = sum(r.outcome == "compiled" for r in of)
        he = sum("he" in r.domains for r in of)
        print(f"{policy}: {good} of {len(of)} compiled, {he} with HE")
    bad = [r for r in rows if r.outcome == "failed" or any("failed" in x for x in r.runs.values())]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

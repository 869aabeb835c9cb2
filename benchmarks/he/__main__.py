"""HE on small networks: `make bench-he`, or `python -m benchmarks.he [network ...]`, with PPC_CORPUS set.

Writes build/bench/he.json: for each network, with secret and with public weights, times and sizes of separate
processes, the primitives of a pass by level, the share of the server's time inside SEAL, and what the table of prices
predicts; beside it, in the same run, TenSEAL's own interface and, with PPC_PROTOTYPES set, the experiment. Larger
networks follow, of which HE runs the linear layers, then batch packing and threads. Each number that was asked for
stands beside its limit. Ratios are those of one run on one machine; how busy it was is in the file. The cheapest rows
come first, and each is kept as soon as it is there: `--resume` goes on where a run was interrupted.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.he.one_core import ONE_CORE

os.environ |= ONE_CORE  # before numpy is loaded, and inherited by the parties

from benchmarks.he import linear_parts, whole
from benchmarks.he.goals import THREADS, Goal, judged
from benchmarks.he.workloads import PARTS, POLICIES, WHOLE, present
from ppc.compiler.measure.machine import fingerprint

OUT = Path("build/bench")
RESULTS = OUT / "he.json"
#: Programs of their own, and the files that they write.
OTHERS = {"batch": ("benchmarks.he_batch", "he_batch.json"), "threads": ("benchmarks.he.threads", "he_threads.json")}


def main() -> int:
    """1 where a network that HE can run did not run; 2 without a corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=f"only these; also: {', '.join(OTHERS)}")
    parser.add_argument("--samples", type=int, default=256, help="samples of the error, at most")
    parser.add_argument("--seconds", type=float, default=240.0, help="time for the samples of one network and policy")
    parser.add_argument("--turns", type=int, default=3, help="turns of our passes and the experiment's")
    parser.add_argument("--tenseal-seconds", type=float, default=60.0, help="skip TenSEAL's interface beyond this")
    parser.add_argument(
        "--quick", action="store_true", help="few samples, one turn, no TenSEAL, larger networks counted"
    )
    parser.add_argument("--resume", action="store_true", help="keep the rows that an earlier run left")
    asked = parser.parse_args()
    if asked.quick:
        asked.seconds, asked.turns, asked.tenseal_seconds = 5.0, 1, 0.0
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        print("PPC_CORPUS names no folder: nothing was measured", file=sys.stderr)
        return 2
    effort = whole.Effort(asked.samples, asked.seconds, asked.turns, asked.tenseal_seconds)
    OUT.mkdir(parents=True, exist_ok=True)
    kept = stored() if asked.resume or asked.networks else {}
    (models, absent), (parts, more) = (present(Path(corpus), names, asked.networks) for names in (WHOLE, PARTS))
    for name in (*absent, *more):
        print(f"SKIPPED {name}: the corpus does not have it", file=sys.stderr)
    jobs = {model.stem: lambda model=model: whole.measure(model, OUT, effort) for model in models}
    jobs |= {model.stem: lambda model=model: larger(model, 0 if asked.quick else 2) for model in parts}
    jobs |= {name: lambda name=name: other(name) for name in OTHERS if not asked.networks or name in asked.networks}
    rows: dict[str, Any] = {}
    for name, job in jobs.items():
        if asked.resume and name in kept:
            rows[name] = kept[name]
            continue
        start = perf_counter()
        rows[name] = job()
        rows[name]["seconds"] = perf_counter() - start
        write(kept | rows)
        print(f"{name} took {rows[name]['seconds']:.0f} s", flush=True)
    return conclude(rows)


def stored() -> dict[str, Any]:
    """Rows of an earlier run that failed nowhere, by name."""
    if not RESULTS.exists():
        return {}
    rows = json.loads(RESULTS.read_text(encoding="utf-8")).get("rows", {})
    return {name: row for name, row in rows.items() if not failures(row)}


def write(rows: dict[str, Any]) -> None:
    found = {"machine": fingerprint(), "load_average": os.getloadavg(), "rows": rows}
    RESULTS.write_text(json.dumps(found, indent=1), encoding="utf-8")


def conclude(rows: dict[str, Any]) -> int:
    """Say how many goals hold; which ones, the rows said."""
    goals = [(name, goal) for name, row in rows.items() for goal in row.get("goals", ())]
    for name, goal in goals:
        if goal["holds"] is False:
            print(f"MISSED {name}: {goal['name']} {goal['found']:.3g}, limit {goal['limit']:.3g}")
    found, words = [goal["holds"] for _, goal in goals], {"hold": True, "missed": False, "not measured": None}
    tally = ", ".join(f"{found.count(value)} {word}" for word, value in words.items())
    print(f"goals: {tally}; {sum(row['seconds'] for row in rows.values()):.0f} s in all")
    load = os.getloadavg()[0]
    print(f"wrote {RESULTS} (load average {load:.1f}: times of a busy machine are upper bounds)")
    return int(any(failures(row) for row in rows.values()))


def failures(row: dict[str, Any]) -> list[str]:
    parts = (row, *(row[kind] for kind in (*POLICIES, "linear") if kind in row))
    return [part["failed"] for part in parts if "failed" in part]


def larger(model: Path, samples: int) -> dict[str, Any]:
    """A network of which HE runs the linear layers."""
    row = {"network": model.stem, "linear": linear_parts.measure(model, OUT, samples)}
    print(f"{model.stem}: {whole.said(row['linear'])}", flush=True)
    return row


def other(name: str) -> dict[str, Any]:
    """Another program with all cores, its rows added to ours."""
    module, result = OTHERS[name]
    every_core = {k: v for k, v in os.environ.items() if k not in ONE_CORE}
    done = subprocess.run([sys.executable, "-m", module], env=every_core)
    if done.returncode:
        return {"network": name, "failed": f"{module} ended with {done.returncode}"}
    found = json.loads((OUT / result).read_text(encoding="utf-8"))
    row = {"network": name, "found": found}
    if name != "threads" or len(found["rows"]) < 2:
        return row
    gain = found["rows"][0]["ms"] / found["rows"][1]["ms"]
    return judged(row, [Goal("two threads on two cores, times as fast", gain, THREADS, least=True)])


if __name__ == "__main__":
    raise SystemExit(main())

"""Every model of $PPC_CORPUS under several policies: `make bench-corpus`, or

    PPC_CORPUS=... python -m benchmarks.corpus [--secure] [--light] [--only PART] [--policy NAME] [--limit 3600]

Compiles each model, runs the plan in clear mode (with --secure: also in simulate mode, and all parties as processes)
on the samples stored with the model, and compares with onnxruntime: the largest error over the range of the output;
the argmax of outputs that are one vector of scores, a single score's side of one half, and labels as they are. Where
all stored samples would take more than a minute, 4 are run.

--light is about the nine architectures of the onnx wheel, in simulate mode on one sample: do they compile and run?
Their weights are one number throughout and values reach 1e20, so that nobody judges errors.

Rows are printed, and kept in build/bench/corpus.json, as they come: a run that was interrupted goes on where it was,
as long as the sources are the same (--keep: rows of other sources hold too; --fresh: none does). A row is a process of
its own with a time limit. Exit code 1 where a threshold is missed or something failed that is no refusal.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from benchmarks.corpus import worker
from benchmarks.corpus.models import FOLDERS, Model, corpus, light
from benchmarks.corpus.policies import CORPUS, LIGHT, POLICIES
from benchmarks.corpus.row import Row, Rows
from benchmarks.corpus.table import HEAD, explain, line, totals

OUT = Path("build/bench/corpus.json")


def main() -> int:
    asked = _parser().parse_args()
    folder = os.environ.get("PPC_CORPUS")
    if not asked.light and not folder:
        print(f"PPC_CORPUS names no folder: {sum(FOLDERS.values())} models skipped", file=sys.stderr)
        return 0
    models = list(light() if asked.light else corpus(Path(folder or ".")))
    policies = asked.policy or list(LIGHT if asked.light else CORPUS)
    modes = ("simulate",) if asked.light else ("clear", "simulate", "secure") if asked.secure else ("clear",)
    if asked.fresh:
        asked.json.unlink(missing_ok=True)
    kept = Rows(asked.json, modes, keep=asked.keep)
    print("\n".join(explain(policies)) + f"\n\n{HEAD}", flush=True)
    rows = []
    for row in found([m for m in models if asked.only in m.name], policies, modes, kept, asked):
        rows.append(row)
        print(line(row), flush=True)
    if not asked.light and (absent := sum(FOLDERS.values()) - len(models)):
        print(f"{absent} models skipped: {folder} does not have them")
    lines, met = totals(rows, modes[-1])
    print("\n".join(["", *lines]), flush=True)
    print(f"wrote {asked.json} (load average {os.getloadavg()[0]:.1f}: times of a busy machine are upper bounds)")
    return 0 if met and all(r.outcome != "failed" and not r.broken for r in rows) else 1


def found(
    models: list[Model], policies: list[str], modes: tuple[str, ...], kept: Rows, asked: argparse.Namespace
) -> Iterator[Row]:
    """Rows as they come, those that were kept first: `--jobs` models at a time, each policy in a row of its own."""
    for model in models:
        yield from (row for policy in policies if (row := kept.get(model.name, policy)))
    waiting = {m.name: [p for p in policies if not kept.get(m.name, p)] for m in models}
    ready: SimpleQueue[Row | None] = SimpleQueue()  # None: a model has ended

    def one(model: Model) -> None:
        try:
            for row in worker.rows(model, waiting[model.name], modes, asked.limit, asked.samples):
                ready.put(row)
        finally:
            ready.put(None)

    with ThreadPoolExecutor(asked.jobs) as pool:
        ends = [pool.submit(one, model) for model in models if waiting[model.name]]
        for _ in ends:
            for row in iter(ready.get, None):
                kept.put(row)
                yield row
        for end in ends:
            end.result()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secure", action="store_true", help="also run the parties as processes")
    parser.add_argument("--light", action="store_true", help="the architectures of the onnx wheel instead")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--policy", choices=POLICIES, action="append")
    parser.add_argument("--samples", type=int, help="at most so many of the stored ones")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds that a row may take")
    parser.add_argument("--jobs", type=int, default=1, help="models at a time; times are those of a busy machine then")
    parser.add_argument("--json", type=Path, default=OUT, help="where rows are kept")
    parser.add_argument("--keep", action="store_true", help="rows that other sources made hold as well")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())

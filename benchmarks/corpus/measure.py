"""One row: compile a model under a policy, run the plan in each mode, compare with onnxruntime."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.corpus.models import Arrays, Model
from benchmarks.corpus.policies import POLICIES, Rules
from benchmarks.corpus.row import Row, Run
from ppc.compiler.artefacts import Compiled
from ppc.compiler.driver import Request, compile_model
from ppc.ir.diagnostic import UserError
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure
from ppc.runtime.session import run_local

#: A run that would take longer on all stored samples (seconds) stays with this many.
LONG, FEW = 60.0, 4
#: Predictions are this far from the truth at most on a busy machine: a run that is shorter all the same is begun with
#: all samples at once.
BUSY = 10.0
#: Silence of a party that ends a secure run (seconds); a busy machine and one long native call are no silence.
SILENCE = 300.0


def measure(row: Row, model: Model, modes: tuple[str, ...], most: int | None = None) -> None:
    """Fill the row as far as one comes; whatever goes wrong becomes part of it. `most`: of the stored
    samples."""
    start = perf_counter()
    try:
        compiled = compiled_under(model, POLICIES[row.policy])
    except UserError as e:
        first = e.diagnostics[0]
        row.outcome, row.code, row.why = "refused", first.code, f"{first.node}: {first.message}"[:160]
        return
    except Exception as e:  # a bug of ours is what this table is looking for
        row.why = f"{type(e).__name__}: {e}"[:160]
        return
    row.outcome, row.domains = "compiled", list(compiled.manifest["uses"])
    row.compile_seconds = perf_counter() - start
    row.predicted = {k: compiled.report["predicted"][k] for k in ("seconds", "bytes")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.py"
        compiled.save(path)
        del compiled
        trial = Trial.of(model, path, most, row.predicted["seconds"])
        for mode in modes if POLICIES[row.policy].secure else modes[:1]:
            try:
                row.runs[mode] = trial.run(mode)
            except Exception as e:  # likewise
                row.broken[mode] = f"{type(e).__name__}: {e}"[:400]


def compiled_under(model: Model, rules: Rules) -> Compiled:
    """Raises UserError."""
    return compile_model(Request(model.path, rules.policy(model), rules.targets, model.calibrate, **model.options))


@dataclass(frozen=True)
class Trial:
    """A plan on disk with the stored samples of its model, and what is expected of them."""

    path: Path
    feed: Arrays
    expected: Arrays
    most: int  # samples of a run
    predicted: float  # seconds of a pass
    clear: Arrays = field(default_factory=dict)  # outputs of the plan in clear mode, of so many samples as were needed

    @staticmethod
    def of(model: Model, path: Path, most: int | None, predicted: float) -> "Trial":
        plan, _ = Plan.load(path)
        feed = model.samples(plan.manifest["model"]["inputs"])
        stored = len(next(iter(feed.values())))
        return Trial(path, feed, model.expected(feed), min(most or stored, stored), predicted)

    @property
    def stored(self) -> int:
        return len(next(iter(self.feed.values())))

    def run(self, mode: str) -> Run:
        """On a few samples; where all that are asked for would not take LONG, on these."""
        if self.predicted * BUSY * self.most <= LONG:
            return self._run(mode, self.most)
        run = self._run(mode, min(FEW, self.most))
        if run.samples < self.most and run.pass_seconds * self.most <= LONG:
            run = self._run(mode, self.most)
        return run

    def _run(self, mode: str, samples: int) -> Run:
        feed = {name: rows[:samples] for name, rows in self.feed.items()}
        start = perf_counter()
        sent, phases = 0, 0.0
        if mode == "secure":
            secure = run_secure(self.path, feed, timeout=SILENCE)
            outputs, sent = secure.outputs, secure.report["bytes"]["total"]
            phases = secure.report["seconds"]["offline"] + secure.report["seconds"]["online"]
        else:
            outputs = self._local(feed, noise=mode == "simulate")
        seconds = perf_counter() - start
        if mode == "clear":
            self.clear.update(outputs)
        elif samples > len(next(iter(self.clear.values()), ())):
            self.clear.update(self._local(feed, noise=False))
        judged = [self._judge(name, outputs[name], self.clear[name][:samples]) for name in self.expected]
        votes = np.array([votes for *_, votes in judged if votes is not None])
        return Run(
            samples=samples,
            stored=self.stored,
            seconds=seconds,
            pass_seconds=(phases if mode == "secure" else seconds) / samples,
            bytes=sent,
            error=float(np.max([error for error, _, _ in judged])),  # a NaN stays one
            noise=float(np.max([noise for _, noise, _ in judged])),
            agree=int(votes.all(axis=0).sum()) if len(votes) else 0,
            judged=samples if len(votes) else 0,
        )

    def _local(self, feed: Arrays, *, noise: bool) -> Arrays:
        plan, program = Plan.load(self.path)
        return run_local(plan, program, feed, noise=noise)

    def _judge(self, name: str, got: Any, clear: Any) -> tuple[float, float, Any]:
        """(error, noise, whether each sample has the expected argmax, side of one half (of a single score) or label;
        None where the output is neither a label nor one vector of scores)."""
        count, every = len(got), self.expected[name]
        every = every.reshape(self.stored, -1)
        want, flat = every[:count], got.reshape(count, -1)
        if want.dtype.kind != "f":
            return 0.0, 0.0, (want == flat).all(axis=1)
        extent = max(float(np.ptp(every)), 1e-6)
        error, noise = np.abs(flat - want).max() / extent, np.abs(flat - clear.reshape(count, -1)).mean() / extent
        if flat.shape[1] == 1:
            return float(error), float(noise), (flat[:, 0] > 0.5) == (want[:, 0] > 0.5)
        is_vector = max(got.shape[1:]) == flat.shape[1]
        return float(error), float(noise), flat.argmax(1) == want.argmax(1) if is_vector else None

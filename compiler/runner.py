"""`ppc run`: load data, run a plan in one of the three modes, compare with onnxruntime, report."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.compiler.report.compare import Beside, Total, beside, total
from ppc.runtime.data import load_inputs, passes
from ppc.runtime.plan import Plan
from ppc.runtime.session import run_local

Arrays = dict[str, NDArray[Any]]


@dataclass
class RunOutcome:
    """What a run produced. `measured` has seconds, bytes, rounds and a row a step (secure mode)."""

    mode: str
    samples: int
    outputs: Arrays
    manifest: Mapping[str, Any]
    measured: dict[str, Any]
    comparison: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object of `ppc run --json`."""
        return {
            "mode": self.mode,
            "samples": self.samples,
            "simulated": self.manifest["report"]["simulated"],
            "seconds": self.measured["seconds"],
            "bytes": self.measured["bytes"],
            "rounds": self.measured["rounds"],
            "max_abs_err": self.comparison.get("max_abs_err"),
            "argmax_agreement": self.comparison.get("argmax_agreement"),
            "predicted": self.manifest["report"]["predicted"],
            "segments": [row.as_json() for row in self.segments],
            "online": self.total.as_json(),
            "steps": self.measured.get("steps", []),
            "notes": self.measured.get("notes", {}),
        }

    @property
    def passes(self) -> int:
        return passes(self.samples, self.manifest["batch"], self.manifest["model"]["inputs"])

    @property
    def segments(self) -> list[Beside]:
        """Predicted beside measured; empty where no cryptography ran."""
        return list(beside(self.manifest["report"], self.measured["steps"], self.passes)) if self.is_secure else []

    @property
    def total(self) -> Total:
        return total(self.manifest["report"], self.measured["seconds"]["online"], self.passes)

    @property
    def is_secure(self) -> bool:
        return self.mode == "secure"

    def show(self, *, as_json: bool) -> None:
        if as_json:
            print(json.dumps(self.as_json(), indent=1))  # noqa: T201
            return
        from rich.console import Console

        from ppc.compiler.report.run import render_run

        Console(file=sys.stdout, highlight=False).print(render_run(self))


def stored_material(plan: Path) -> Path:
    """Where `ppc deal` puts material, and `ppc run` looks for it, unless told otherwise."""
    return plan.with_suffix(".material")


def run_plan(
    path: Path,
    data: Path,
    *,
    lone: str | None = None,
    mode: str = "secure",
    compare: Path | None = None,
    samples: int | None = None,
    timeout: float = 60.0,
    progress: bool = True,
    material: Path | None = None,
    when_empty: str = "fail",
) -> RunOutcome:
    """Run a plan on the samples of a data file. Raises PartyError for everything that goes wrong outside ppc."""
    plan, program = Plan.load(path)
    feed, n = load_inputs(data, plan.manifest["model"]["inputs"], lone)
    if samples is not None and samples < n:
        feed, n = {k: v[:samples] for k, v in feed.items()}, samples
    if mode == "secure":
        from ppc.runtime.secure import run_secure

        secure = run_secure(path, feed, timeout=timeout, progress=progress, material=material, when_empty=when_empty)
        outputs, measured = secure.outputs, secure.report
    else:
        start = perf_counter()
        outputs = run_local(plan, program, feed, noise=mode == "simulate")
        spent = perf_counter() - start
        seconds = {"setup": 0.0, "offline": 0.0, "online": spent, "total": spent}
        measured = {"seconds": seconds, "bytes": {"total": 0}, "rounds": 0}
    outcome = RunOutcome(mode, n, outputs, plan.manifest, measured)
    if compare is not None:
        outcome.comparison = compare_with(compare, feed, n, outputs)
    return outcome


def reference(model: Path, feed: Mapping[str, NDArray[Any]], samples: int) -> Arrays:
    """onnxruntime's outputs on the same samples, one batch where the model takes one, else sample by sample."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    inputs, outputs = session.get_inputs(), [o.name for o in session.get_outputs()]
    fixed = any(isinstance(i.shape[0], int) for i in inputs if i.shape)
    step = 1 if fixed and samples > 1 else samples
    parts: list[list[Any]] = []
    for at in range(0, samples, step):
        batch = {i.name: _shaped(feed[i.name][at : at + step], i.shape) for i in inputs}
        parts.append(session.run(outputs, batch))
    return {name: np.concatenate([np.asarray(p[i]) for p in parts]) for i, name in enumerate(outputs)}


def _shaped(x: NDArray[Any], shape: list[Any]) -> NDArray[Any]:
    return x.reshape(x.shape[1:]) if x.ndim == len(shape) + 1 else x


def compare_with(model: Path, feed: Mapping[str, NDArray[Any]], samples: int, outputs: Arrays) -> dict[str, Any]:
    """Largest absolute error and the share of samples on which the largest output is the same one."""
    expected = reference(model, feed, samples)
    errors, agree = [], []
    for name, got in outputs.items():
        want = expected[name].reshape(got.shape)
        errors.append(float(np.abs(got.astype(np.float64) - want).max()))
        if got.dtype.kind == "f":
            a, b = got.reshape(samples, -1), want.reshape(samples, -1)
            same = a.argmax(1) == b.argmax(1) if a.shape[1] > 1 else (a[:, 0] > 0.5) == (b[:, 0] > 0.5)
            agree.append(float(same.mean()))
    return {"max_abs_err": max(errors), "argmax_agreement": min(agree, default=1.0), "reference": expected}

"""`InferenceSession`: run a plan from Python, with the interface of onnxruntime."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.local import LocalSession
from ppc.runtime.plan import Plan, Program

Mode = Literal["clear", "simulate", "secure"]


class InferenceSession:
    """A plan that is ready to run.

    `mode="secure"` starts every party as its own process on this machine for each `run`; `simulate` and `clear` run in
    this process, without cryptography, and therefore need `plan.server.npz` beside the plan. With `material`, a folder
    that `ppc deal` filled, runs start no dealer.
    """

    def __init__(
        self, plan: str | Path, mode: Mode = "secure", *, timeout: float = 60.0, material: str | Path | None = None
    ) -> None:
        self.path = Path(plan)
        self.mode = mode
        self.timeout = timeout
        self.material = None if material is None else Path(material)
        self.plan, self._program = Plan.load(self.path)
        self.last_run: dict[str, Any] = {}

    def get_inputs(self) -> list[dict[str, Any]]:
        """Name, shape and type of each input."""
        return list(self.plan.manifest["model"]["inputs"])

    def get_outputs(self) -> list[dict[str, Any]]:
        return list(self.plan.manifest["model"]["outputs"])

    def run(self, names: Sequence[str] | None, feed: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run on `feed` (name -> array, first axis = samples). Raises ValueError for wrong names,
        PartyError for what goes wrong in the run."""
        wanted = [i["name"] for i in self.get_inputs()]
        if missing := [n for n in wanted if n not in feed]:
            raise ValueError(f"Required inputs ({missing}) are missing from input feed ({sorted(feed)})")
        outputs = [o["name"] for o in self.get_outputs()]
        if unknown := [n for n in names or () if n not in outputs]:
            raise ValueError(f"No such outputs: {unknown}; the plan has {outputs}")
        results = self._run({n: np.asarray(feed[n]) for n in wanted})
        return [results[n] for n in names or outputs]

    def _run(self, feed: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if self.mode == "secure":
            from ppc.runtime.secure import run_secure

            outcome = run_secure(self.path, feed, timeout=self.timeout, material=self.material)
            self.last_run = outcome.report
            return outcome.outputs
        return run_local(self.plan, self._program, feed, noise=self.mode == "simulate")


def run_local(
    plan: Plan, program: Program, feed: Mapping[str, NDArray[Any]], *, noise: bool
) -> dict[str, NDArray[Any]]:
    """Run all parties in this process, without cryptography, over every sample of `feed`."""
    from ppc.runtime.data import batches, fit, unbatch

    weights = {**plan.server_weights(), **plan.public_constants()}
    inputs = plan.manifest["model"]["inputs"]
    data, samples = fit(feed, inputs)
    passes = batches(data, plan.manifest["batch"], inputs)
    return unbatch(list(passes_here(plan.manifest, weights, program, passes, noise=noise)), samples, inputs)


def passes_here(
    manifest: Mapping[str, Any],
    weights: Mapping[str, Any],
    program: Program,
    passes: Iterable[Mapping[str, NDArray[Any]]],
    *,
    noise: bool,
) -> Iterator[dict[str, Any]]:
    """The outputs of each pass, all parties in this process without cryptography. The plan need not be on disk.
    `weights`: the arrays of all constants, public ones too."""
    session = LocalSession("everyone", manifest, noise=noise)
    session.weights = dict(weights)
    for run, inputs in enumerate(passes):
        session.start_run(run, inputs)
        program(session)
        yield session.outputs

"""`ppc accuracy`: the clear model, the plan in clear and the plan in simulate mode on the same samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.compiler.accuracy.statistics import Arrays, Distance, accuracy, distance
from ppc.compiler.runner import reference
from ppc.runtime.data import load_inputs, read_arrays
from ppc.runtime.errors import PartyError
from ppc.runtime.plan import Plan
from ppc.runtime.session import run_local

MODEL, CLEAR, SIMULATE = "model", "clear", "simulate"


@dataclass(frozen=True)
class Row:
    """One way to compute the outputs. `distance` is None for the way that the others are compared with, `accuracy`
    where there are no labels."""

    way: str  # MODEL (onnxruntime), CLEAR or SIMULATE (the plan)
    distance: Distance | None
    accuracy: float | None


@dataclass(frozen=True)
class Trial:
    """What `ppc accuracy` shows."""

    plan: str
    samples: int
    rows: tuple[Row, ...]  # the first one is what the others are compared with

    def as_json(self) -> dict[str, Any]:
        first = self.rows[0].accuracy
        rows = {
            r.way: {
                **(r.distance.as_json() if r.distance is not None else {}),
                "accuracy": r.accuracy,
                "accuracy_difference": None if r.accuracy is None or first is None else r.accuracy - first,
            }
            for r in self.rows
        }
        return {"plan": self.plan, "samples": self.samples, "against": self.rows[0].way, "ways": rows}


def try_plan(
    path: Path, data: Path, *, model: Path | None, labels: str | None, samples: int | None, lone: str | None = None
) -> Trial:
    """Raises PartyError for data, labels or a plan that cannot be used, and where a value leaves the range that the
    plan was made for. Without `model` the plan in clear mode is what the simulated one is compared with."""
    plan, program = Plan.load(path)
    feed, n = load_inputs(data, plan.manifest["model"]["inputs"], lone)
    n = min(n, samples or n)
    feed = {name: array[:n] for name, array in feed.items()}
    truth = None if labels is None else read_labels(labels, data)
    found: dict[str, Arrays] = {} if model is None else {MODEL: reference(model, feed, n)}
    found[CLEAR] = run_local(plan, program, feed, noise=False)
    found[SIMULATE] = run_local(plan, program, feed, noise=True)
    if model is not None:  # in the plan's order, and without what only the model gives
        if missing := [name for name in found[CLEAR] if name not in found[MODEL]]:
            raise PartyError("PPC6005", f"{model.name} has no output {missing[0]!r}: the plan is of another model")
        found[MODEL] = {name: np.asarray(found[MODEL][name]) for name in found[CLEAR]}
    return Trial(path.name, n, tuple(rows(found, truth, n)))


def rows(found: Mapping[str, Arrays], labels: NDArray[Any] | None, samples: int) -> list[Row]:
    """Every way against the first."""
    first = next(iter(found))
    return [
        Row(
            way,
            None if way == first else distance(outputs, found[first], samples),
            None if labels is None else accuracy(outputs, labels, samples),
        )
        for way, outputs in found.items()
    ]


def read_labels(where: str, data: Path) -> NDArray[Any]:
    """Labels by the name of an array in the file of data, or from a file of their own. Raises PartyError PPC6005."""
    arrays = read_arrays(data)
    if where in arrays:
        return arrays[where]
    if not Path(where).exists():
        has = ", ".join(map(repr, arrays))
        raise PartyError("PPC6005", f"{where!r} is neither an array of {data.name} (it has {has}) nor a file")
    own = read_arrays(where)
    if len(own) != 1:
        raise PartyError("PPC6005", f"{where} holds {len(own)} arrays", help="save the labels alone: numpy.save")
    return next(iter(own.values()))

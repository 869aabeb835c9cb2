"""What `ppc compile --calibrate` measures of a plan before it is written: the whole in simulate mode, and its nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.compiler.accuracy.effort import Effort
from ppc.compiler.accuracy.nodes import Batches, exact_outputs, measured_nodes, node_rows
from ppc.compiler.accuracy.statistics import accuracy, distance
from ppc.ir.diagnostic import Diagnostic
from ppc.ir.module import Array, Module
from ppc.runtime.errors import PartyError
from ppc.runtime.party import Session
from ppc.runtime.plan import Program
from ppc.runtime.session import passes_here


@dataclass(frozen=True)
class Measurement:
    """The calibration data as batches by value, labels of its samples where there are any, and what the outputs may
    change by, relative to their ranges."""

    batches: Batches
    labels: NDArray[Any] | None
    limit: float
    from_policy: bool  # the limit is the policy's own, not the default

    def measure(
        self, assigned: Module, lowered: Module, manifest: Mapping[str, Any], weights: Mapping[str, Array]
    ) -> dict[str, Any]:
        """The `accuracy` field of a report. Figures are None where `left_out` says why."""
        batch = manifest["batch"]
        effort = Effort.of(assigned, lowered)
        found: dict[str, Any] = {
            "samples": 0, "limit": self.limit, "simulated": None, "model_accuracy": None, "plan_accuracy": None,
            "node_samples": 0, "nodes": [], "left_out": [],
        }  # fmt: skip
        taken = self.batches[: effort.passes(batch)]
        if not taken:
            found["left_out"].append(f"everything: a pass in this process is predicted to take {effort.plan:.1f} s")
            return found
        found["samples"] = len(taken) * batch
        exact = exact_outputs(assigned, taken)
        try:
            simulated = _simulated(assigned, manifest, weights, taken)
        except PartyError as e:
            found["left_out"].append(f"the plan as a whole: simulate mode stops with {e.code}: {e.message}")
        else:
            found |= self._compared(assigned, exact, simulated, found["samples"], batch)
        few = self.batches[: effort.node_passes(batch, 2 * len(measured_nodes(assigned)))]
        if few:
            found["node_samples"] = len(few) * batch
            found["nodes"] = [_short(row.as_json()) for row in node_rows(assigned, few)]
        else:
            found["left_out"].append(f"nodes one by one: a pass of the model is predicted to take {effort.model:.1f} s")
        return found

    def _compared(
        self, module: Module, exact: dict[str, Array], got: dict[str, Array], samples: int, batch: int
    ) -> dict[str, Any]:
        in_rows = all(module.values[v].type.shape[:1] == (batch,) for v in module.outputs)
        rows = samples if in_rows else samples // batch
        found: dict[str, Any] = {"simulated": _short(distance(got, exact, rows).as_json())}
        if self.labels is not None and in_rows:
            known = min(samples, len(self.labels))
            for name, outputs in (("model_accuracy", exact), ("plan_accuracy", got)):
                flat = {v: a.reshape(samples, -1)[:known] for v, a in outputs.items()}
                found[name] = accuracy(flat, self.labels, known)
        return found


def judged(found: Mapping[str, Any], measurement: Measurement) -> list[Diagnostic]:
    """PPC4003 where the plan changes the outputs by too much, PPC4004 where something was not measured."""
    notes = [
        Diagnostic("PPC4004", f"accuracy was not measured for {text}", severity="warning",
                   help="ppc accuracy plan.py --data data.npz")
        for text in found["left_out"]
    ]  # fmt: skip
    simulated, limit = found["simulated"], measurement.limit
    if simulated is None or simulated["relative"] <= limit:
        return notes
    worst = max(found["nodes"], key=lambda row: row["alone"] or 0.0, default=None)
    by = "" if worst is None else f"; '{worst['node']}' in {worst['domain']} alone by {worst['alone'] or 0.0:.3g}"
    whose = "the policy allows" if measurement.from_policy else "the default limit is"
    change = f"{simulated['relative']:.3g} of their range, {whose} {limit:g}"
    return [
        Diagnostic(
            "PPC4003",
            f"simulated, the plan changes the outputs by {change}{by}",
            severity="error" if measurement.from_policy else "warning",
            node=None if worst is None else worst["node"],
            help="place that node where it runs exactly, relax `error`, or see `ppc suggest`",
            facts={"relative": simulated["relative"], "limit": limit},
        ),
        *notes,
    ]


def _simulated(
    module: Module, manifest: Mapping[str, Any], weights: Mapping[str, Array], batches: Batches
) -> dict[str, Array]:
    """Outputs by value: (batches, *shape)."""
    inputs = dict(zip(module.inputs, _names(module, "input_names", module.inputs), strict=True))
    outputs = dict(zip(module.outputs, _names(module, "output_names", module.outputs), strict=True))
    passes = [{inputs[value]: array for value, array in batch.items()} for batch in batches]
    runs = list(passes_here(manifest, weights, program_of(manifest["steps"]), passes, noise=True))
    return {value: np.stack([np.asarray(run[name]) for run in runs]) for value, name in outputs.items()}


def program_of(steps: Sequence[Mapping[str, Any]]) -> Program:
    """The program that plan.py will spell out."""

    def program(p: Session) -> None:
        values: dict[str, Any] = {"": None}
        for step in steps:
            operands = [p.weight(o) if o.startswith("@") else values[o] for o in step["operands"]]
            results = p.step(step["step"], *operands)
            made = results if isinstance(results, tuple) else (results,)
            values.update(zip(step["results"], made, strict=False))

    return program


def _names(module: Module, attribute: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    names = module.attrs.get(attribute, otherwise)
    assert isinstance(names, tuple)
    return tuple(map(str, names))


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    """Six digits: more are noise of the summation order."""
    return {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in row.items()}

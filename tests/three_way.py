"""The one helper of end-to-end tests: a plan is compared three ways, so that compiler bugs and crypto noise show apart.

1. reference of the imported model = the lowered plan in clear mode, to 1e-6 of the range: the compiler is right;
2. the reference = onnxruntime, to float32 rounding: the importer and the kernels are right;
3. the plan run by separate processes = the reference, within a budget: the cryptography is right.
(After `assert_compiles_and_matches_reference` of Microsoft EVA.)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ppc
from ppc.compiler.artefacts import Compiled
from ppc.compiler.frontend.onnx_import import import_model
from ppc.compiler.runner import reference
from ppc.ir.interpret import interpret
from ppc.runtime.data import load_inputs
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure
from ppc.runtime.session import run_local

EXAMPLES = Path(__file__).parents[1] / "examples"
MODELS, POLICIES = EXAMPLES / "models", EXAMPLES / "policies"


@dataclass
class Case:
    """A compiled plan on disk, the samples it ran on, and every way's outputs."""

    compiled: Compiled
    plan: Path
    feed: dict[str, NDArray[Any]]
    outputs: dict[str, NDArray[Any]]  # of the secure run
    expected: dict[str, NDArray[Any]]  # onnxruntime's
    report: dict[str, Any]


def assert_three_ways(
    folder: Path,
    model: Path,
    policy: Path | str | None = None,
    *,
    samples: int = 4,
    batch: int = 1,
    budget: float = 0.05,
    data: Path | None = None,
    **options: Any,
) -> Case:
    """Compile `model`, run `samples` of its stored inputs all three ways and compare. `budget` is the largest absolute
    error allowed of the secure run."""
    compiled = ppc.compile(model, policy, batch=batch, **options)
    path = compiled.save(folder / "plan.py")
    plan, program = Plan.load(path)
    inputs = plan.manifest["model"]["inputs"]
    stored, _ = load_inputs(data or model.with_suffix(".npz"), inputs)
    feed = {name: array[:samples] for name, array in stored.items()}
    clear = run_local(plan, program, feed, noise=False)
    source = _source_reference(model, batch, feed, samples, inputs)
    expected = reference(model, feed, samples)
    secure = run_secure(path, feed, timeout=60)
    for name, got in clear.items():
        scale = max(1.0, float(np.abs(source[name]).max()))
        assert np.abs(got - source[name]).max() <= 1e-6 * scale, f"{name}: the compiler changed the program"
        ort = expected[name].reshape(got.shape)
        assert np.abs(source[name] - ort).max() <= 1e-4 * scale, f"{name}: import or kernels differ from onnxruntime"
        assert np.abs(secure.outputs[name] - ort).max() <= budget, f"{name}: outside the error budget"
        assert agreement(secure.outputs[name], ort) == 1.0, f"{name}: another class won"
    return Case(compiled, path, feed, secure.outputs, expected, secure.report)


def _source_reference(
    model: Path, batch: int, feed: dict[str, NDArray[Any]], samples: int, inputs: Any
) -> dict[str, NDArray[Any]]:
    """The imported, unchanged module on numpy kernels, batch by batch."""
    from ppc.runtime.data import batches, unbatch

    module = import_model(model, batch=batch)
    shown = dict(zip(module.attrs["output_names"], module.outputs, strict=True))
    names = dict(zip(module.attrs["input_names"], module.inputs, strict=True))
    found = []
    for one in batches(feed, batch, inputs):
        results = interpret(module, {names[k]: v for k, v in one.items()})
        found.append({name: results[value] for name, value in shown.items()})
    return unbatch(found, samples, inputs)


def agreement(got: NDArray[Any], want: NDArray[Any]) -> float:
    """Share of samples with the same largest output (one output: on the same side of one half)."""
    a, b = got.reshape(len(got), -1), want.reshape(len(got), -1)
    same = a.argmax(1) == b.argmax(1) if a.shape[1] > 1 else (a[:, 0] > 0.5) == (b[:, 0] > 0.5)
    return float(same.mean())

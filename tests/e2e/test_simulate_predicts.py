"""Simulate mode predicts what cryptography adds to the plan in clear: the mean error of a secure run, within a factor
of two. The polynomials are the same in all modes, so they are left out: compared is what is on top of them."""

from pathlib import Path

import numpy as np
import pytest

import ppc
from ppc.runtime.data import load_inputs
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure
from ppc.runtime.session import run_local

EXAMPLES = Path(__file__).parents[2] / "examples"
HE = 'output * reveal to client because "its own prediction"\nallow he, client\nerror <= 0.1\n'
MPC = (EXAMPLES / "policies" / "mpc.ppc").read_text()
BOTH = (EXAMPLES / "policies" / "he_mpc.ppc").read_text()
RELU = "mlp_relu_breast_cancer"


@pytest.mark.parametrize(
    ("model", "policy", "domains", "samples"),
    [
        (RELU, HE, {"he"}, 24),
        (RELU, MPC, {"mpc"}, 32),
        ("mnist_cntk", MPC, {"mpc"}, 8),
        ("cryptonets_mnist", MPC, {"mpc"}, 16),
        ("lenet5_relu_maxpool_mnist", MPC, {"mpc"}, 8),
        ("lenet5_relu_maxpool_mnist", BOTH, {"he", "mpc"}, 4),
    ],
)
def test_mean_error_of_a_secure_run(model: str, policy: str, domains: set[str], samples: int, tmp_path: Path) -> None:
    source = EXAMPLES / "models" / f"{model}.onnx"
    data = source.with_suffix(".npz")
    compiled = ppc.compile(source, policy, calibrate=data if domains == {"he"} else None)
    assert {n["domain"] for n in compiled.report["nodes"]} == domains
    path = compiled.save(tmp_path / "plan.py")
    plan, program = Plan.load(path)
    stored, _ = load_inputs(data, plan.manifest["model"]["inputs"])
    feed = {name: array[:samples] for name, array in stored.items()}
    clear, simulated = (run_local(plan, program, feed, noise=noise) for noise in (False, True))
    secure = run_secure(path, feed, timeout=60, progress=False).outputs
    (name,) = clear
    predicted, found = (
        float(np.abs(outputs[name].astype(np.float64) - clear[name]).mean()) for outputs in (simulated, secure)
    )
    assert found > 0 and predicted / 2 < found < predicted * 2, (predicted, found)

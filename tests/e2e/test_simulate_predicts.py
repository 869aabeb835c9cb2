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
MODEL = EXAMPLES / "models" / "mlp_relu_breast_cancer.onnx"
HE = 'output * reveal to client because "its own prediction"\nallow he, client\nerror <= 0.1\n'
MPC = (EXAMPLES / "policies" / "mpc.ppc").read_text()


@pytest.mark.parametrize(("policy", "domain", "samples"), [(HE, "he", 8), (MPC, "mpc", 32)], ids=["he", "mpc"])
def test_mean_error_of_a_secure_run(policy: str, domain: str, samples: int, tmp_path: Path) -> None:
    compiled = ppc.compile(MODEL, policy, calibrate=MODEL.with_suffix(".npz"))
    assert {n["domain"] for n in compiled.report["nodes"]} == {domain}
    path = compiled.save(tmp_path / "plan.py")
    plan, program = Plan.load(path)
    stored, _ = load_inputs(MODEL.with_suffix(".npz"), plan.manifest["model"]["inputs"])
    feed = {name: array[:samples] for name, array in stored.items()}
    clear, simulated = (run_local(plan, program, feed, noise=noise) for noise in (False, True))
    secure = run_secure(path, feed, timeout=60, progress=False).outputs
    (name,) = clear
    predicted, found = (
        float(np.abs(outputs[name].astype(np.float64) - clear[name]).mean()) for outputs in (simulated, secure)
    )
    assert found > 0 and predicted / 2 < found < predicted * 2, (predicted, found)

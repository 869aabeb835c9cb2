"""The same model and policy give the same bytes, whatever the process's hash seed is."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from three_way import MODELS, POLICIES

SCRIPT = """
import sys, ppc
from pathlib import Path
model, policy, out = sys.argv[1:4]
ppc.compile(Path(model), Path(policy)).save(Path(out) / "plan.py")
"""


def compiled(folder: Path, model: Path, policy: Path, seed: str) -> dict[str, str]:
    folder.mkdir()
    line = [sys.executable, "-c", SCRIPT, str(model), str(policy), str(folder)]
    subprocess.run(line, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


@pytest.mark.parametrize(
    ("model", "policy"),
    [
        ("lenet5_relu_maxpool_mnist", "he_mpc_tee"),
        ("cryptonets_mnist", "mpc"),
        ("transformer_sms", "default_with_simulated_tee"),
    ],
)
def test_two_hash_seeds_one_plan(model: str, policy: str, tmp_path: Path) -> None:
    a, b = (
        compiled(tmp_path / seed, MODELS / f"{model}.onnx", POLICIES / f"{policy}.ppc", seed) for seed in ("1", "4242")
    )
    assert set(a) == {"plan.py", "plan.json", "plan.server.npz"}
    assert a == b

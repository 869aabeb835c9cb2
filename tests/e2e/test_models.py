"""Real models, all engines, separate processes."""

import os
from pathlib import Path

import numpy as np
import pytest
from three_way import MODELS, POLICIES, agreement, assert_three_ways

TEE = POLICIES / "default_with_simulated_tee.ppc"


@pytest.mark.parametrize("policy", ["mpc", "he_mpc", "he_mpc_tee"])
def test_lenet(policy: str, tmp_path: Path) -> None:
    """ReLU and max-pooling under three policies; the last has all three engines in one plan."""
    case = assert_three_ways(
        tmp_path, MODELS / "lenet5_relu_maxpool_mnist.onnx", POLICIES / f"{policy}.ppc", samples=4, batch=4
    )
    domains = {n["op"]: n["domain"] for n in case.compiled.report["nodes"]}
    assert domains["Conv"] == ("mpc" if policy == "mpc" else "he")
    assert case.compiled.report["simulated"] == (["tee"] if policy == "he_mpc_tee" else [])


def test_the_last_block_in_the_enclave(tmp_path: Path) -> None:
    """The policy of the example pins by operator and by node; the plan follows both."""
    import ppc

    nodes = ppc.compile(MODELS / "lenet5_relu_maxpool_mnist.onnx", POLICIES / "he_mpc_tee.ppc").report["nodes"]
    assert [n["domain"] for n in nodes] == ["he", "mpc", "mpc", "he", "mpc", "mpc"] + ["tee"] * 6


def test_cryptonets_under_he_alone(tmp_path: Path) -> None:
    case = assert_three_ways(
        tmp_path, MODELS / "cryptonets_mnist.onnx", targets=("he", "client"), samples=8, batch=8, budget=0.01
    )
    he = case.compiled.manifest["he"]
    assert he["security_bits"] >= 128 and he["degree"] in (8192, 16384)
    assert sum(he["prime_bits"]) <= {8192: 218, 16384: 438}[he["degree"]]
    assert {n["domain"] for n in case.compiled.report["nodes"]} == {"he"}
    assert "dealer" not in case.report["seconds"]["parties"]  # HE needs none, nor do its exits through shares


@pytest.mark.parametrize("model", ["mlp_relu_breast_cancer", "logreg_heart", "mnist_cntk", "transformer_sms"])
def test_default_policy_and_an_enclave(model: str, tmp_path: Path) -> None:
    """All labelled inputs: as many right as with onnxruntime, one more or less."""
    samples = len(np.load(MODELS / f"{model}.npz")["y"])
    case = assert_three_ways(tmp_path, MODELS / f"{model}.onnx", TEE, samples=samples)
    _accuracy_within_one(case, np.load(MODELS / f"{model}.npz")["y"])


@pytest.mark.parametrize("model", ["ecg_cnn1d", "transformer_sms_legacy", "lenet5_relu_maxpool_mnist_legacy"])
def test_models_that_may_not_be_copied(model: str, tmp_path: Path) -> None:
    corpus = os.environ.get("PPC_CORPUS")
    if not corpus:
        pytest.skip("PPC_CORPUS is not set: models whose data may not be copied are not tested")
    path = Path(corpus) / "models-ours" / f"{model}.onnx"
    labels = np.load(path.with_suffix(".npz"))["y"][:64]
    _accuracy_within_one(assert_three_ways(tmp_path, path, TEE, samples=64), labels)


def _accuracy_within_one(case: object, labels: np.ndarray) -> None:
    (got,), (want,) = case.outputs.values(), case.expected.values()  # type: ignore[attr-defined]
    assert abs(_right(got, labels) - _right(want, labels)) <= 1
    assert agreement(got, want.reshape(got.shape)) == 1.0


def _right(outputs: np.ndarray, labels: np.ndarray) -> int:
    flat = outputs.reshape(len(labels), -1)
    predicted = flat.argmax(1) if flat.shape[1] > 1 else (flat[:, 0] > 0.5).astype(int)
    return int((predicted == labels).sum())


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mpc", "he_mpc", "he_mpc_tee"])
def test_lenet_on_64_images(policy: str, tmp_path: Path) -> None:
    model = MODELS / "lenet5_relu_maxpool_mnist.onnx"
    assert_three_ways(tmp_path, model, POLICIES / f"{policy}.ppc", samples=64, batch=16)


@pytest.mark.slow
def test_cryptonets_on_256_images(tmp_path: Path) -> None:
    model = MODELS / "cryptonets_mnist.onnx"
    assert_three_ways(tmp_path, model, targets=("he", "client"), samples=256, batch=8, budget=0.01)

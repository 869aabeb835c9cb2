"""`ppc accuracy`: the model, the plan in clear and the plan simulated, on the same samples."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import ppc
from ppc.compiler.accuracy.statistics import LARGEST, accuracy, distance
from ppc.compiler.accuracy.trial import try_plan
from ppc.compiler.cli.app import app
from ppc.runtime.errors import PartyError

EXAMPLES = Path(__file__).parents[3] / "examples"
MODEL = EXAMPLES / "models" / "mlp_relu_breast_cancer.onnx"
DATA = MODEL.with_suffix(".npz")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiled = ppc.compile(MODEL, EXAMPLES / "policies" / "mpc.ppc")
    return compiled.save(tmp_path_factory.mktemp("plan") / "plan.py")


def test_three_ways_and_their_accuracy(plan: Path) -> None:
    ran = CliRunner().invoke(
        app, ["accuracy", str(plan), "--data", str(DATA), "--labels", "y", "--model", str(MODEL), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output)
    ways, stored = found["ways"], np.load(DATA)
    assert list(ways) == ["model", "clear", "simulate"] and found["samples"] == len(stored["x"])
    right = float((stored["out"].argmax(1) == stored["y"]).mean())
    assert ways["model"] == {"accuracy": right, "accuracy_difference": 0.0}
    assert ways["clear"]["max_error"] < 1e-4 < ways["simulate"]["max_error"] * 10, "only one of them rounds"
    assert ways["simulate"]["mean_error"] < ways["simulate"]["max_error"] < 0.01
    assert ways["simulate"]["argmax_agreement"] == 1.0


def test_without_the_model_the_clear_mode_is_compared_with(plan: Path) -> None:
    trial = try_plan(plan, DATA, model=None, labels=None, samples=3)
    assert trial.samples == 3 and [row.way for row in trial.rows] == ["clear", "simulate"]
    ran = CliRunner().invoke(app, ["accuracy", str(plan), "--data", str(DATA), "--samples", "3"])
    assert ran.exit_code == 0 and "against: plan in clear" in ran.output


def test_labels_from_a_file_and_wrong_ones(plan: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", 1 - np.load(DATA)["y"])
    trial = try_plan(plan, DATA, model=MODEL, labels=str(tmp_path / "y.npy"), samples=None)
    assert all(row.accuracy is not None and row.accuracy < 0.2 for row in trial.rows), "every label is turned around"
    np.save(tmp_path / "few.npy", np.zeros(3))
    for labels in (str(tmp_path / "few.npy"), "x", "nothing"):
        with pytest.raises(PartyError, match="PPC6005"):
            try_plan(plan, DATA, model=MODEL, labels=labels, samples=None)


def test_distance_counts_what_is_not_finite() -> None:
    want = {"y": np.array([[0.0, 2.0], [1.0, -2.0]])}
    exact = distance(want, want, 2)
    assert (exact.max_error, exact.relative, exact.argmax_agreement) == (0.0, 0.0, 1.0)
    other = distance({"y": np.array([[0.0, 2.0], [-3.0, -2.0]])}, want, 2)
    assert (other.max_error, other.mean_error, other.relative, other.argmax_agreement) == (4.0, 1.0, 1.0, 0.5)
    broken = distance({"y": np.array([[0.0, np.nan], [1.0, -2.0]])}, want, 2)
    assert broken.max_error >= LARGEST and broken.argmax_agreement == 0.5


def test_accuracy_of_labels_of_one_number_and_of_integers() -> None:
    labels = np.array([0, 1, 1, 0])
    assert accuracy({"p": np.array([[0.1], [0.9], [0.2], [0.3]])}, labels, 4) == 0.75
    assert accuracy({"label": np.array([0, 1, 1, 1]), "p": np.zeros((4, 2))}, labels, 4) == 0.75

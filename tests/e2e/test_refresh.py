"""A chain under HE that is deeper than the policy's price of levels: values go out through shares and come back."""

from io import StringIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from rich.console import Console
from small_models import make_model
from three_way import assert_three_ways

import ppc
from ppc.compiler.artefacts import Compiled
from ppc.compiler.report.build import CHEAPER
from ppc.compiler.report.terminal import render

POLICY = """input * secret of client
weight * secret of server
output * reveal to client because "it asked"
trust dealer non_colluding
place node * in he
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five times y = h + h * h with h = x @ w, and data beside it."""
    rng, nodes, weights, last = np.random.default_rng(0), [], {}, "x"
    for i in range(5):
        w = rng.normal(size=(8, 8))
        weights[f"w{i}"] = (w / np.abs(w).sum(axis=0)).astype(np.float32)
        nodes += [
            helper.make_node("MatMul", [last, f"w{i}"], [f"h{i}"], name=f"fc{i}"),
            helper.make_node("Mul", [f"h{i}", f"h{i}"], [f"s{i}"], name=f"square{i}"),
            helper.make_node("Add", [f"s{i}", f"h{i}"], [f"y{i}"], name=f"add{i}"),
        ]
        last = f"y{i}"
    path = tmp_path_factory.mktemp("model") / "chain.onnx"
    onnx.save(make_model(nodes, {"x": (1, 8)}, [last], weights), path)
    np.savez(path.with_suffix(".npz"), x=rng.uniform(-1, 1, (8, 1, 8)).astype(np.float32))
    return path


def test_values_are_refreshed_and_the_result_is_right(model: Path, tmp_path: Path) -> None:
    case = assert_three_ways(tmp_path, model, POLICY, samples=2, calibrate=model.with_suffix(".npz"))
    report, steps = case.compiled.report, [s["step"] for s in case.compiled.manifest["steps"]]
    assert {n["domain"] for n in report["nodes"]} == {"he"} and report["optimality"]["gap"] < 1e-9
    assert steps.count("convert.he_to_mpc") == steps.count("convert.mpc_to_he") > 0
    assert not any(step.startswith("mpc.") for step in steps)
    assert len(report["refreshed"]) == steps.count("convert.mpc_to_he")
    assert report["split"] == CHEAPER and CHEAPER in shown(case.compiled)
    assert case.compiled.manifest["he"]["degree"] == 8192


@pytest.mark.parametrize(
    ("line", "targets"),
    [
        ("require non_interactive", ("he", "mpc", "client")),
        ("deny mpc", ("he", "mpc", "client")),
        ("", ("he", "client")),
    ],
)
def test_no_refresh_where_it_may_not_be(model: Path, line: str, targets: tuple[str, ...]) -> None:
    """Nobody may have to answer in the middle, or shares are denied, or mpc is not among the targets."""
    compiled = ppc.compile(model, POLICY + line, targets=targets, calibrate=model.with_suffix(".npz"))
    assert not [s for s in compiled.manifest["steps"] if s["step"] == "convert.mpc_to_he"]
    assert compiled.manifest["he"]["degree"] > 8192
    assert compiled.report["split"] is None and "in parts" not in shown(compiled)


def shown(compiled: Compiled) -> str:
    """The report in a terminal, without its line breaks."""
    console = Console(width=200, file=StringIO())
    console.print(render(compiled.manifest))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]

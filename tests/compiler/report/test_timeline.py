"""Predicted beside measured: the segments of a plan, and what a run makes of them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ppc.compiler.artefacts import Compiled
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.report.compare import beside, total

EXAMPLES = Path(__file__).parents[3] / "examples"
LENET = EXAMPLES / "models" / "lenet5_relu_maxpool_mnist.onnx"
KEYS = ("seconds", "bytes", "rounds", "offline_bytes")


@pytest.fixture(scope="module")
def mixed() -> Compiled:
    return compile_model(Request(LENET, EXAMPLES / "policies" / "he_mpc_tee.ppc"))


def test_segments_cover_every_step_between_input_and_output(mixed: Compiled) -> None:
    rows = mixed.report["timeline"]
    steps = {s["id"]: s["step"] for s in mixed.manifest["steps"]}
    covered = [i for row in rows for i in range(row["first"], row["last"] + 1)]
    assert covered == [i for i, name in steps.items() if not name.endswith((".input", ".output"))]
    assert all(a["place"] != b["place"] for a, b in pairwise(rows))
    assert {"he", "mpc", "tee", "client to he", "he to mpc", "tee to client"} <= {row["place"] for row in rows}


@pytest.mark.parametrize("policy", ["he_mpc_tee", "he_mpc", "mpc", "default_with_simulated_tee"])
def test_the_segments_add_up_to_the_whole(policy: str) -> None:
    report = compile_model(Request(LENET, EXAMPLES / "policies" / f"{policy}.ppc")).report
    for key in ("bytes", "offline_bytes", "rounds"):
        assert sum(row[key] for row in report["timeline"]) == pytest.approx(report["predicted"][key]), key
    computed = sum(row["seconds"] for row in report["timeline"])
    assert computed < report["predicted"]["seconds"], "transfer comes on top"
    assert all(row[key] >= 0 for row in report["timeline"] for key in KEYS)
    assert all(row["seconds"] > 0 for row in report["timeline"] if row["place"] in ("he", "mpc", "tee", "client"))


def measured(row: int, **costs: float) -> dict[str, Any]:
    return {"id": row, "seconds": 0.0, "bytes_one_way": 0, "rounds": 0, **costs}


def test_what_was_measured_stands_beside_what_was_predicted() -> None:
    report = {
        "timeline": [
            {"place": "client to he", "first": 2, "last": 2, "seconds": 0.5, "bytes": 10.0, "rounds": 1.0},
            {"place": "he", "first": 3, "last": 4, "seconds": 2.0, "bytes": 0.0, "rounds": 0.0},
        ],
        "predicted": {"seconds": 3.0, "network": "lan"},
    }
    steps = [measured(2, seconds=1.0, bytes_one_way=30, rounds=3), measured(3, seconds=5.0), measured(4, seconds=1.0)]
    sent, he = beside(report, steps, passes=3)
    assert (sent.predicted.seconds, sent.predicted.bytes, sent.predicted.rounds) == (1.5, 30.0, 3.0)
    assert (sent.measured.seconds, sent.measured.bytes, sent.measured.rounds) == (1.0, 30, 3)
    assert (he.predicted.seconds, he.measured.seconds) == (6.0, 6.0)
    whole = total(report, 18.0, passes=3)
    assert whole.ratio == 2.0 and whole.network == "lan"
    assert list(beside({"predicted": {}}, steps, 1)) == [], "a plan of before has no timeline"

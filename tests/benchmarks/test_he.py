"""What `make bench-he` makes of its numbers, and how it comes by the server's."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from benchmarks.he import prototype
from benchmarks.he.__main__ import failures
from benchmarks.he.goals import Goal, asked_of, judged
from benchmarks.he.here import passes
from onnx import helper
from small_models import make_model

import ppc
from ppc.runtime.plan import Plan


@pytest.mark.parametrize(
    ("found", "least", "holds"),
    [(2.0, False, True), (2.1, False, False), (2.0, True, True), (1.9, True, False), (None, True, None)],
)
def test_a_goal_holds_at_its_limit(found: float | None, least: bool, holds: bool | None) -> None:
    goal = Goal("of something", found, 2.0, least)
    assert goal.holds is holds and goal.as_json()["holds"] is holds
    assert {True: "holds", False: "MISSED", None: "not measured"}[holds] in str(goal)


def row(name: str, **ratios: float) -> dict[str, Any]:
    kind = {"samples": 256, "error": 1e-3, "server_peak_bytes": 2e8, "galois_bytes": 7e6, "seal_share": 0.9}
    return {
        "network": name,
        "public": kind | {"predicted_he_s": 0.05},
        "secret": kind | {"predicted_he_s": 1e-4, "error": 3e-3},
        "ratios": ratios,
    }


def test_what_is_asked_of_a_network() -> None:
    found = row("w3", public_over_experiment=1.2, secret_over_public=3.0, public_over_predicted=0.7)
    goals = {g["name"]: g["holds"] for g in judged(found, asked_of(found))["goals"]}
    assert goals["times of the experiment"] is False and goals["circuit privacy, times as long"] is True
    assert goals["TenSEAL's interface, times as long"] is None
    assert goals["error of the range over 256 samples, secret"] is False
    assert goals["the server's HE steps off their prediction, public"] is False
    assert "the server's HE steps off their prediction, secret" not in goals, "too short to be asked"
    others = {g.name for g in asked_of(row("cryptonets_mnist"))}
    assert not {"times of the experiment", "share of the server's time in SEAL, public"} & others


def test_a_row_fails_with_any_of_its_parts() -> None:
    assert failures({"public": {}, "secret": {"failed": "no"}}) == ["no"]
    assert failures({"linear": {"failed": "no"}}) == ["no"] and failures({"failed": "no"}) == ["no"]
    assert failures(row("w3")) == []


SCRIPT = """import sys, time
start = time.perf_counter(); time.sleep(0.3)
slept = time.perf_counter() - start
for n, best in (("4ct", 2.5), ("1ct", 1.5 if slept < 0.2 else 99)):
    print(f"[w3 {n}] argv {sys.argv[1:]}\\n   server ms best {best} median(all 16) 7.00; client")
print("[w2 1ct]\\n   server ms best 0.1 median(all 16) 0.1")
"""


def test_the_experiment_is_timed_by_its_own_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prototype.script("w3") is None or "PPC_PROTOTYPES" in prototype.os.environ
    (tmp_path / "he_lowering").mkdir()
    (tmp_path / "he_lowering" / "run_w3.py").write_text(SCRIPT)
    monkeypatch.setenv("PPC_PROTOTYPES", str(tmp_path))
    assert prototype.script("w1") is None and prototype.script("cryptonets_mnist") is None
    path = prototype.script("w3")
    assert path is not None and prototype.measure("w3", path) == pytest.approx(1.5e-3)


def test_a_server_runs_the_passes_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPC_THREADS", "1")
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], name="fc"),
        helper.make_node("Mul", ["h", "h"], ["y"], name="square"),
    ]
    path = tmp_path / "square.onnx"
    onnx.save(make_model(nodes, {"x": (1, 8)}, ["y"], {"a": rng.normal(size=(8, 8)).astype(np.float32)}), path)
    plan = ppc.compile(path, targets=("he", "client")).save(tmp_path / "square.py")
    steps = [s["step"] for s in Plan.load(plan)[0].manifest["steps"]]
    assert any(s.startswith("he.") for s in steps) and "reveal.he_to_client" in steps
    found = passes(plan, rng.uniform(-1, 1, (1, 8)).astype(np.float32), 3)
    assert len(found) == 3 and all(0 < p.he < p.all for p in found)

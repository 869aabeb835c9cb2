"""The table of real models: what is kept of an interrupted run, what counts, and a row whose process dies."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.corpus import row as rows_module
from benchmarks.corpus import worker
from benchmarks.corpus.measure import Trial
from benchmarks.corpus.models import Model, corpus
from benchmarks.corpus.row import Row, Rows, Run
from benchmarks.corpus.table import line, totals

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"


def ran(error: float = 1e-5, agree: int = 4) -> Run:
    return Run(4, 100, 2.0, 0.1, 1000, error, error / 3, agree, 4)


def compiled(model: str, policy: str, run: Run, *domains: str) -> Row:
    return Row(model, "models-ours", policy, "compiled", domains=list(domains), runs={"secure": run})


def test_rows_of_an_interrupted_run_are_kept_as_long_as_the_sources_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "corpus.json"
    Rows(path, ("clear", "secure"), keep=False).put(compiled("a", "mpc", ran(), "mpc"))
    again = Rows(path, ("secure",), keep=False)
    assert again.get("a", "mpc") == compiled("a", "mpc", ran(), "mpc") and again.get("a", "tee") is None
    assert Rows(path, ("simulate",), keep=False).get("a", "mpc") is None, "it was not run in this mode"
    again.put(Row("b", "models-ours", "mpc", why="a bug"))
    assert Rows(path, ("secure",), keep=False).get("b", "mpc") is None, "it may have been the machine"
    monkeypatch.setattr(rows_module, "sources", lambda: "others")
    assert Rows(path, ("secure",), keep=False).get("a", "mpc") is None
    assert Rows(path, ("secure",), keep=True).get("a", "mpc") is not None


def test_thresholds_are_about_the_judged_models() -> None:
    good = [compiled(f"m{i}", "mpc", ran(), "mpc") for i in range(55)]
    assert totals(good, "secure")[1] and not totals(good[1:], "secure")[1]
    (said,), met = totals([*good, compiled("bad", "mpc", ran(0.02, 0), "mpc")], "secure")
    assert not met and "missed: 55 within 0.01 of the range, argmax 220/224" in said
    bench = Row("w1", "models-bench", "mpc", "failed", why="a bug")
    assert totals([*good, bench], "secure")[1], "models of others count in no threshold"
    pinned = [compiled(f"m{i}", "he pinned", ran(), *(("he",) if i < 39 else ())) for i in range(60)]
    assert "39 with HE (>= 40)" in totals(pinned, "secure")[0][0] and not totals(pinned, "secure")[1]


def test_a_line_says_what_failed() -> None:
    row = compiled("m", "mpc", ran(0.02), "mpc")
    row.broken["secure"] = "PartyError: gone"
    assert "2.0e-02!" in line(row) and "secure FAILED: PartyError: gone" in line(row)
    assert "PPC3001" in line(Row("m", "models-ours", "mpc", "refused", "PPC3001", "no domain"))


def test_a_process_that_dies_costs_its_row_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text(
        "import json, os, sys\n"
        "for policy in sys.argv[1:]:\n"
        "    if policy == 'he': print('no memory', file=sys.stderr, flush=True); os._exit(9)\n"
        "    print(json.dumps({'model': 'm', 'group': 'g', 'policy': policy, 'runs': {}}), flush=True)\n"
    )
    start = worker.subprocess.Popen
    monkeypatch.setattr(
        worker.subprocess, "Popen", lambda command, **how: start([sys.executable, str(script), *command[8:]], **how)
    )
    model = Model(tmp_path / "m.onnx", "g")
    found = {row.policy: row for row in worker.rows(model, ["mpc", "he", "tee"], ("clear",), 60, None)}
    assert list(found) == ["mpc", "he", "tee"] and found["he"].outcome == "failed"
    assert found["he"].why == "the process ended with 9: no memory"


def test_a_model_is_compiled_and_run_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models-ours"
    folder.mkdir()
    for end in (".onnx", ".npz"):
        shutil.copy(EXAMPLES / f"logreg_heart{end}", folder)
    monkeypatch.setenv("PPC_CORPUS", str(tmp_path))
    (model,) = corpus(tmp_path)
    tee, mpc = worker.rows(model, ["tee", "no dealer"], ("clear",), 120, 3)
    for row in (tee, mpc):
        assert (row.outcome, row.runs["clear"].samples) == ("compiled", 3) and row.runs["clear"].error < 1e-5
    assert json.loads(json.dumps(mpc.domains)) == ["he"]


def test_scores_are_judged_by_argmax_and_maps_are_not() -> None:
    want = np.eye(3)[[0, 1, 2, 1]]
    trial = Trial(Path(), {"x": np.zeros((4, 1))}, {"y": want, "map": np.zeros((4, 1, 2, 2))}, 4, 0.1)
    error, noise, votes = trial._judge("y", want[[0, 1, 2, 0]], want)
    assert (error, noise > 0, votes.tolist()) == (1.0, True, [True, True, True, False])
    trial.expected["score"] = np.array([[0.1], [0.6], [0.4], [0.9]])
    assert trial._judge("score", np.full((4, 1), 0.7), np.full((4, 1), 0.7))[2].tolist() == [False, True, False, True]
    assert trial._judge("map", np.zeros((4, 1, 2, 2)), np.zeros((4, 1, 2, 2)))[2] is None


def test_a_nan_or_a_missing_output_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    want = {"y": np.zeros((4, 2)), "z": np.arange(8.0).reshape(4, 2)}
    got = {"y": np.full((4, 2), np.nan), "z": want["z"] + 0.1}
    monkeypatch.setattr(Trial, "_local", lambda self, feed, *, noise: got)
    run = Trial(Path(), {"x": np.zeros((4, 1))}, want, 4, 0.0).run("clear")
    assert np.isnan(run.error)
    row = compiled("m", "mpc", run, "mpc")
    assert "nan!" in line(row)
    row.runs = {"secure": run}
    assert "missed: 0 within 0.01" in totals([row] * 55, "secure")[0][0]
    del got["z"]
    with pytest.raises(KeyError, match="z"):
        Trial(Path(), {"x": np.zeros((4, 1))}, want, 4, 0.0).run("clear")


def test_what_has_to_be_refused_is_refused() -> None:
    negative = Row("super_resolution_prepost", "models-public", "mpc", "refused", "PPC1010", "a custom operator")
    good = [compiled(f"m{i}", "mpc", ran(), "mpc") for i in range(55)]
    assert totals([*good, negative], "secure")[1]
    negative.code = "PPC3001"
    lines, met = totals([*good, negative], "secure")
    assert not met and "has to be refused with PPC1010" in lines[0]

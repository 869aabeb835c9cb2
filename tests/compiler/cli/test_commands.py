"""The command line, as people and pipelines use it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
MODELS, POLICIES = ROOT / "examples" / "models", ROOT / "examples" / "policies"
LENET = MODELS / "lenet5_relu_maxpool_mnist.onnx"
LOGREG = MODELS / "logreg_heart.onnx"
HEAD = """party client, server, dealer, enclave
input * secret of client
weight * secret of server
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
"""
OUTPUT = 'output * reveal to client because "its own prediction"\n'


def ppc(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-c", "from ppc.compiler.cli import main; main()", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_help_is_light() -> None:
    """Nothing heavy is imported before a command needs it."""
    heavy = ("numpy", "onnx", "scipy", "torch", "tenseal", "jinja2", "lark", "networkx", "rich.table")
    script = f"""
import sys
sys.argv = ["ppc", "--help"]
from ppc.compiler.cli import main
try:
    main()
finally:
    print([m for m in {heavy} if m in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and "compile" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("policy", "code", "words"),
    [
        (HEAD + OUTPUT + 'allow tee, client\nallow simulated tee\ndeny tee for input "input"\n', "PPC3001", "deny tee"),
        (HEAD + 'output * reveal to dealer because "why not"\n', "PPC2012", "dealer"),
        (HEAD + OUTPUT + 'place node "node_relu" in server\n', "PPC3002", "server would see"),
        (HEAD + OUTPUT + "allow he, client\nplace operator MaxPool in he\n", "PPC3002", "comparisons"),
        (HEAD + OUTPUT + "allow mpc, clinet\n", "PPC2", "client"),
        (HEAD + OUTPUT + "limit latency <= 1 us\n", "PPC3004", "latency"),
        (HEAD + OUTPUT + 'place node "nothere" in mpc\n', "PPC2010", "nothere"),
    ],
    ids=["tee denied", "wrong party", "server would see", "cannot run", "typo", "limit", "no such node"],
)
def test_check_says_why_and_writes_nothing(policy: str, code: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "p.ppc").write_text(policy)
    done = ppc("check", LENET, "--policy", "p.ppc", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert f"error[{code}" in done.stderr and words in done.stderr and "help:" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(f.name for f in tmp_path.iterdir()) == ["p.ppc"]
    done = ppc("compile", LENET, "--policy", "p.ppc", "-o", "plan.py", cwd=tmp_path)
    assert done.returncode == 1
    assert sorted(f.name for f in tmp_path.iterdir()) == ["p.ppc"]


def test_exit_codes(tmp_path: Path) -> None:
    assert ppc("check", LOGREG).returncode == 0
    assert ppc("check", tmp_path / "absent.onnx").returncode == 1
    assert ppc("compile", LOGREG, "--no-such-option").returncode == 2
    assert ppc("compile", LOGREG, "--targets", "gpu", "-o", tmp_path / "plan.py").returncode == 1
    (tmp_path / "mine.py").write_text("print('precious')")
    done = ppc("compile", LOGREG, "-o", tmp_path / "mine.py")
    assert done.returncode == 1 and "PPC5003" in done.stderr
    assert (tmp_path / "mine.py").read_text() == "print('precious')"


def test_compile_run_inspect_verify(tmp_path: Path) -> None:
    """The fields that programs rely on."""
    plan = tmp_path / "plan.py"
    assert ppc("compile", LENET, "--policy", POLICIES / "he_mpc.ppc", "-o", plan, "-q").returncode == 0
    found = json.loads(ppc("inspect", plan, "--json").stdout)
    assert {"nodes", "segments", "parties", "reveals", "he", "optimality", "predicted", "trust"} <= set(found)
    assert all({"name", "op", "domain", "why_not"} <= set(n) for n in found["nodes"])
    assert {"poly_modulus_degree", "coeff_modulus_bits", "security_bits", "galois_keys"} <= set(found["he"])
    assert found["he"]["security_bits"] >= 128
    assert {"objective", "value", "bound", "gap"} <= set(found["optimality"]) and found["optimality"]["gap"] < 1e-6
    assert {"seconds", "bytes", "rounds"} <= set(found["predicted"])
    assert all({"value", "to", "because"} <= set(r) for r in found["reveals"])
    assert found["without_pins"]["nodes"], "the pins changed something, and the report says what"

    done = ppc("run", plan, "--data", LENET.with_suffix(".npz"), "--samples", "1", "--compare", LENET, "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    fields = {"samples", "max_abs_err", "argmax_agreement", "seconds", "bytes", "rounds", "mode", "simulated"}
    assert fields <= set(run)
    assert {"setup", "offline", "online", "total", "parties"} <= set(run["seconds"])
    assert {"client", "server", "dealer", "total"} <= set(run["bytes"])
    places = [s["place"] for s in run["segments"]]
    assert places[:3] == ["client to he", "he", "he to mpc"] and places[-1] == "mpc to client"
    assert all(s["measured"]["seconds"] > 0 for s in run["segments"] if s["place"] in ("he", "mpc"))
    assert run["online"]["measured_seconds"] == run["seconds"]["online"] and run["online"]["ratio"] > 0
    assert run["samples"] == 1 and run["mode"] == "secure" and run["simulated"] == []
    assert run["max_abs_err"] < 0.05 and run["argmax_agreement"] == 1.0

    done = ppc("verify", plan, "--model", LENET)
    assert done.returncode == 0 and "same bytes" in done.stdout
    done = ppc("verify", plan, "--model", LOGREG)
    assert done.returncode == 1 and "PPC" in done.stderr


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"input": np.zeros((2, 12), np.float32)}, "PPC6005"),
        ({"input": np.full((1, 13), np.nan, np.float32)}, "PPC6005"),
        ({"other": np.zeros((1, 13), np.float32), "more": np.zeros(1, np.float32)}, "PPC6005"),
        ({"input": np.array([["a"] * 13])}, "PPC6005"),
    ],
    ids=["shape", "nan", "name", "type"],
)
def test_bad_data_is_named(arrays: dict[str, np.ndarray], code: str, tmp_path: Path) -> None:
    assert ppc("compile", LOGREG, "-o", tmp_path / "plan.py", "-q").returncode == 0
    np.savez(tmp_path / "x.npz", **arrays)
    done = ppc("run", tmp_path / "plan.py", "--data", tmp_path / "x.npz")
    assert done.returncode == 1 and done.stderr.count(f"error[{code}]") == 1, done.stderr
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:100])
    done = ppc("run", tmp_path / "plan.py", "--data", tmp_path / "x.npz")
    assert done.returncode == 1 and "error[PPC6005]" in done.stderr


def test_every_code_is_explained() -> None:
    from ppc.ir.codes import all_codes
    from ppc.runtime.errors import CODES

    rows = [*all_codes().values(), *CODES]
    assert len({r.code for r in rows}) == len(rows) >= 60
    assert all(r.title and len(r.explanation) > 40 and r.fix for r in rows)
    done = ppc("explain", "ppc3001")
    assert done.returncode == 0 and "PPC3001" in done.stdout
    assert ppc("explain", "PPC0000").returncode == 2


def test_fmt(tmp_path: Path) -> None:
    policy = tmp_path / "p.ppc"
    policy.write_text("deny  tee,he  # no hardware\n\n\n\nrequire security>=128")
    done = ppc("fmt", "--check", policy)
    assert done.returncode == 1 and "+deny tee, he  # no hardware" in done.stdout
    assert ppc("fmt", policy).returncode == 0
    assert policy.read_text() == "deny tee, he  # no hardware\n\nrequire security >= 128\n"
    assert ppc("fmt", "--check", policy).returncode == 0
    policy.write_bytes(b"deny \xff")
    done = ppc("fmt", policy)
    assert done.returncode == 1 and "error[PPC2001]" in done.stderr
    assert ppc("fmt", tmp_path / "absent.ppc").returncode == 2


def test_the_example_policies_are_formatted() -> None:
    done = ppc("fmt", "--check", *sorted(POLICIES.glob("*.ppc")), ROOT / "examples" / "demo" / "policy.ppc")
    assert done.returncode == 0, done.stdout


def test_keys_and_doctor(tmp_path: Path) -> None:
    assert ppc("keys", tmp_path / "keys").returncode == 0
    made = {str(f.relative_to(tmp_path / "keys")) for f in (tmp_path / "keys").rglob("*.pem")}
    assert {"client/key.pem", "server/cert.pem", "enclave/attestation.key.pem", "client/attestation.pem"} <= made
    assert "client/attestation.key.pem" not in made
    assert ppc("keys", tmp_path / "keys").returncode == 1  # never overwritten
    rows = json.loads(ppc("doctor", "--json").stdout)
    assert {"python", "tenseal", "torch", "enclave"} <= {r["what"] for r in rows}


def test_opt_on_text(tmp_path: Path) -> None:
    text = ROOT / "tests" / "golden" / "whole_pipeline.ppc"
    done = ppc("opt", text, "-p", "label-flow,approximate,assign,convert,lower,check")
    assert done.returncode == 0 and "mpc.Softmax" in done.stdout, done.stderr
    assert ppc("opt", text, "-p", "no-such-pass").returncode in (1, 2)


def test_calibrate_stores_a_table_that_compile_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with the sections replaced: what it writes is what `ppc compile` reads."""
    from typer.testing import CliRunner

    from ppc.compiler.cli.app import app
    from ppc.compiler.measure import clear, link, mpc, passes, table
    from ppc.compiler.measure.stopwatch import Stopwatch
    from ppc.targets.prices import Prices

    rows = Prices.shipped().rows
    monkeypatch.setenv("PPC_HOME", str(tmp_path))
    monkeypatch.setattr(link, "measure", lambda watch: rows["link"])
    monkeypatch.setattr(clear, "measure", lambda watch: rows["clear"])
    monkeypatch.setattr(mpc, "measure", lambda watch: {**rows["mpc"], "round": 1.0})
    monkeypatch.setattr(passes, "measure", lambda watch, sections: rows["link"]["pass"])
    monkeypatch.setattr(table, "he_section", lambda watch, told: rows["he"])
    monkeypatch.setattr(table, "batch_section", lambda watch, told: rows["batch"])
    monkeypatch.setattr(Stopwatch, "wait_for_quiet", lambda watch, force: None)
    done = CliRunner().invoke(app, ["calibrate", "--quick"])
    assert done.exit_code == 0, done.output
    stored = json.loads((tmp_path / "calibration.json").read_text())
    assert stored["schema"] == 1 and stored["load"]["forced"] is False and stored["thorough"] is False
    assert {"cpu", "architecture", "cores", "versions"} == set(stored["machine"])
    assert ppc("compile", LOGREG, "-o", tmp_path / "plan.py", "-q").returncode == 0
    report = json.loads((tmp_path / "plan.json").read_text())["report"]
    assert report["prices"]["table"] == "measured" and report["prices"]["date"] == stored["date"]
    (tmp_path / "calibration.json").write_text("{")
    done2 = ppc("compile", LOGREG, "-o", tmp_path / "plan.py", "-q")
    assert done2.returncode == 1 and "error[PPC5022]" in done2.stderr and "Traceback" not in done2.stderr


def test_deal_then_run_without_a_dealer(tmp_path: Path) -> None:
    assert ppc("compile", LOGREG, "-o", "plan.py", "--policy", POLICIES / "mpc.ppc", cwd=tmp_path).returncode == 0
    dealt = ppc("deal", "plan.py", "--runs", 2, "-q", cwd=tmp_path)
    assert dealt.returncode == 0, dealt.stderr
    assert "server: 2 passes stored" in dealt.stdout and (tmp_path / "plan.material" / "client").is_dir()
    line = ["run", "plan.py", "--data", LOGREG.with_suffix(".npz"), "--json", "--samples"]
    one = ppc(*line, 1, cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    assert "dealer" not in json.loads(one.stdout)["bytes"]
    two = ppc(*line, 2, cwd=tmp_path)
    assert two.returncode == 1 and "PPC6009" in two.stderr and "1 passes are left" in two.stderr
    fresh = ppc(*line, 1, "--fresh", cwd=tmp_path)
    assert fresh.returncode == 0 and "dealer" in json.loads(fresh.stdout)["bytes"]
    assert ppc(*line, 1, "--when-empty", "later", cwd=tmp_path).returncode == 2
    assert ppc(*line, 1, "--fresh", "--material", "plan.material", cwd=tmp_path).returncode == 2
    assert ppc("deal", "plan.py", "--runs", 0, cwd=tmp_path).returncode == 2

"""`ppc network` of two parties, each a process as on its own machine; `ppc compile --network` takes what it wrote."""

import json
import subprocess
import sys
from pathlib import Path

from ppc.runtime.keys import make_keys
from ppc.runtime.launch import reserve_ports
from ppc.runtime.net.address import show

MODEL = Path(__file__).parents[3] / "examples" / "models" / "logreg_heart.onnx"
PPC = [sys.executable, "-c", "from ppc.compiler.cli import main; main()"]
TIMEOUT = 120


def test_two_parties_measure_and_a_plan_is_priced_by_it(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", ("client", "server"))
    file, plan = tmp_path / "network.ppc", tmp_path / "plan.py"
    with reserve_ports(("server",)) as addresses:
        at = show(addresses["server"])
        common = [*PPC, "network", "--keys", str(tmp_path / "keys")]
        server = subprocess.Popen([*common, "--party", "server", "--listen", at], stdout=subprocess.PIPE, text=True)
        client = subprocess.run(
            [*common, "--party", "client", "--connect", f"server={at}", "-o", str(file)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        told, _ = server.communicate(timeout=TIMEOUT)
    assert (client.returncode, server.returncode) == (0, 0), client.stderr
    line = file.read_text().strip()
    assert line.startswith("network measured bandwidth ")
    assert client.stdout.splitlines()[-1] == line
    assert told.splitlines()[-1] == line

    made = subprocess.run([*PPC, "compile", str(MODEL), "-o", str(plan), "--network", str(file), "-q"], timeout=TIMEOUT)
    assert made.returncode == 0
    manifest = json.loads(plan.with_suffix(".json").read_text())
    assert manifest["report"]["predicted"]["network"] == "measured"
    assert str(tmp_path) not in plan.with_suffix(".json").read_text()


def test_a_party_that_is_not_named_is_refused(tmp_path: Path) -> None:
    line = [*PPC, "network", "--party", "dealer", "--keys", str(tmp_path)]
    found = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT)
    assert found.returncode == 2
    assert "dealer" in found.stderr

"""MPC beside CrypTen: `make bench-mpc`, or `python -m benchmarks.mpc [case ...] [--network lan wan]`.

Writes build/bench/mpc.json: for each case and network what a pass costs ppc (separate processes, TLS, a dealer), and
in the same run, one after the other, CrypTen's default provider and its trusted third party (separate processes,
gloo). Set-up, offline and online apart, rounds, bytes, the largest error against onnxruntime; on the WAN (100 Mbit/s,
40 ms, emulated) also the least that so many rounds and bytes take, and how many times that the pass took. Ratios are
those of one run on one machine.

Computing parties are machines of their own in life: here each has a core of its own, of ppc as of CrypTen
(`ppc.compiler.measure.cores`); CrypTen's third party shares them. The dealer of ppc has dealt before: its offline time
is the mean of the passes that were dealt for, sealed and stored. Online times are those of the fastest pass. ppc's
set-up has the loading of its libraries in it, CrypTen's has not. On the WAN CrypTen is far above its least: it
counts one round where Gloo takes two messages, and Gloo sends when it was told that the other side waits.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# before numpy is loaded, and inherited by the parties: one core each
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PPC_THREADS": "1"}

from benchmarks.mpc.cases import Case, cases
from benchmarks.mpc.runs import Cost, crypten, ours
from benchmarks.mpc.table import HEAD, line, ratios, said
from ppc.compiler.measure.cores import placing
from ppc.compiler.measure.machine import fingerprint
from ppc.ir.diagnostic import UserError
from ppc.runtime.errors import PartyError

OUT = Path("build/bench/mpc.json")
#: Who is compared with: CrypTen's name of a provider -> ours.
PROVIDERS = {"TFP": "crypten", "TTP": "crypten_ttp"}


def main() -> int:
    """1 where ppc did not run a case; 2 for a case that there is not."""
    asked = _parser().parse_args()
    known = {case.name: case for case in cases()}
    if unknown := set(asked.cases) - set(known):
        print(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    rows = []
    print(f"{placing()}\n{HEAD}")
    for case in known.values():
        for network in asked.network if not asked.cases or case.name in asked.cases else ():
            rows.append(measured(case, network, asked))
            _write(asked.json, rows)
    print(f"wrote {asked.json} (load average {os.getloadavg()[0]:.1f}: times of a busy machine are upper bounds)")
    return int(any("failed" in row["ppc"] for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="only these")
    parser.add_argument("--network", nargs="+", default=["lan", "wan"], choices=["lan", "wan"])
    parser.add_argument("--provider", nargs="*", default=list(PROVIDERS), choices=PROVIDERS, help="of CrypTen")
    parser.add_argument("--objective", default="latency", help="of ppc's plans, as for `ppc compile`")
    parser.add_argument("--repeat", type=int, default=2, help="runs of ppc, of which that with the fastest pass counts")
    parser.add_argument("--json", type=Path, default=OUT)
    return parser


def measured(case: Case, network: str, asked: argparse.Namespace) -> dict[str, Any]:
    """One case on one network, every way."""
    row: dict[str, Any] = {"case": case.name, "network": network, "objective": asked.objective}
    row["ppc"] = _attempt(row, "ppc", lambda folder: ours(case, network, asked.objective, folder, asked.repeat))
    for provider in asked.provider:
        name = PROVIDERS[provider]
        row[name] = _attempt(row, name, lambda folder, p=provider: crypten(case, network, p, folder))
        row[name] |= ratios(row["ppc"], row[name])
        print(said(name, row[name]), flush=True)
    return row


def _attempt(row: dict[str, Any], who: str, run: Callable[[Path], Cost]) -> dict[str, Any]:
    """What it cost, or why it failed; either is printed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found: dict[str, Any] = run(Path(folder)).as_json()
        except (UserError, PartyError) as e:
            found = {"failed": str(e)}
    found["load_average"] = os.getloadavg()[0]
    print(line(row["case"], row["network"], who, found), flush=True)
    return found


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": fingerprint(), "placing": placing(), "rows": rows}
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())

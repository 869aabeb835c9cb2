"""All parties of a plan on this machine, own process each, TLS over loopback: to run it, or to deal material ahead."""

import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ppc.runtime import dealing
from ppc.runtime.data import read_arrays, save_atomic
from ppc.runtime.keys import make_keys, private_folder
from ppc.runtime.launch import Outcome, launch, reserve_ports
from ppc.runtime.net.address import Address, show
from ppc.runtime.phases import needs_dealer, pairs, roles
from ppc.runtime.places import holders
from ppc.runtime.plan import Plan
from ppc.runtime.progress import Progress
from ppc.runtime.tee.roots import write_roots


@dataclass
class SecureRun:
    """Outputs by name, and what was measured: seconds, bytes, rounds, a row a step."""

    outputs: dict[str, NDArray[Any]]
    report: dict[str, Any]


def run_secure(
    path: Path,
    feed: Mapping[str, NDArray[Any]],
    *,
    timeout: float = 60.0,
    progress: bool = False,
    material: Path | None = None,
    when_empty: str = "fail",
    link: Callable[[Address], Address] | None = None,
    core_of: Callable[[str], int | None] | None = None,
) -> SecureRun:
    """Start all parties, wait for them, collect the client's outputs. Raises PartyError with the first cause.

    The input lies in a private folder in memory while the run lasts; each party is told only where its own keys are.
    With `material`, a folder that `deal_here` filled, no dealer is started. `link` says at which address a party dials
    one that listens elsewhere (a network that is emulated). `core_of`: see `launch`.
    """
    plan, _ = Plan.load(path)
    stocked = material is not None and needs_dealer(plan.manifest)
    parties, talk = roles(plan.manifest, stocked=stocked), pairs(plan.manifest, stocked=stocked)
    with ExitStack() as stack:
        private = stack.enter_context(private_folder())
        keys = _keys(plan, material if stocked and material is not None else private)
        data, output = private / "input.npz", private / "output.npz"
        save_atomic(data, dict(feed))
        addresses = stack.enter_context(reserve_ports(parties))
        shown = stack.enter_context(Progress(parties, quiet=not progress))
        dialled = {party: link(address) if link else address for party, address in addresses.items()}
        stored = ["--material", str(material), "--when-empty", when_empty] if stocked else []

        def command(party: str) -> list[str]:
            line = _command(path, party, keys, timeout, {**dialled, party: addresses[party]}, talk)
            line += stored if party != "enclave" else []
            return line + (["--data", str(data), "-o", str(output)] if party == "client" else [])

        outcomes = launch(command, parties, on_event=shown, core_of=core_of)
        return SecureRun(read_arrays(output, "PPC6012"), combine(outcomes))


def deal_here(path: Path, folder: Path, runs: int, *, timeout: float = 60.0, progress: bool = False) -> dict[str, Any]:
    """Start dealer and holders of shares and let them fill `folder` with a lot of so many passes; what each reports."""
    plan, _ = Plan.load(path)
    dealing.wanted(plan, "dealer", runs)
    keys = _keys(plan, folder)
    parties, talk, stocks = dealing.parties(plan.manifest), dealing.pairs(plan.manifest), holders(plan.manifest)
    with reserve_ports(parties) as addresses, Progress(parties, quiet=not progress) as shown:

        def command(party: str) -> list[str]:
            line = [*_command(path, party, keys, timeout, addresses, talk), "--deal"]
            line += ["--material", str(folder)] if party in stocks else []
            return line + (["--runs", str(runs)] if party == "dealer" else [])

        outcomes = launch(command, parties, on_event=shown)
        return {party: outcome.results for party, outcome in outcomes.items()}


def _keys(plan: Plan, folder: Path) -> Path:
    """Keys of all parties of the plan under `folder`: made where there are none. Material opens only with the keys of
    the party that it was dealt to, so they stay beside it."""
    keys, parties = folder / "keys", roles(plan.manifest)
    if not keys.exists():
        make_keys(keys, parties)
        write_roots(keys, parties)
    return keys


def _command(
    path: Path,
    party: str,
    keys: Path,
    timeout: float,
    addresses: Mapping[str, Address],
    talk: Collection[tuple[str, str]],
) -> list[str]:
    """The command line of one party; `addresses`: its own, and where it dials the others."""
    peers = {p for pair in talk if party in pair for p in pair} - {party}
    line = [sys.executable, str(path), "--party", party, "--keys", str(keys), "--timeout", str(timeout)]
    line += ["--listen", show(addresses[party])]
    for peer in sorted(peers):
        line += ["--connect", f"{peer}={show(addresses[peer])}"]
    return line


#: Of a step that several parties take, the most that one of them measured counts.
MOST = ("seconds", "waited", "rounds", "bytes_one_way")


def combine(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """One report of what all parties measured. A phase lasts as long as its slowest party; traffic adds up."""
    found = {party: o.results for party, o in outcomes.items()}
    phases = {p: max(r["phases"].get(p, 0.0) for r in found.values()) for p in ("setup", "offline", "online")}
    seconds: dict[str, Any] = {**phases, "total": sum(phases.values())}
    seconds["parties"] = {party: dict(r["phases"]) for party, r in found.items()}
    seconds["online_passes"] = {party: r["online"] for party, r in found.items() if party != "dealer"}
    seconds["busy"] = {party: sum(s["seconds"] for s in r["steps"]) for party, r in found.items() if party != "dealer"}
    seconds["passes"] = {party: r["passes"] for party, r in found.items() if party != "dealer"}
    seconds["waited"] = {party: sum(s["waited"] for s in r["steps"]) for party, r in found.items() if party != "dealer"}
    sent = {party: r["bytes_sent"] for party, r in found.items()}
    rows: dict[int, dict[str, Any]] = {}
    for party, r in found.items():
        if party == "dealer":
            continue  # it worked ahead of the passes: its bytes are offline
        for step in r["steps"]:
            row = rows.setdefault(step["id"], {**step, **dict.fromkeys(MOST, 0), "bytes_sent": 0})
            busiest = {**step, "bytes_one_way": step["bytes_sent"]}
            row.update({key: max(row[key], busiest[key]) for key in MOST})
            row["bytes_sent"] += step["bytes_sent"]
    return {
        "seconds": seconds,
        "bytes": {**sent, "total": sum(sent.values())},
        "peak_memory": {party: r["peak_memory"] for party, r in found.items()},
        "rounds": max(r["rounds"] for party, r in found.items() if party != "dealer"),
        "steps": [rows[i] for i in sorted(rows)],
        "notes": {party: dict(r["notes"]) for party, r in found.items()},
    }

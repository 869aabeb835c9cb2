"""Which table of prices a compilation uses: one that is named, the one stored for this machine, or the shipped one."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppc.compiler.artefacts import write_file
from ppc.compiler.measure.machine import differences, fingerprint
from ppc.ir.diagnostic import Diagnostic, fail
from ppc.targets.prices import BadTable, Prices

#: Larger files are no tables of prices.
LARGEST = 1 << 20


@dataclass(frozen=True)
class PriceTable:
    """A table that was chosen. `notes`: why it was not another one."""

    prices: Prices = field(default_factory=Prices.shipped)
    notes: tuple[Diagnostic, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the rows alone: the same prices make the same plan."""
        rows = json.dumps(self.prices.rows, sort_keys=True, allow_nan=False)
        return "sha256:" + hashlib.sha256(rows.encode()).hexdigest()

    @property
    def summary(self) -> dict[str, Any]:
        """For the report of a plan. Nothing about the machine but what kind it is: a plan is public."""
        facts = self.prices.facts
        machine, load = facts["machine"], facts.get("load")
        forced = isinstance(load, dict) and load.get("forced") is True
        kind = {"architecture": str(machine.get("architecture")), "cores": machine.get("cores")}
        table = "shipped" if self.prices.rows == Prices.shipped().rows else "measured"
        return {"table": table, "date": facts["date"], **kind, "busy": forced, "sha256": self.sha256}


def stored_path() -> Path:
    """$PPC_HOME/calibration.json, else `ppc/calibration.json` in the user's configuration folder (XDG)."""
    home = os.environ.get("PPC_HOME")
    if home:
        return Path(home) / "calibration.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "ppc" / "calibration.json"


def choose(named: Path | None = None) -> PriceTable:
    """The named table; else the stored one, where it is of this machine and these versions; else the shipped one.

    Raises UserError PPC5022 where a table cannot be read. A note says where a table is of another machine.
    """
    path = named or stored_path()
    if named is None and not path.exists():
        return PriceTable()
    prices = load(path)
    differs = differences(prices.facts["machine"], fingerprint())
    if not differs:
        return PriceTable(prices)
    said = "; ".join(differs)
    if named:
        note = _note(f"the prices of {path.name} are of another machine: {said}", "measure this one: ppc calibrate")
        return PriceTable(prices, (note,))
    note = _note(
        f"the stored prices are not used, but those that ship with ppc: {said}",
        "measure again: ppc calibrate; or take them nevertheless: --calibration FILE",
    )
    return PriceTable(notes=(note,))


def find(sha256: str, named: Path | None) -> PriceTable:
    """The table that a plan was compiled with, among the named one or the shipped and the stored. Raises PPC5006."""
    tables = [PriceTable(load(named))] if named else [PriceTable()]
    if not named and stored_path().exists():
        tables.append(PriceTable(load(stored_path())))
    for table in tables:
        if table.sha256 == sha256:
            return table
    raise fail(
        "PPC5006",
        "the plan was compiled with another table of prices",
        help="name the table that it was compiled with: --calibration FILE",
    )


def load(path: Path) -> Prices:
    """Read and judge a file. Raises UserError PPC5022."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadTable(f"it has {path.stat().st_size} bytes; a table has a few thousand")
        return Prices.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as e:
        why = e.strerror if isinstance(e, OSError) else str(e)
        raise fail(
            "PPC5022",
            f"{path.name} is no table of prices that this ppc can use: {why}",
            help="measure again: ppc calibrate",
        ) from None


def save(path: Path, table: dict[str, Any]) -> None:
    """Write a measured table, one row a line. Raises UserError PPC5004 where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise fail("PPC5004", f"the folder of {path.name} cannot be made: {e.strerror}", help="name another: -o") from e
    write_file(path, dumped(table), secret=False)


def dumped(table: dict[str, Any]) -> bytes:
    """JSON that a person can read: a list of numbers, and an entry of two levels, stays on one line."""

    def text(x: Any, depth: int) -> str:
        if not isinstance(x, dict) or depth == 3:
            return json.dumps(x)
        pad = " " * (depth + 1)
        rows = (f"{pad}{json.dumps(key)}: {text(value, depth + 1)}" for key, value in x.items())
        return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"

    return (text(table, 0) + "\n").encode()


def _note(message: str, help: str) -> Diagnostic:
    return Diagnostic("PPC5023", message, severity="note", help=help)

"""A row of the table, and the file that rows are kept in while a long run goes on."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ppc.compiler.measure.machine import fingerprint

ROOT = Path(__file__).parents[2]
LAYERS = ("compiler", "ir", "passes", "runtime", "targets", "benchmarks/corpus")


@dataclass
class Run:
    """One mode on the first `samples` of the `stored` samples."""

    samples: int
    stored: int
    seconds: float  # all of it, with the start of the processes
    pass_seconds: float  # offline and online, of one sample
    bytes: int  # sent by all parties, over all samples
    error: float  # the largest one over the range of its output, over all stored samples
    noise: float  # mean distance from the plan's own outputs in clear mode, over the same range
    agree: int  # samples with the expected argmax (or label), of those that have one
    judged: int


@dataclass
class Row:
    """One model under one policy. `outcome` is compiled, refused (by a user error: `code`) or, until it is one of
    these, failed (a bug)."""

    model: str
    group: str
    policy: str
    outcome: str = "failed"
    code: str = ""
    why: str = ""
    domains: list[str] = field(default_factory=list)  # of the plan, whatever the policy allows
    compile_seconds: float = 0.0
    predicted: dict[str, float] = field(default_factory=dict)  # seconds and bytes of one pass
    runs: dict[str, Run] = field(default_factory=dict)  # by mode
    broken: dict[str, str] = field(default_factory=dict)  # modes that failed, and how; `limit`: the time was over

    @property
    def key(self) -> tuple[str, str]:
        return self.model, self.policy

    @staticmethod
    def of(stored: dict[str, Any]) -> "Row":
        return Row(**{**stored, "runs": {mode: Run(**run) for mode, run in stored["runs"].items()}})


def sources() -> str:
    """A hash of what makes and runs plans: a row holds for the sources that it was made by."""
    total = hashlib.sha256()
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*")):
            if path.suffix in (".py", ".json"):
                total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


class Rows:
    """build/bench/corpus.json: rows by model and policy, each with the sources it was made by and the modes it ran."""

    def __init__(self, path: Path, modes: tuple[str, ...], *, keep: bool):
        """`keep`: rows of other sources hold as well."""
        self._path, self._modes, self._sources = path, modes, sources()
        self._rows: dict[str, dict[str, Any]] = {}
        stored = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        for row in stored:
            if keep or row["sources"] == self._sources:
                self._rows[_key(row["model"], row["policy"])] = row

    def get(self, model: str, policy: str) -> Row | None:
        """The row, if it was made in the modes that are asked for, and nothing failed: a failure is tried again."""
        row = self._rows.get(_key(model, policy))
        if row is None or not set(self._modes) <= set(row["modes"]) or row["outcome"] == "failed" or row["broken"]:
            return None
        return Row.of({k: v for k, v in row.items() if k not in ("sources", "modes", "load_average")})

    def put(self, row: Row) -> None:
        """Keep it, on disk as well: the file is whole at any time."""
        made = {"sources": self._sources, "modes": list(self._modes), "load_average": os.getloadavg()[0]}
        self._rows[_key(*row.key)] = asdict(row) | made
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        whole = {"machine": fingerprint(), "rows": list(self._rows.values())}
        draft.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        draft.replace(self._path)


def _key(model: str, policy: str) -> str:
    return f"{model} {policy}"

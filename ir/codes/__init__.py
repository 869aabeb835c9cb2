"""Every code a diagnostic may carry: title, explanation, fix. `ppc explain CODE` prints a row.

One file a hundred: 1xxx model, 19xx text form of the IR, 2xxx policy and information flow, 3xxx placement, 4xxx
accuracy and parameters, 5xxx environment, 9xxx bugs of ours. Codes of the running parties (6xxx) are in
`ppc.runtime.errors`, because a party installs no compiler. A code is never reused.
"""

from dataclasses import dataclass
from importlib import import_module

FILES = ("model", "text", "policy", "placement", "accuracy", "environment", "bug")


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    title: str
    explanation: str  # what it means and why ppc insists
    fix: str  # what to do about it


def all_codes() -> dict[str, Code]:
    """The whole table, by code."""
    rows: dict[str, Code] = {}
    for file in FILES:
        for row in import_module(f"ppc.ir.codes.{file}").CODES:
            if row.code in rows:
                raise ValueError(f"{row.code} is declared twice")
            rows[row.code] = row
    return rows

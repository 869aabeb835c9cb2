"""What primitives cost on one machine: the table that `ppc calibrate` measures and that every target reads.

Everything is in seconds of one thread. Sections:

    he     primitive -> ring degree -> one number a level, from level 0 (one data prime) up
    batch  unit of work of batch packing, most of them words -> seconds (`ppc.targets.he.batch_cost`)
    mpc    unit of work of a gate -> seconds (`ppc.targets.mpc.counts` says how many units a gate takes)
    clear  unit of work of a numpy kernel -> seconds (`ppc.targets.clear.work`)
    link   what a byte and a message each way of the transport take at the endpoints, on loopback; and a pass besides
           its steps

The table that ships with ppc is a full measurement. It is also the schema: a table is well-formed where it has the
same rows, so a new primitive is one row of `ppc.compiler.measure` and a new shipped table.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from ppc.targets.he.primitives import Primitives

#: Changes where the meaning of a row does; a table of another number is not read.
SCHEMA = 1
#: Largest time that a row may have, in seconds: beyond lies a damaged table, not a slow machine.
LONGEST = 3600.0
#: Levels of one ring degree: more than any secure modulus has primes.
MOST_LEVELS = 64

SECTIONS = ("he", "batch", "mpc", "clear", "link")


class BadTable(ValueError):
    """A table that is not one: the text says which row, and what is wrong with it."""


@dataclass(frozen=True)
class Prices:
    """A table that was judged. `facts`: date, machine and load of the measurement."""

    rows: Mapping[str, Any]
    facts: Mapping[str, Any]

    @staticmethod
    @cache
    def shipped() -> "Prices":
        """The table that ships with ppc."""
        text = files("ppc.targets").joinpath("prices.json").read_text("utf-8")
        j = json.loads(text)
        return Prices({name: j[name] for name in SECTIONS}, {k: v for k, v in j.items() if k not in SECTIONS})

    @staticmethod
    def from_json(j: Any) -> "Prices":
        """Judge a table of whatever origin. Raises BadTable."""
        if not isinstance(j, dict) or j.get("schema") != SCHEMA:
            found = j.get("schema") if isinstance(j, dict) else None
            raise BadTable(f"it has schema {found!r}, this ppc reads {SCHEMA}")
        rows = {name: _judged(j.get(name), model, name) for name, model in Prices.shipped().rows.items()}
        facts = {k: v for k, v in j.items() if k not in SECTIONS}
        if not _is_date(facts.get("date")) or not isinstance(facts.get("machine"), dict):
            raise BadTable("it does not say when and on which machine it was measured (date, machine)")
        return Prices(rows, facts)

    def to_json(self) -> dict[str, Any]:
        return {**self.facts, **self.rows}

    @property
    def he(self) -> Primitives:
        return Primitives(self.rows["he"], self.rows["batch"])

    @property
    def mpc(self) -> Mapping[str, float]:
        found: Mapping[str, float] = self.rows["mpc"]
        return found

    @property
    def clear(self) -> Mapping[str, float]:
        found: Mapping[str, float] = self.rows["clear"]
        return found

    @property
    def link(self) -> Mapping[str, float]:
        found: Mapping[str, float] = self.rows["link"]
        return found


def _is_date(x: Any) -> bool:
    try:
        return isinstance(x, str) and bool(date.fromisoformat(x))
    except ValueError:
        return False


def _judged(found: Any, model: Any, where: str) -> Any:
    """`found` with the rows of `model`, number by number."""
    if isinstance(model, dict):
        if not isinstance(found, dict) or set(found) != set(model):
            names = set(found) if isinstance(found, dict) else set()
            missing, more = sorted(set(model) - names), sorted(map(str, names - set(model)))
            raise BadTable(f"{where}: missing {missing[:3]}, unknown {more[:3]}")
        return {name: _judged(found[name], inner, f"{where}.{name}") for name, inner in model.items()}
    if isinstance(model, list):
        if not isinstance(found, list) or not 1 <= len(found) <= MOST_LEVELS:
            raise BadTable(f"{where}: one number a level is due")
        return [_judged(x, 0.0, f"{where}[{i}]") for i, x in enumerate(found)]
    number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not number or not 0 < found <= LONGEST:  # nor is NaN
        raise BadTable(f"{where}: {found!r} is no time in seconds")
    return float(found)

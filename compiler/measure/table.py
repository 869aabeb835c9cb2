"""The whole table: every section, one after the other, on a quiet machine."""

from collections.abc import Callable
from datetime import UTC, datetime
from math import floor, log10
from typing import Any

from ppc.compiler.measure import batch, clear, exits, he, link, mpc, passes
from ppc.compiler.measure.machine import fingerprint
from ppc.compiler.measure.stopwatch import Clock, Stopwatch
from ppc.runtime.levels import MAX_MODULUS_BITS
from ppc.targets.prices import SCHEMA

#: Seconds of runs for one measurement, the least number of runs, and the seconds that repetitions of disturbed ones may
#: take: for --quick, and for the full table.
QUICK, FULL = (0.01, 2, 8.0), (0.12, 4, 40.0)
#: Figures that a time is worth.
FIGURES = 4

Told = Callable[[str], None]


def measure(quick: bool, force: bool, told: Told = lambda line: None, clock: Clock | None = None) -> dict[str, Any]:
    """The table as JSON. `told` hears of each section. Raises UserError PPC5021 where the machine is busy."""
    watch = Stopwatch(*(QUICK if quick else FULL), clock or Clock())
    watch.wait_for_quiet(force)
    told("transport")
    transport = link.measure(watch)
    told("numpy kernels")
    kernels = clear.measure(watch)
    told("MPC")
    gates = mpc.measure(watch)
    told("passes")
    transport["pass"] = passes.measure(watch, {"mpc": gates, "clear": kernels, "link": {**transport, "pass": 1.0}})
    told("batch packing")
    words = batch.measure(he.bench(8192, (0, 1), watch)[0], watch)
    found = {"he": he_section(watch, told), "batch": words, "mpc": gates, "clear": kernels, "link": transport}
    return {
        "schema": SCHEMA,
        "unit": "seconds, one thread",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": fingerprint(),
        "load": watch.judge(force),
        "thorough": not quick,
        **rounded(found),
    }


def he_section(watch: Stopwatch, told: Told) -> dict[str, dict[str, list[float]]]:
    """primitive -> ring degree -> seconds by level."""
    rows: dict[str, dict[str, list[float]]] = {}
    for degree, levels in he.LEVELS.items():
        told(f"HE, ring degree {degree}")
        made, found = he.bench(degree, levels, watch)
        found |= he.measure(made, levels, watch)
        entries = {level: exits.from_shares(made, level, watch) for level in levels if level}
        found["from_shares"] = {level: once for level, (once, _) in entries.items()}
        found["from_shares_element"] = {level: each for level, (_, each) in entries.items()}
        for name, times in found.items():
            rows.setdefault(name, {})[str(degree)] = he.interpolated(times, levels[-1])
        if MAX_MODULUS_BITS[degree] >= 3 * exits.EXIT_BITS:  # a smaller ring has no secure modulus to leave from
            leaving, _ = he.bench(degree, (0, 1), watch, exits.EXIT_BITS)
            once, each = exits.to_shares(leaving, 1, watch)
            rows.setdefault("to_shares", {})[str(degree)] = [once, once]
            rows.setdefault("to_shares_element", {})[str(degree)] = [each, each]
    return rows


def rounded(x: Any) -> Any:
    """Every number of a table to FIGURES figures."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    return round(x, FIGURES - 1 - floor(log10(abs(x)))) if x else x

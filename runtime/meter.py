"""What each step cost, as one party saw it."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppc.runtime.party import Session, Step


@dataclass
class Row:
    """Sums over all passes of one step (or of a phase such as "setup")."""

    id: int
    name: str
    node: str
    seconds: float = 0.0  # busy: without the waiting
    waited: float = 0.0  # seconds for peers
    bytes_sent: int = 0
    rounds: int = 0


def peak_memory() -> int:
    """Most bytes of memory that this process ever held.

    Linux counts VmHWM from exec on. getrusage(2) there begins with what the parent held when it forked, so it is for
    where there is no /proc: other systems, and an enclave, which may open no file.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            found = [line.split()[1] for line in status if line.startswith("VmHWM:")]
    except OSError:
        found = []
    if found:
        return int(found[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Meter:
    """Measures steps and phases; `rows()` is what a run's report shows."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str], Row] = {}
        self._passes: dict[str, dict[int, float]] = {}
        self.phases: dict[str, float] = {}
        self.notes: dict[str, str] = {}  # by engine: how it runs here, for the report

    @contextmanager
    def measure(self, session: "Session", step: "Step") -> Iterator[None]:
        channels = session.channels.values()
        t, waited = time.perf_counter(), sum(c.waited for c in channels)
        sent, rounds = sum(c.bytes_sent for c in channels), sum(c.rounds for c in channels)
        yield
        row = self._rows.setdefault((step.id, step.name), Row(step.id, step.name, step.node))
        spent = time.perf_counter() - t
        waiting = min(sum(c.waited for c in channels) - waited, spent)
        row.seconds += spent - waiting
        row.waited += waiting
        row.bytes_sent += sum(c.bytes_sent for c in channels) - sent
        row.rounds += sum(c.rounds for c in channels) - rounds
        of_domain = self._passes.setdefault(step.name.partition(".")[0], {})
        of_domain[step.run] = of_domain.get(step.run, 0.0) + spent - waiting

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        t = time.perf_counter()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - t

    def passes(self) -> dict[str, list[float]]:
        """Busy seconds of each pass, in order, by the domain of the steps ("he", "convert", ...)."""
        return {domain: [seconds for _, seconds in sorted(of.items())] for domain, of in self._passes.items()}

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(r) for r in self._rows.values()]

"""What each step cost, as one party saw it."""

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppc.runtime.net.channel import Channel
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


@dataclass(slots=True)
class Spent:
    """An amount of what a row sums up. Several are made in every round, so nothing here is generic."""

    seconds: float = 0.0
    waited: float = 0.0
    bytes_sent: int = 0
    rounds: int = 0

    @staticmethod
    def of(channels: "Sequence[Channel]") -> "Spent":
        """What these channels counted so far."""
        found = Spent()
        for c in channels:
            found.waited += c.waited
            found.bytes_sent += c.bytes_sent
            found.rounds += c.rounds
        return found

    def __iadd__(self, other: "Spent") -> "Spent":
        self.seconds += other.seconds
        self.waited += other.waited
        self.bytes_sent += other.bytes_sent
        self.rounds += other.rounds
        return self

    def __isub__(self, other: "Spent") -> "Spent":
        self.seconds -= other.seconds
        self.waited -= other.waited
        self.bytes_sent -= other.bytes_sent
        self.rounds -= other.rounds
        return self


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
        self._credited = Spent()  # to other steps, since the one that is measured began
        self._passes: dict[str, dict[int, float]] = {}
        self.spans: dict[str, list[float]] = {}  # seconds of each time that a phase was gone through: online, each pass
        self.notes: dict[str, str] = {}  # by engine: how it runs here, for the report

    @contextmanager
    def measure(self, session: "Session", step: "Step") -> Iterator[None]:
        """Counts for `step` what happens inside, but for what is credited to other steps meanwhile."""
        channels = [*session.channels.values()]
        self._credited, start = Spent(), time.perf_counter()
        before = Spent.of(channels)
        yield
        spent = Spent.of(channels)
        spent -= before
        spent.seconds = max(time.perf_counter() - start - spent.waited, 0.0)
        spent -= self._credited
        self._add(step, spent)

    def credit(self, step: "Step", spent: Spent) -> None:
        """Counts for `step` what happens while another one is measured."""
        self._credited += spent
        self._add(step, spent)

    def _add(self, step: "Step", spent: Spent) -> None:
        row = self._rows.get((step.id, step.name))
        if row is None:
            row = self._rows[step.id, step.name] = Row(step.id, step.name, step.node)
        row.seconds += spent.seconds
        row.waited += spent.waited
        row.bytes_sent += spent.bytes_sent
        row.rounds += spent.rounds
        of_domain = self._passes.setdefault(step.name.partition(".")[0], {})
        of_domain[step.run] = of_domain.get(step.run, 0.0) + spent.seconds

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        t = time.perf_counter()
        yield
        self.spans.setdefault(name, []).append(time.perf_counter() - t)

    @property
    def phases(self) -> dict[str, float]:
        """Seconds by phase, waiting included."""
        return {name: sum(spans) for name, spans in self.spans.items()}

    def passes(self) -> dict[str, list[float]]:
        """Busy seconds of each pass, in order, by the domain of the steps ("he", "convert", ...)."""
        return {domain: [seconds for _, seconds in sorted(of.items())] for domain, of in self._passes.items()}

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(r) for r in self._rows.values()]

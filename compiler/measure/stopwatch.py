"""Times of short functions, and whether the machine let them be measured.

Two signs of other load: the thread waited while it should have run (wall time beyond CPU time), and the middle run
took far longer than the best. A measurement that shows one is taken again after a pause; what still does is counted,
and too many of them make the table worthless. A run counts with its CPU time where that is less than its wall time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ppc.ir.diagnostic import fail

#: Share of the time in which a measured function may be kept waiting, and how far its median may lie above its best.
WAITED, SPREAD = 0.10, 0.60
#: Share of all measurements that may stay disturbed.
DISTURBED = 0.05
#: Attempts at one measurement; before each but the first, a pause of so many seconds for each earlier one.
ATTEMPTS, PAUSE = 3, 0.3
MOST_RUNS = 400
#: Runs of the probe that decides whether to begin at all, and the pause between its attempts.
PROBE_RUNS, PROBE_PAUSE = 20, 2.0


@dataclass(frozen=True)
class Clock:
    """Where the time comes from, in seconds; tests put in their own."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    sleep: Callable[[float], None] = time.sleep


#: Wall and CPU seconds of one run.
Run = tuple[float, float]


@dataclass(frozen=True)
class Timing:
    """Some runs of one function. `waited`: share of the wall time in which this process had no core."""

    median: float
    best: float
    waited: float

    @property
    def seconds(self) -> float:
        """What is taken of it: the middle run, or the best one where others were disturbed."""
        return self.median if self.quiet else self.best

    @property
    def quiet(self) -> bool:
        return self.waited <= WAITED and self.median <= (1 + SPREAD) * self.best

    @staticmethod
    def of(runs: Sequence[Run]) -> "Timing":
        """From the runs, of which there is at least one."""
        spent = [min(run) for run in runs]
        wall, cpu = (sum(times) for times in zip(*runs, strict=True))
        return Timing(median(spent), min(spent), max(0.0, 1 - cpu / wall) if wall else 0.0)


@dataclass
class Stopwatch:
    """`budget`: seconds of runs for one measurement; `least`: runs that it takes however long they are; `patience`:
    seconds that may go into attempts beyond the first, of all measurements together."""

    budget: float
    least: int = 3
    patience: float = 60.0
    clock: Clock = field(default_factory=Clock)
    timings: dict[str, Timing] = field(default_factory=dict)

    def time(self, name: str, run: Callable[..., Any], fresh: Callable[[], Any] | None = None) -> float:
        """Seconds of `run()`, or of `run(fresh())` without making its operand; the first run is not counted."""

        def attempt() -> Timing:
            self._run(run, fresh)
            runs, wall = list[Run](), 0.0
            while len(runs) < self.least or (wall < self.budget and len(runs) < MOST_RUNS):
                runs.append(self._run(run, fresh))
                wall += runs[-1][0]
            return Timing.of(runs)

        return self.best_of(name, attempt)

    def best_of(self, name: str, attempt: Callable[[], Timing]) -> float:
        """Seconds of the first quiet attempt, or of the one with the best run where none is."""
        found = attempt()
        for i in range(1, ATTEMPTS):
            if found.quiet or self.patience <= 0:
                break
            start = self.clock.wall()
            self.clock.sleep(i * PAUSE)
            again = attempt()
            self.patience -= self.clock.wall() - start
            found = again if again.quiet else min(found, again, key=lambda t: t.best)
        self.timings[name] = found
        return found.seconds

    def once(self, name: str, run: Callable[[], Any]) -> Any:
        """What `run` gives, where it is too long to repeat; its time is `timings[name]`."""
        result = None

        def keep() -> None:
            nonlocal result
            result = run()

        self.timings[name] = Timing.of([self._run(keep, None)])
        return result

    def _run(self, run: Callable[..., Any], fresh: Callable[[], Any] | None) -> Run:
        given = () if fresh is None else (fresh(),)
        wall, cpu = self.clock.wall(), self.clock.cpu()
        run(*given)
        return self.clock.wall() - wall, self.clock.cpu() - cpu

    def wait_for_quiet(self, force: bool) -> None:
        """Look before the long part whether the machine is idle. Raises UserError PPC5021 after some attempts."""
        found = self._probe()
        for i in range(1, ATTEMPTS):
            if found.quiet:
                return
            self.clock.sleep(i * PROBE_PAUSE)
            found = self._probe()
        if not (found.quiet or force):
            raise _busy(f"a probe got {1 - found.waited:.0%} of a core, and its runs were {_spread(found)} apart")

    def _probe(self) -> Timing:
        return Timing.of([self._run(lambda: sum(range(200_000)), None) for _ in range(PROBE_RUNS)])

    def judge(self, force: bool) -> dict[str, Any]:
        """How quiet the machine was, for the table. Raises UserError PPC5021 where it was not, unless forced."""
        disturbed = sorted(name for name, t in self.timings.items() if not t.quiet)
        share = len(disturbed) / max(1, len(self.timings))
        if share > DISTURBED and not force:
            worst = max((self.timings[name] for name in disturbed), key=lambda t: (t.waited, t.median / t.best))
            raise _busy(
                f"{len(disturbed)} of {len(self.timings)} measurements stayed disturbed, however often repeated; the "
                f"worst got {1 - worst.waited:.0%} of a core, and its runs were {_spread(worst)} apart"
            )
        return {
            "measurements": len(self.timings),
            "disturbed": len(disturbed),
            "waited": round(median(t.waited for t in self.timings.values()), 4) if self.timings else 0.0,
            "forced": force and share > DISTURBED,
        }


def _spread(timing: Timing) -> str:
    return f"{timing.median / timing.best - 1:.0%}"


def _busy(numbers: str) -> Exception:
    return fail(
        "PPC5021",
        f"this machine is busy: {numbers}",
        help=f"end what else is running and try again ({WAITED:.0%} of waiting and {SPREAD:.0%} of spread are "
        "allowed), or take the numbers as they are: --force, which the table then says",
    )

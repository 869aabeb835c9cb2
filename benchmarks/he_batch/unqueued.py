"""Time of threads less what they waited for a core: what a busy machine takes away is left out, locks are not."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from ppc.runtime.he.schedule import Workers


def unqueued() -> float:
    """Seconds of the wall clock less those that this thread stood in the queue for a core (Linux; else the clock)."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as found:
            queued = int(found.read().split()[1]) / 1e9
    except OSError:
        queued = 0.0
    return perf_counter() - queued


class Watched(Workers):
    """Threads whose time in tasks is summed up, and that of the caller meanwhile."""

    def __init__(self, threads: int):
        super().__init__(threads)
        self.in_tasks, self.waited = 0.0, 0.0

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        spent: list[float] = []

        def timed(item: Any) -> Any:
            start = unqueued()
            result = function(item)
            spent.append(unqueued() - start)
            return result

        start = unqueued()
        results = super().map(timed, items)
        self.waited += unqueued() - start
        self.in_tasks += sum(spent)
        return results

    def balanced(self, seconds: float) -> float:
        """What `seconds` of the caller would be with its tasks spread evenly over the threads. Starts anew."""
        found = seconds - self.waited + self.in_tasks / self.threads
        self.in_tasks = self.waited = 0.0
        return found

"""Tasks that wait for one another, on a few threads. Results do not depend on how many there are."""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

from ppc.runtime.errors import PartyError

#: How many threads a party computes with; each party has its own setting. Default: the cores it may use.
VARIABLE = "PPC_THREADS"
_MOST = 256

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """Work that starts after other tasks, given by their place in the list; all of them come before it."""

    work: Callable[[], None]
    after: frozenset[int] = frozenset()


class Workers:
    """Threads for the length of a call. SEAL's work is outside the interpreter lock (`ppc.runtime.he.native`)."""

    def __init__(self, threads: int):
        if not 1 <= threads <= _MOST:
            raise ValueError(f"{threads} threads; 1 to {_MOST} are possible")
        self.threads = threads

    @staticmethod
    def from_environment() -> "Workers":
        """PPC_THREADS, or one thread a core that this process may use. Raises PartyError PPC6013 for no number."""
        text = os.environ.get(VARIABLE, "")
        if not text:
            return Workers(min(available_cores(), _MOST))
        if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= _MOST):
            raise PartyError("PPC6013", f"{VARIABLE} is {text!r}, not a number of threads from 1 to {_MOST}")
        return Workers(int(text))

    def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """[function(item) for item in items], at the same time."""
        listed = list(items)
        if self.threads == 1 or len(listed) == 1:
            return [function(item) for item in listed]
        results: list[Any] = [None] * len(listed)

        def at(i: int) -> Callable[[], None]:
            def work() -> None:
                results[i] = function(listed[i])

            return work

        self.run([Task(at(i)) for i in range(len(listed))])
        return results

    def run(self, tasks: Sequence[Task]) -> None:
        """Run all of them. A free thread takes the first in the list that is ready: its order says what matters.

        An error stops what has not started and is raised again here.
        """
        if self.threads == 1 or len(tasks) == 1:
            for task in tasks:  # each comes after those that it waits for
                task.work()
            return
        state = _Progress(tasks)
        helpers = [threading.Thread(target=state.work, daemon=True) for _ in range(min(self.threads, len(tasks)) - 1)]
        for helper in helpers:
            helper.start()
        state.work()
        for helper in helpers:
            helper.join()
        if state.error is not None:
            raise state.error


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Progress:
    tasks: Sequence[Task]
    error: BaseException | None = None
    ready: list[int] = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.tasks)
        self.missing = [len(t.after) for t in self.tasks]
        self.followers: list[list[int]] = [[] for _ in self.tasks]
        for i, task in enumerate(self.tasks):
            for before in task.after:
                if not 0 <= before < i:
                    raise ValueError(f"task {i} waits for task {before}, which does not come before it")
                self.followers[before].append(i)
        self.ready = [i for i, count in enumerate(self.missing) if count == 0]
        heapify(self.ready)
        self.changed = threading.Condition()

    def work(self) -> None:
        """What each thread does until nothing is left."""
        while (i := self._next()) is not None:
            try:
                self.tasks[i].work()
            except BaseException as e:
                with self.changed:
                    self.error = self.error or e
                    self.changed.notify_all()
                return
            self._done(i)

    def _next(self) -> int | None:
        with self.changed:
            while not self.ready and self.left and self.error is None:
                self.changed.wait()
            return heappop(self.ready) if self.ready and self.error is None else None

    def _done(self, i: int) -> None:
        with self.changed:
            self.left -= 1
            woken = 0
            for follower in self.followers[i]:
                self.missing[follower] -= 1
                if not self.missing[follower]:
                    heappush(self.ready, follower)
                    woken += 1
            if not self.left:
                self.changed.notify_all()
            elif woken > 1:  # this thread takes one itself
                self.changed.notify(woken - 1)

"""Passes of a plan by two threads of this process; what the server spends, by its own CPU clock.

CPU times disturb one another less than times of processes do, on a machine with other work. The server computes on one
thread (PPC_THREADS=1). What comes before the first pass is not timed.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from ppc.runtime.net.memory import pair
from ppc.runtime.phases import new_session, run_party
from ppc.runtime.plan import Plan
from ppc.runtime.status import Status

TIMEOUT = 900.0


@dataclass(frozen=True)
class Pass:
    """CPU seconds of the server: of its HE steps, and of all that it does in a pass."""

    he: float
    all: float


def passes(
    path: Path,
    sample: np.ndarray[Any, Any],
    count: int,
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[Pass]:
    """The same sample so many times; the first pass warms up. `around` is entered by the server's thread in each."""
    plan, program = Plan.load(path)
    client, server = (new_session(plan, role, {}) for role in ("client", "server"))
    client.channels["server"], server.channels["client"] = pair("client", "server", TIMEOUT)
    name = plan.manifest["model"]["inputs"][0]["name"]
    found: list[Pass] = []

    def watched(session: Any) -> None:
        clock = _Clock()
        session.on_step = clock.step
        with around():
            start = thread_time()
            program(session)
            clock.step(0, 0, "")
            found.append(Pass(clock.he, thread_time() - start))

    quiet = Status(None)
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(run_party, server, watched, [], status=quiet),
            pool.submit(run_party, client, program, [{name: sample}] * count, status=quiet),
        ]
        for job in jobs:
            job.result()
    return found


class _Clock:
    """Told of every step as it begins; adds up the seconds of those of HE."""

    def __init__(self) -> None:
        self.he, self._name, self._start = 0.0, "", 0.0

    def step(self, number: int, of: int, name: str) -> None:
        now = thread_time()
        if self._name.startswith("he."):
            self.he += now - self._start
        self._name, self._start = name, now

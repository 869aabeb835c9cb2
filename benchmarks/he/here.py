"""What the server of a plan spends in a pass, by its own CPU clock, with nobody beside it in its process.

A client in another thread first runs the passes with it. Then the server runs them again, alone, and reads what it was
sent then: no other party takes its turns of the interpreter or empties its caches. It computes on one thread
(PPC_THREADS=1). Set-up and the masks that are made before a pass are not timed.
"""

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

from ppc.runtime.convert.he_mpc import prepare_masks
from ppc.runtime.net.memory import MemoryChannel, pair
from ppc.runtime.phases import new_session, run_party
from ppc.runtime.plan import Plan
from ppc.runtime.status import Status

TIMEOUT = 900.0
Around = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Pass:
    """CPU seconds of the server: of its HE steps, and of all that it does in a pass."""

    he: float
    all: float


def passes(path: Path, sample: np.ndarray[Any, Any], count: int, around: Around = nullcontext) -> list[Pass]:
    """The same sample so many times; the first pass warms up. `around` is entered for each pass of the server alone.

    For plans of client and server only."""
    plan, program = Plan.load(path)
    client, server = (new_session(plan, role, {}) for role in ("client", "server"))
    client.channels["server"], heard = pair("client", "server", TIMEOUT)
    server.channels["client"] = heard
    name = plan.manifest["model"]["inputs"][0]["name"]
    quiet = Status(None)
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(run_party, server, program, [], status=quiet),
            pool.submit(run_party, client, program, [{name: sample}] * count, status=quiet),
        ]
        for job in jobs:
            job.result()
    server.channels["client"] = _again(heard)
    prepare_masks(server, count)
    found = []
    for run in range(count):
        clock = _Clock()
        server.on_step = clock.step
        server.start_run(run, {})
        with around():
            start = thread_time()
            program(server)
            clock.step(0, 0, "")
            found.append(Pass(clock.he, thread_time() - start))
    return found


def _again(heard: MemoryChannel) -> MemoryChannel:
    """Gives what was heard in the passes once more; what is sent goes nowhere."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for tag, payload in heard.transcript:
        if tag[:1].isdigit():  # of a step
            inbox.put((tag, payload))
    return MemoryChannel(heard.peer, inbox, queue.SimpleQueue(), TIMEOUT)


class _Clock:
    """Told of every step as it begins; adds up the seconds of those of HE."""

    def __init__(self) -> None:
        self.he, self._name, self._start = 0.0, "", 0.0

    def step(self, number: int, of: int, name: str) -> None:
        now = thread_time()
        if self._name.startswith("he."):
            self.he += now - self._start
        self._name, self._start = name, now

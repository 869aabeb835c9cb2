"""A core each for the two parties that compute at the same time, in measurements on one machine of what will be two.

The scheduler likes to wake a process up on the core of the one that it waits for, and then they take turns.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: Who computes, on which of the cores; "0" and "1" are ranks of CrypTen. The others run where they like.
_PLACES = {"client": 0, "server": 1, "compute0": 0, "compute1": 1, "0": 0, "1": 1}


def core_of(party: str) -> int | None:
    """None where it may run anywhere, or the system has no such thing."""
    if party not in _PLACES or not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    return cores[_PLACES[party] % len(cores)]


@contextmanager
def as_client(server: int) -> Iterator[None]:
    """While it lasts this thread and those that it starts run on the client's core, and process `server` on its own."""
    ours, theirs = core_of("client"), core_of("server")
    if ours is None or theirs is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(server, {theirs})
    os.sched_setaffinity(0, {ours})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def placing() -> str:
    """Where measured parties run on this machine, in words."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return "all parties take turns on the one core that there is: their times are upper bounds"
    return f"the two computing parties on a core each, all others on any of {cores}"

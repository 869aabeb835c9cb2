"""Independent pieces of work on every core of this process."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ppc.runtime.blas import one_thread

T = TypeVar("T")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(run: Callable[[Sequence[T]], None], items: Sequence[T], threads: int) -> None:
    """`run` on a share of the items in each thread. Raises the first error.

    A BLAS with threads of its own would have several for each of ours, which was seen to take ten times as long.
    """
    with one_thread():
        if threads == 1 or len(items) <= 1:
            return run(items)
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(run, items[i::threads]) for i in range(threads)]:
                done.result()

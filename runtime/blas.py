"""BLAS on one thread, where a caller brings its own.

numpy has no such switch. Its wheels carry OpenBLAS, whose setter is called here; with another BLAS nothing is
called, and products run on as many threads as that library likes: slower where cores are few, never wrong.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")
_lock = Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """While any caller is inside, a product of matrices takes one thread."""
    global _inside
    switches = _switches()
    with _lock:
        if _inside == 0:
            _before[:] = [get() for get, _ in switches]
            for _, set_ in switches:
                set_(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for (_, set_), count in zip(switches, _before, strict=True):
                    set_(count)


@cache
def _switches() -> list[tuple[Callable[[], int], Callable[[int], None]]]:
    """(get, set) of the number of threads of each OpenBLAS in this process."""
    found = []
    for path in _loaded():
        library = ctypes.CDLL(path)
        for name in _NAMES:
            if hasattr(library, name.format("set")) and hasattr(library, name.format("get")):
                get, set_ = getattr(library, name.format("get")), getattr(library, name.format("set"))
                get.argtypes, get.restype = [], ctypes.c_int
                set_.argtypes, set_.restype = [ctypes.c_int], None
                found.append((get, set_))
                break
    return found


def _loaded() -> list[str]:
    """Files of OpenBLAS that are mapped here; none where the system does not say."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            paths = {line.split(maxsplit=5)[-1].strip() for line in maps if "openblas" in line.lower()}
    except OSError:
        return []
    return sorted(path for path in paths if path.startswith("/"))

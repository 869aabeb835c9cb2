"""Confine the enclave's process once it is connected: what the host's kernel can take away, it gives up.

This keeps a fault in the engine from becoming a leak; it is no protection against the host, which is what hardware
is for. What a kernel cannot give is reported, in the evidence and by `ppc doctor`, never passed over.
"""

import resource
from collections.abc import Callable
from pathlib import Path

from ppc.runtime.tee import landlock, libc, seccomp

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_CAP_IPC_LOCK = 14


def _no_core() -> str:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return "on"


def _not_dumpable() -> str:
    libc.prctl(_PR_SET_DUMPABLE, 0)
    return "on"


def _may_lock_memory() -> str:
    """Locking a part would make later allocations fail at the limit, so it is all or nothing."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    status = Path("/proc/self/status")
    if not status.exists():
        raise libc.Unavailable("no /proc here to read this process's capabilities from")
    rows = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    if limit == resource.RLIM_INFINITY or int(rows["CapEff"], 16) >> _CAP_IPC_LOCK & 1:
        return "on"
    raise libc.Unavailable(f"memory may be swapped out: the limit is {limit // 1024} kB (`ulimit -l unlimited`)")


def _lock_memory() -> str:
    _may_lock_memory()
    libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
    return "on"


def _no_new_privileges() -> str:
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1)
    return "on"


def _linux() -> str:
    libc.prctl(3)  # PR_GET_DUMPABLE
    return "on"


def _landlock() -> str:
    return f"on (ABI {landlock.version()})"


#: Feature -> (does the system have it, take it). In this order: the filter comes last, for it denies the others.
FEATURES: dict[str, tuple[Callable[[], str], Callable[[], str]]] = {
    "no core dumps": (lambda: "on", _no_core),
    "not dumpable": (_linux, _not_dumpable),
    "memory locked": (_may_lock_memory, _lock_memory),
    "no new privileges": (_linux, _no_new_privileges),
    "files and network (Landlock)": (_landlock, landlock.restrict),
    "system calls (seccomp)": (seccomp.available, seccomp.install),
}


def apply() -> dict[str, str]:
    """Confine this process for good. Feature -> "on", or "off: " and why. Call it in the enclave's process only."""
    return {feature: _said(take) for feature, (_, take) in FEATURES.items()}


def available() -> dict[str, str]:
    """What `apply` would get on this machine; changes nothing."""
    return {feature: _said(probe) for feature, (probe, _) in FEATURES.items()}


def _said(do: Callable[[], str]) -> str:
    try:
        return do()
    except (libc.Unavailable, OSError, ValueError) as reason:
        return f"off: {reason}"

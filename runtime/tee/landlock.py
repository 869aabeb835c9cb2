"""Landlock (Linux >= 5.13): no file but the interpreter's own code may be read, none written, no TCP.

Code stays readable because Python imports lazily and a traceback quotes it. Landlock binds the calling thread and
those it starts later; threads that exist already are held by the system-call filter alone, and the status says so.
"""

import ctypes
import os
import sysconfig
import threading
from pathlib import Path

from ppc import runtime
from ppc.runtime.tee import libc

_EXECUTE, _WRITE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_RULE_PATH_BENEATH = 1
_VERSION_FLAG = 1
_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("fd", ctypes.c_int32))


def version() -> int:
    """ABI version of this kernel's Landlock. Raises Unavailable where it has none or it is switched off."""
    try:
        return libc.syscall(libc.LANDLOCK_CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError as error:
        raise libc.Unavailable(f"this kernel has no Landlock ({error.strerror})") from None


def code_paths() -> list[Path]:
    """Where interpreter and libraries live. Not `sys.path`: beside plan.py lie the data of those who run it."""
    installed = sysconfig.get_paths()
    places = [installed[p] for p in ("stdlib", "platstdlib", "purelib", "platlib")]
    return sorted({Path(p).resolve() for p in (*places, *runtime.__path__, *_SYSTEM) if Path(p).is_dir()})


def restrict() -> str:
    """Restrict this thread for good. Needs no_new_privs. Raises Unavailable or OSError."""
    abi = version()
    filesystem = (1 << 13) - 1  # everything of ABI 1: read, write, execute, make, remove
    for since, right in ((2, 13), (3, 14), (5, 15)):  # refer, truncate, device ioctl
        filesystem |= (1 << right) if abi >= since else 0
    rules = _Ruleset(filesystem, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)  # TCP bind, connect; sockets, signals
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = libc.syscall(libc.LANDLOCK_CREATE_RULESET, ctypes.byref(rules), size, 0)
    try:
        for path in code_paths():
            _allow_reading(ruleset, path)
        libc.syscall(libc.LANDLOCK_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    others = threading.active_count() - 1
    return f"on (ABI {abi}" + (f"; {others} threads were there before" if others else "") + ")"


def _allow_reading(ruleset: int, path: Path) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(_READ_FILE | _READ_DIR, fd)
        libc.syscall(libc.LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(fd)

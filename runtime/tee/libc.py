"""The few Linux calls that Python has no function for, with errors as OSError."""

import ctypes
import os
import sys

# Not in the C library: numbers that every architecture shares.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446


class Unavailable(Exception):
    """This system cannot do it; the text says what is missing."""


def _library() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise Unavailable(f"needs Linux, this is {sys.platform}")
    return ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> int:
    padded = (*arguments, *(0,) * (4 - len(arguments)))
    return _checked(_library().prctl(option, *map(ctypes.c_ulong, padded)), f"prctl({option})")


def syscall(number: int, *arguments: object) -> int:
    """`arguments` are ctypes values, or ints (passed as long)."""
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_library().syscall(ctypes.c_long(number), *plain), f"system call {number}")


def mlockall(flags: int) -> int:
    return _checked(_library().mlockall(flags), "mlockall")


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result

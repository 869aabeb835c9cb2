"""What a party tells the process that launched it: JSON lines on a pipe of their own.

A party that was started by hand has no such pipe and tells nobody. Only names, counts, codes and public results go
through here, never a value of the computation.
"""

import json
import os
import time
from dataclasses import dataclass
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.net.frame import RelayedError

#: The environment variable that names the pipe's file descriptor.
STATUS_FD = "PPC_STATUS_FD"

#: Steps, and passes, are reported at most this often (seconds): a plan may have thousands, and a report wakes the
#: launcher up.
_INTERVAL = 0.1

_TEXT = str | None
_FIELDS: dict[str, dict[str, Any]] = {
    "phase": {"phase": str},
    "run": {"index": int, "count": int},
    "step": {"index": int, "count": int, "name": str},
    "result": {"values": dict},
    "error": {"code": _TEXT, "message": str, "help": _TEXT, "origin": _TEXT},
}


def parse(line: bytes) -> dict[str, Any] | None:
    """An event as `Status` writes them; None where the line is not one."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = event.get("event") if isinstance(event, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        return None
    fields = _FIELDS[kind]
    return event if all(isinstance(event.get(name), type) for name, type in fields.items()) else None


@dataclass
class Status:
    """The writing end; `Status.from_environment()` in a party."""

    fd: int | None = None
    _last: float = 0.0
    _last_run: float = 0.0

    @staticmethod
    def from_environment() -> "Status":
        """The launcher's pipe, once: the variable is removed, for what this process starts does not have the pipe."""
        text = os.environ.pop(STATUS_FD, "")
        if not text.isdecimal():
            return Status()
        fd = int(text)
        try:
            os.set_inheritable(fd, False)  # processes that this party starts must not keep the pipe open
        except OSError:
            return Status()  # the variable is left over from another process
        return Status(fd)

    def phase(self, name: str) -> None:
        """What begins now: "connect", "offline", "online", ..."""
        self._write(event="phase", phase=name)

    def run(self, index: int, count: int) -> None:
        """Pass `index` (from 0) of `count` over the data begins."""
        now = time.monotonic()
        if now - self._last_run >= _INTERVAL or index + 1 == count:
            self._last_run = now
            self._write(event="run", index=index, count=count)

    def step(self, index: int, count: int, name: str) -> None:
        """Step `index` (from 0) of `count` begins."""
        now = time.monotonic()
        if now - self._last >= _INTERVAL:
            self._last = now
            self._write(event="step", index=index, count=count, name=name)

    def result(self, **values: Any) -> None:
        """Something public for the launcher: meter rows, paths, accuracies. JSON types only."""
        self._write(event="result", values=values)

    def error(self, error: BaseException) -> None:
        """Why this party ends. Of an exception that is not ours only the type is told: its text may hold data."""
        if isinstance(error, PartyError):
            origin = error.origin if isinstance(error, RelayedError) else None
            self._write(event="error", code=error.code, message=error.message, help=error.help, origin=origin)
        else:
            self._write(event="error", code=None, message=type(error).__name__, help=None, origin=None)

    def _write(self, **event: Any) -> None:
        if self.fd is None:
            return
        line = memoryview(json.dumps(event, allow_nan=False).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self.fd, line) :]
        except OSError:
            self.fd = None  # the launcher is gone, and with it everyone who would read this

"""One party as a process of its own: started, read from, and ended with everything it started itself."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.net.frame import clean
from ppc.runtime.status import STATUS_FD, parse

#: Of what a party prints, the end is kept (bytes).
LOG = 256 * 1024
#: Longest line of status: a result with the meter's rows of a big plan has a few MB.
LINE = 64 << 20
#: Between asking a party to end and killing it (seconds).
PATIENCE = 1.0

_PR_SET_PDEATHSIG = 1


class Child:
    """A running party. Its stdout and stderr are its log; its status comes through a third pipe."""

    def __init__(self, party: str, command: Sequence[str]):
        self.party = party
        self.events: list[dict[str, Any]] = []  # not yet taken by `read`
        self.returncode: int | None = None
        self._log, self._line = bytearray(), bytearray()
        status, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                # the fault handler names the functions (no values) that a crash in native code was in
                env={**os.environ, STATUS_FD: str(write_end), "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
                start_new_session=True,  # a Ctrl-C at the terminal is ours to pass on
                preexec_fn=_dies_with(os.getpid()),
            )
        except (OSError, subprocess.SubprocessError) as e:
            os.close(status)
            raise PartyError("PPC6001", f"{party} cannot be started: {command[0]}: {e}") from None
        finally:
            os.close(write_end)
        assert self._process.stdout is not None
        self.started = time.monotonic()
        self._fds = {status: self._take_status, self._process.stdout.fileno(): self._take_log}
        for fd in self._fds:
            os.set_blocking(fd, False)
        self._status = status

    @property
    def fds(self) -> list[int]:
        """What to wait on for reading."""
        return list(self._fds)

    @property
    def log(self) -> str:
        """The end of what the party printed, printable."""
        return "\n".join(clean(line, 2000) for line in bytes(self._log).splitlines())

    def pin(self, core: int) -> None:
        """Let the party run on this core alone."""
        os.sched_setaffinity(self._process.pid, {core})

    def read(self) -> list[dict[str, Any]]:
        """Take what came since; the new events. Raises PPC6003 where the status is not one."""
        for fd, take in list(self._fds.items()):
            try:
                while chunk := os.read(fd, 65536):
                    take(chunk)
                del self._fds[fd]  # end of file
            except BlockingIOError:
                pass  # no more for now
        events, self.events = self.events, []
        return events

    def exited(self) -> bool:
        """True once the process has ended. It is left unreaped, so that nobody else can get its id."""
        if self.returncode is None:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return True

    def ask_to_end(self) -> None:
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Kill what is left of the party and of what it started; reap it; close the pipes."""
        if self.returncode is None:
            self._signal(signal.SIGKILL)
            self.returncode = self._process.wait()
        assert self._process.stdout is not None
        if not self._process.stdout.closed:
            self._process.stdout.close()
            os.close(self._status)

    def _signal(self, number: signal.Signals) -> None:
        if self.returncode is None:  # not reaped: the id of the process, and of its group, is still ours
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
                return

    def _take_log(self, chunk: bytes) -> None:
        self._log += chunk
        if len(self._log) > 2 * LOG:
            del self._log[:-LOG]

    def _take_status(self, chunk: bytes) -> None:
        self._line += chunk
        *lines, last = bytes(self._line).split(b"\n")
        self._line = bytearray(last)
        if len(last) > LINE:
            raise PartyError("PPC6003", f"{self.party} reports a status of more than {LINE >> 20} MB")
        for line in lines:
            event = parse(line)
            if event is None:
                raise PartyError("PPC6003", f"{self.party} reports a status that is not one: {clean(line, 80)}")
            self.events.append(event)


def _dies_with(parent: int) -> Callable[[], None] | None:
    """Between fork and exec: let the kernel kill the child when the thread that started it ends (prctl(2))."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: after fork nothing may take a lock

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before prctl
            os._exit(1)

    return prepare

"""A process of its own for the rows of one model, so that none can take the others with it.

    python -m benchmarks.corpus.worker GROUP MODEL MODES SECONDS SAMPLES POLICY...

prints one row a line as JSON. The parties of a run end with the process that started them.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.corpus.models import Model, corpus, light
from benchmarks.corpus.row import ROOT, Row

#: A native call may hold off the alarm: so long after it the process is killed (seconds).
PATIENCE = 30.0
#: How much of what a process printed before it died is told.
TAIL = 300


class TooLong(BaseException):
    """The time limit of a row; no Exception, so that no code that answers for errors takes it for one."""


def rows(model: Model, policies: list[str], modes: tuple[str, ...], limit: float, most: int | None) -> Iterator[Row]:
    """Rows as they come, one for each policy: where the process dies, the row that it was at says so, and another
    process goes on."""
    waiting = list(policies)
    while waiting:
        command = [sys.executable, "-m", "benchmarks.corpus.worker", model.group, model.name]
        command += [",".join(modes), str(limit), str(most or 0), *waiting]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
            errors = _Drain(process)
            guard = _Guard(process, limit + PATIENCE)
            for line in process.stdout or ():
                guard.again()
                waiting.pop(0)
                yield Row.of(json.loads(line))
            process.wait()
            guard.stop()
        if waiting:
            lines = errors.text.strip().splitlines()
            why = f"the process ended with {process.returncode}: {lines[-1] if lines else 'it said nothing'}"
            yield Row(model.name, model.group, waiting.pop(0), why=why[:TAIL])


class _Guard:
    """Kills a process that prints no row for too long."""

    def __init__(self, process: "subprocess.Popen[str]", seconds: float):
        self._process, self._seconds = process, seconds
        self._start()

    def _start(self) -> None:
        self._timer = threading.Timer(self._seconds, self._process.kill)
        self._timer.daemon = True
        self._timer.start()

    def again(self) -> None:
        self.stop()
        self._start()

    def stop(self) -> None:
        self._timer.cancel()


class _Drain(threading.Thread):
    """Reads what a process prints to its standard error, so that the pipe is never full."""

    def __init__(self, process: "subprocess.Popen[str]"):
        super().__init__(daemon=True)
        self._process, self.text = process, ""
        self.start()

    def run(self) -> None:
        for line in self._process.stderr or ():
            self.text = (self.text + line)[-TAIL * 10 :]


def _alarm(*_: object) -> None:
    raise TooLong


def main() -> int:
    from benchmarks.corpus.measure import measure

    group, name, modes, limit, most, *policies = sys.argv[1:]
    models = light() if group == "light" else corpus(Path(os.environ["PPC_CORPUS"]))
    model = next(m for m in models if (m.group, m.name) == (group, name))
    signal.signal(signal.SIGALRM, _alarm)
    out, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no row
    for policy in policies:
        signal.setitimer(signal.ITIMER_REAL, float(limit))
        row = Row(name, group, policy)
        try:
            measure(row, model, tuple(modes.split(",")), int(most) or None)
        except TooLong:
            row.broken["limit"] = f"took more than {limit} s"
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        print(json.dumps(asdict(row)), file=out, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

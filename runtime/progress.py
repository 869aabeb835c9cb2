"""Progress of a run on stderr: bars on a terminal, one line a phase in a pipe, nothing when quiet."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Progress:
    """A context manager to be given to `launch` as `on_event`."""

    def __init__(self, parties: Iterable[str], *, quiet: bool = False, stream: TextIO | None = None):
        self._parties, self._stream = list(parties), stream or sys.stderr
        self._quiet = quiet
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._runs: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> "Progress":
        if not self._quiet and self._stream.isatty():
            self._bars = _bars(self._stream)
            for party in self._parties:
                self._tasks[party] = self._bars.add_task(party, total=None, phase="start", at="")
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, party: str, event: Mapping[str, Any]) -> None:
        if self._bars is not None and party in self._tasks:
            self._draw(party, event)
        elif not self._quiet and event["event"] == "phase":
            self._stream.write(f"{party}: {_plain(event['phase'])}\n")
            self._stream.flush()

    def _draw(self, party: str, event: Mapping[str, Any]) -> None:
        assert self._bars is not None
        task, kind = self._tasks[party], event["event"]
        if kind == "phase":
            self._bars.update(task, phase=_plain(event["phase"]), at="", completed=0, total=None)
        elif kind == "run":
            self._runs[party] = (event["index"], event["count"])
        elif kind == "step":
            run, runs = self._runs.get(party, (0, 1))
            at, steps = event["index"] + 1, event["count"]
            of_runs = f"pass {run + 1}/{runs}, " if runs > 1 else ""
            text = f"{of_runs}step {at}/{steps} {_plain(event['name'])}"
            self._bars.update(task, completed=run * steps + at, total=runs * steps, at=text)


def _bars(stream: TextIO) -> "Bars":
    # rich takes 40 ms to import, and a party that nobody watches never needs it
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>8}", markup=False),
        TextColumn("{task.fields[phase]:<8}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[at]}", markup=False),
        TimeElapsedColumn(),
    )
    return Bars(*columns, console=Console(file=stream), transient=True)


def _plain(text: object) -> str:
    """Node names come from a model file: no control characters on the terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(text))[:60]

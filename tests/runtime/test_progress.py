"""Progress: bars on a terminal, a line a phase in a pipe, nothing when quiet."""

import io

from ppc.runtime.progress import Progress

EVENTS = [
    {"event": "phase", "phase": "offline"},
    {"event": "phase", "phase": "online\x1b[2J"},
    {"event": "run", "index": 1, "count": 3},
    {"event": "step", "index": 4, "count": 10, "name": "mpc.[red]Relu"},
    {"event": "result", "values": {}},
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def play(stream, **options):
    with Progress(["client", "server"], stream=stream, **options) as progress:
        for event in EVENTS:
            progress("server", event)
        if progress._bars is not None:
            progress._bars.refresh()
    return stream.getvalue()


def test_a_line_a_phase_in_a_pipe():
    assert play(io.StringIO()) == "server: offline\nserver: online?[2J\n"


def test_bars_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    text = play(Terminal())
    assert "client" in text and "pass 2/3, step 5/10 mpc.[red]Relu" in text and "\x1b[2J" not in text


def test_quiet():
    assert play(io.StringIO(), quiet=True) == play(Terminal(), quiet=True) == ""

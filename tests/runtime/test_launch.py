"""Parties as processes: they end together, with the first cause as the one error."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.launch import LaunchError, launch, reserve_ports

HEAD = """
import os, signal, sys, time
from ppc.runtime.errors import PartyError
from ppc.runtime.net.frame import RelayedError
from ppc.runtime.status import Status
status = Status.from_environment()
"""


def python(code):
    return [sys.executable, "-c", HEAD + textwrap.dedent(code)]


def commands(**codes):
    return lambda party: python(codes[party])


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as f:
        return f.read().split(")")[1].split()[0] == "Z"  # a zombie of another parent


def wait_until(true, seconds=3.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def children():
    """Processes, zombies included, whose parent is this one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[1]) == os.getpid():
                found.add(stat.parent.name)
    return found


@pytest.fixture(autouse=True)
def no_child_is_left():
    before = children()
    yield
    assert children() <= before


def test_results_events_and_logs():
    events = []
    code = """
        status.phase("online")
        status.run(0, 2)
        for i in range(1000):
            status.step(i, 1000, "mpc.Relu")
        status.result(rows=[1, 2], party=sys.argv[0])
        status.result(accuracy=0.5)
        print("hello from", "stdout"); print("and stderr", file=sys.stderr)
    """
    outcomes = launch(commands(a=code, b=code), ["a", "b"], 20, lambda *e: events.append(e))
    assert outcomes["a"].results == {"rows": [1, 2], "party": "-c", "accuracy": 0.5}
    assert outcomes["b"].log.splitlines() == ["hello from stdout", "and stderr"]
    kinds = [e["event"] for party, e in events if party == "a"]
    assert kinds[:3] == ["phase", "run", "step"] and kinds[-2:] == ["result", "result"]
    assert 1 <= kinds.count("step") < 50, "steps are throttled: each report wakes this process up"


def test_a_crash_is_the_cause_although_others_report_first(tmp_path):
    """The enclave is killed; the server notices and tells, the client hears of it and tells."""
    killed = """
        status.phase("online"); status.step(6, 20, "tee.Conv")
        print("line", *range(5)); sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    notices = """
        time.sleep(0.3)
        status.error(PartyError("PPC6001", "enclave is gone", help="look")); sys.exit(2)
    """
    hears = """
        time.sleep(0.35)
        status.error(RelayedError("server", "PPC6001", "enclave is gone")); sys.exit(2)
    """
    with pytest.raises(LaunchError) as e:
        launch(commands(client=hears, server=notices, enclave=killed), ["client", "server", "enclave"], 20)
    assert e.value.party == "enclave" and e.value.code == "PPC6001"
    text = str(e.value)
    assert "SIGKILL in phase 'online', step 7 of 20 (tee.Conv)" in text and "| line 0 1 2 3 4" in text
    assert "out of memory" in text
    assert set(e.value.logs) == {"client", "server", "enclave"}


@pytest.mark.parametrize("how", ["SIGSEGV", "SIGABRT"])
def test_a_crash_in_native_code_has_a_code_and_says_where(how):
    crashes = f"""
        status.phase("online"); status.step(2, 20, "he.linear")
        def multiply(): os.kill(os.getpid(), signal.{how})
        multiply()
    """
    hears = 'time.sleep(0.3); status.error(PartyError("PPC6001", "server is gone")); sys.exit(1)'
    with pytest.raises(LaunchError) as e:
        launch(commands(server=crashes, client=hears), ["server", "client"], 20)
    assert (e.value.party, e.value.code) == ("server", "PPC6017")
    assert how in str(e.value) and "step 3 of 20 (he.linear)" in str(e.value) and "in multiply" in str(e.value)


def test_the_party_that_found_the_fault_is_the_cause():
    a = 'time.sleep(0.2); status.error(PartyError("PPC6005", "x holds NaN", help="clean it")); sys.exit(2)'
    b = 'status.error(PartyError("PPC6001", "client is gone")); sys.exit(2)'
    c = 'status.error(RelayedError("client", "PPC6005", "x holds NaN")); sys.exit(2)'
    with pytest.raises(LaunchError) as e:
        launch(commands(client=a, server=b, dealer=c), ["server", "dealer", "client"], 20)
    assert (e.value.party, e.value.code) == ("client", "PPC6005")
    assert str(e.value) == "error[PPC6005]: client: x holds NaN\n   = help: clean it"


def test_the_others_are_ended_after_a_grace():
    start = time.monotonic()
    with pytest.raises(LaunchError) as e:
        launch(commands(a="sys.exit(3)", b="time.sleep(60)"), ["a", "b"], 30, grace=0.3)
    assert e.value.party == "a" and "exit code 3" in str(e.value) and "printed nothing" in str(e.value)
    assert time.monotonic() - start < 5


def test_a_party_that_ignores_the_request_is_killed():
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
    start = time.monotonic()
    with pytest.raises(LaunchError):
        launch(commands(a="time.sleep(0.5); sys.exit(1)", b=stubborn), ["a", "b"], 30, grace=0.1)
    assert time.monotonic() - start < 6


def test_processes_that_a_party_started_end_with_it(tmp_path):
    forks = f"""
        import subprocess
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open({str(tmp_path / "pid")!r}, "w").write(str(worker.pid))
    """
    launch(commands(a=forks), ["a"], 20)
    assert wait_until(lambda: gone(int((tmp_path / "pid").read_text())))


def test_an_unforeseen_exception_is_shown_by_its_log_and_not_by_its_text():
    code = """
        try:
            raise ValueError("secret 42")
        except ValueError as e:
            status.error(e)
        sys.exit(1)
    """
    with pytest.raises(LaunchError) as e:
        launch(commands(a=code), ["a"], 20)
    assert "a failed with ValueError" in str(e.value) and "42" not in str(e.value)


def test_too_long():
    start = time.monotonic()
    with pytest.raises(LaunchError) as e:
        launch(commands(a="status.phase('offline'); time.sleep(60)", b=""), ["a", "b"], 1.0)
    assert e.value.code == "PPC6002" and "a in phase 'offline'" in str(e.value) and "b in" not in str(e.value)
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("line", ["not json", "[]", '{"event": "step", "index": "x"}', "[" * 100000, '{"event": []}'])
def test_a_status_that_is_none_ends_the_run(line):
    code = f"os.write(status.fd, {line!r}.encode() + b'\\n'); time.sleep(60)"
    with pytest.raises(PartyError, match="not one") as e:
        launch(commands(a=code), ["a"], 20)
    assert e.value.code == "PPC6003"


def test_a_command_that_does_not_exist():
    with pytest.raises(PartyError, match="cannot be started"):
        launch(lambda party: ["/nonexistent/program"] if party == "b" else python("time.sleep(60)"), ["a", "b"], 5)


def test_hostile_output_cannot_write_to_the_terminal():
    with pytest.raises(LaunchError) as e:
        launch(commands(a="print('\\x1b[2J\\x07boo'); sys.exit(1)"), ["a"], 20)
    assert "boo" in str(e.value) and "\x1b" not in str(e.value) and "\x07" not in str(e.value)


LAUNCHER = """
import sys
from ppc.runtime.launch import launch
child = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(60)"
try:
    launch(lambda party: [sys.executable, "-c", child, sys.argv[1]], ["a"])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_party_outlives_its_launcher(tmp_path, number):
    pid = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", LAUNCHER, str(pid)]) as launcher:
        assert wait_until(lambda: pid.exists() and pid.read_text().strip(), 10)
        launcher.send_signal(number)
        assert launcher.wait(5) == (130 if number == signal.SIGINT else -number)
    assert wait_until(lambda: gone(int(pid.read_text())))


def test_a_status_without_a_launcher_is_silent(monkeypatch):
    from ppc.runtime.status import Status

    monkeypatch.delenv("PPC_STATUS_FD", raising=False)
    Status.from_environment().phase("online")
    monkeypatch.setenv("PPC_STATUS_FD", "987")
    assert Status.from_environment().fd is None


def test_reserved_ports_are_free_for_their_party_and_nobody_else():
    with reserve_ports(["a", "b"]) as addresses:
        assert len(set(addresses.values())) == 2
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(addresses["a"])
            s.listen()
            with socket.create_connection(addresses["a"], 2):
                pass
        with socket.socket() as other, pytest.raises(OSError):
            other.bind(addresses["b"])


PARTY = """
import sys
import numpy as np
from pathlib import Path
from ppc.runtime import keys
from ppc.runtime.errors import PartyError
from ppc.runtime.net.connect import abort_all, close_all, connect_all
from ppc.runtime.status import Status

role, folder, server, dealer, dies = sys.argv[1:]
addresses = {"server": ("127.0.0.1", int(server)), "dealer": ("127.0.0.1", int(dealer))}
status = Status.from_environment()
channels = {}
try:
    status.phase("connect")
    mine = keys.load(Path(folder), role)
    channels = connect_all(role, addresses, ["client", "server", "dealer"], mine, "ab" * 32, 20)
    status.phase("online")
    for i in range(10):
        if dies == role and i == 5:
            import os
            os._exit(9)
        for peer in sorted(channels):
            channels[peer].exchange(f"{i}", np.full(1000, i))
    close_all(channels)
    status.result(sent=sum(c.bytes_sent for c in channels.values()))
except PartyError as e:
    abort_all(channels, e)
    status.error(e)
    sys.exit(2)
"""


@pytest.mark.parametrize("dies", ["nobody", "dealer", "client"])
def test_three_real_parties_over_tls(dies):
    from ppc.runtime import keys

    parties = ["server", "client", "dealer"]
    with keys.session_keys(parties) as folder, reserve_ports(parties) as at:
        ports = [str(at["server"][1]), str(at["dealer"][1])]

        def run():
            return launch(lambda party: [sys.executable, "-c", PARTY, party, str(folder), *ports, dies], parties, 30)

        if dies == "nobody":
            assert all(o.results["sent"] > 160_000 for o in run().values())
        else:
            start = time.monotonic()
            with pytest.raises(LaunchError) as e:
                run()
            assert e.value.party == dies and "exit code 9" in str(e.value)
            assert time.monotonic() - start < 8


def test_launching_from_another_thread():
    result = []
    t = threading.Thread(target=lambda: result.append(launch(commands(a="status.result(ok=True)"), ["a"], 20)))
    t.start()
    t.join(20)
    assert result[0]["a"].results == {"ok": True}

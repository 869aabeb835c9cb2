"""The confined process can compute and talk on open connections, and can do nothing else. Real subprocesses."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ppc.runtime.tee import lockdown, seccomp

# Runs in the confined process: each attempt reports "ALLOWED" or the error's name, over a socket opened before.
PROBE = """
import ctypes, json, multiprocessing, os, socket, sys, threading
import numpy as np
from ppc.runtime.tee import lockdown

ours, theirs = socket.socketpair()
listener = socket.create_server(("127.0.0.1", 0))
target = sys.argv[1]
results = {}
helper_go, helper_done = threading.Event(), threading.Event()

def attempt(name, do):
    try:
        do()
        results[name] = "ALLOWED"
    except BaseException as error:
        results[name] = type(error).__name__

def helper():  # a thread from before: the filter must hold it too
    helper_go.wait()
    attempt("old thread: socket", lambda: socket.socket())
    attempt("old thread: write", lambda: open(target, "w"))
    helper_done.set()

threading.Thread(target=helper, daemon=True).start()
status = lockdown.apply()
attempt("open /etc/passwd for writing", lambda: open("/etc/passwd", "a"))
attempt("create a file", lambda: open(target, "w"))
attempt("read /etc/passwd", lambda: open("/etc/passwd").read())
attempt("read a file of the user", lambda: open(sys.argv[2]).read())
attempt("remove a file", lambda: os.unlink(sys.argv[2]))
attempt("socket", lambda: socket.socket())
attempt("udp socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
attempt("connect", lambda: socket.create_connection(listener.getsockname(), 1))
attempt("fork", lambda: os.fork() or os._exit(0))
attempt("vfork+exec", lambda: __import__("subprocess").run(["/bin/true"]))
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("kill", lambda: os.kill(os.getppid(), 0))
def raw(number, *arguments):
    def do():
        if ctypes.CDLL(None, use_errno=True).syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), "")
    return do
attempt("ptrace", raw(101, 0, 0, 0, 0))
attempt("io_uring", raw(425, 8, 0))
attempt("unknown call", raw(460, 0))
attempt("bpf", raw(321, 0, 0, 0))
helper_go.set()
helper_done.wait(5)
x = np.random.default_rng(0).normal(size=(300, 300))
attempt("matmul", lambda: np.testing.assert_allclose((x @ np.linalg.inv(x)).trace(), 300, rtol=1e-6))
attempt("talk", lambda: (ours.sendall(b"x"), theirs.recv(1)))
def in_thread():
    t = threading.Thread(target=lambda: results.__setitem__("thread", "ran"))
    t.start(); t.join()
attempt("start a thread", in_thread)
attempt("randomness", lambda: os.urandom(16))
attempt("lazy import", lambda: __import__("fractions"))
attempt("event loop", lambda: __import__("asyncio").new_event_loop().close())
print(json.dumps({"status": status, "results": results}))
"""

MUST_WORK = ("matmul", "talk", "start a thread", "randomness", "lazy import", "event loop")


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    place = tmp_path_factory.mktemp("confined")
    (place / "private.txt").write_text("a file of the user")
    run = subprocess.run(
        [sys.executable, "-c", PROBE, str(place / "new"), str(place / "private.txt")],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=place,
    )
    assert run.returncode == 0, run.stderr
    assert not (place / "new").exists() and (place / "private.txt").exists()
    found: dict[str, dict[str, str]] = json.loads(run.stdout)
    return found


def test_everything_this_kernel_has_is_applied(confined: dict[str, dict[str, str]]) -> None:
    for feature, said in lockdown.available().items():
        assert confined["status"][feature].startswith("on") == said.startswith("on"), confined["status"][feature]
    assert set(confined["status"]) == set(lockdown.FEATURES)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the system-call table is for x86_64")
def test_nothing_but_computing_and_talking_is_left(confined: dict[str, dict[str, str]]) -> None:
    results = dict(confined["results"])
    for work in MUST_WORK:
        assert results.pop(work) == "ALLOWED", work
    assert results.pop("thread") == "ran"
    assert set(results.values()) <= {"PermissionError"}, results


def test_a_feature_that_fails_is_reported_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise OSError(1, "denied here")

    monkeypatch.setattr(lockdown, "FEATURES", {"x": (refuse, refuse)})
    assert lockdown.apply() == {"x": "off: [Errno 1] denied here"}


def test_numbers_agree_with_the_kernel_headers() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("no kernel headers here")
    words = (line.split() for line in header.read_text().splitlines() if line.startswith("#define __NR_"))
    numbers = {name.removeprefix("__NR_"): int(number) for _, name, number in words}
    for table in (*seccomp.ALLOWED.values(), seccomp.ABSENT):
        for name, number in table.items():
            assert numbers.get(name, number) == number, name

"""A plan's parties, each a process of its own, started by hand as in several terminals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from three_way import MODELS, POLICIES

import ppc
from ppc.runtime.keys import make_keys
from ppc.runtime.launch import reserve_ports
from ppc.runtime.phases import pairs, roles
from ppc.runtime.plan import Plan
from ppc.runtime.tee.roots import write_roots

LENET = MODELS / "lenet5_relu_maxpool_mnist.onnx"
MLP = MODELS / "mlp_relu_breast_cancer.onnx"


class Deployment:
    """A plan's files and keys in a folder, and its parties as processes of their own."""

    def __init__(self, folder: Path, policy: str, batch: int, model: Path):
        self.folder, self.model = folder, model
        said = policy if "\n" in policy else POLICIES / f"{policy}.ppc"  # its text, or the name of an example
        self.plan = ppc.compile(model, said, batch=batch).save(folder / "plan.py")
        self.manifest = Plan.load(self.plan)[0].manifest
        self.parties = roles(self.manifest)
        make_keys(folder / "keys", self.parties)
        write_roots(folder / "keys", self.parties)
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, samples: int, timeout: float = 30.0) -> None:
        stored = np.load(self.model.with_suffix(".npz"))["x"]
        np.savez(self.folder / "x.npz", x=stored[np.arange(samples) % len(stored)])
        with reserve_ports(self.parties) as addresses:
            where = {p: f"{host}:{port}" for p, (host, port) in addresses.items()}
        for party in self.parties:
            peers = {q for pair in pairs(self.manifest) if party in pair for q in pair} - {party}
            line = [sys.executable, str(self.plan), "--party", party, "--listen", where[party]]
            line += ["--keys", str(self.folder / "keys"), "--timeout", str(timeout)]
            line += [part for q in sorted(peers) for part in ("--connect", f"{q}={where[q]}")]
            if party == "client":
                line += ["--data", str(self.folder / "x.npz"), "-o", str(self.folder / "y.npz")]
            if party == "server":
                line += ["-o", str(self.folder / "server.npz")]
            self.processes[party] = subprocess.Popen(
                line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder
            )

    def end(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    def begin_passes(self, phase: str) -> None:
        """Start many samples, and wait until the dealer works (`offline`) or has done its part (`online`). The timeout
        is one that a party on a busy machine keeps."""
        self.start(samples=2000, timeout=12.0)
        if phase == "offline":
            self.wait_for_work("dealer")
        else:
            self.processes["dealer"].communicate(timeout=120)

    def lose(self, victim: str, how: str, waiting: set[str]) -> None:
        """Send a party a signal: everybody in `waiting` ends with one error that names it."""
        self.processes[victim].send_signal(signal.Signals[how])
        code = "PPC6001" if how == "SIGKILL" else "PPC6002"
        for party in waiting:
            _, errors = self.processes[party].communicate(timeout=60)
            assert self.processes[party].returncode == 1, party
            assert errors.count("error[PPC") == 1, errors
            assert code in errors and victim in errors, errors

    def wait_for_work(self, party: str, cpu_seconds: float = 1.5) -> None:
        """Wait until it has computed for a while."""
        ticks = os.sysconf("SC_CLK_TCK")
        stat = Path(f"/proc/{self.processes[party].pid}/stat")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            fields = stat.read_text().rsplit(") ", 1)[1].split()
            if (int(fields[11]) + int(fields[12])) / ticks > cpu_seconds:
                return
            assert self.processes[party].poll() is None, self.processes[party].communicate()
            time.sleep(0.05)
        raise AssertionError(f"the {party} never got to work")

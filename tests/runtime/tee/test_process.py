"""The whole thing as it runs: an enclave in its own process, confined, over a real socket."""

import json
import socket
import subprocess
import sys
from typing import Any

import numpy as np

from ppc.runtime.convert import tee as convert
from ppc.runtime.party import Session, Step
from ppc.runtime.tee import lockdown, measure, simulated
from ppc.runtime.tee.engine import setup
from ppc.runtime.value import Value

SHAPE = (64, 64)
MODEL = "@model"

# A channel of length-prefixed blobs; what it sent is kept for the leak test. Both ends run this text.
CHANNEL = """
import socket, struct
class SocketChannel:
    def __init__(self, peer, sock):
        self.peer, self.sock, self.log = peer, sock, b""
        self.bytes_sent = self.bytes_received = self.rounds = 0
        self.waited = 0.0
    def send_bytes(self, tag, blob):
        self.log += blob
        self.sock.sendall(struct.pack("<I", len(blob)) + blob)
    def receive_bytes(self, tag, limit):
        n, = struct.unpack("<I", self._exactly(4))
        assert n <= limit, (tag, n, limit)
        return self._exactly(n)
    def _exactly(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        self.log += data
        return data
"""

ENCLAVE = (
    CHANNEL
    + """
import json, sys
from ppc.runtime.convert import tee as convert
from ppc.runtime.party import Session, Step
from ppc.runtime.tee.engine import setup
from ppc.runtime.value import Value

fd, manifest = int(sys.argv[1]), json.loads(sys.argv[2])
root = sys.stdin.buffer.read()
session = Session("enclave", manifest, {"server": SocketChannel("server", socket.socket(fileno=fd))})
setup(session, root)
shape = tuple(manifest["weights"]["@model"]["shape"])
x = convert.server_to_tee(session, Step.from_json(manifest["steps"][0]), Value("server", shape))
y = Value("tee", shape, x.data @ session.weights["@model"])
convert.tee_to_server(session, Step.from_json(manifest["steps"][2]), y)
"""
)


def step(id: int, name: str, *operands: str) -> dict[str, Any]:
    return {
        "id": id,
        "step": name,
        "op": "",
        "node": "",
        "shape": SHAPE,
        "shapes": [SHAPE],
        "dtype": "f32",
        "attrs": {},
        "operands": operands,
    }


def test_confined_enclave_computes_on_released_weights() -> None:
    namespace: dict[str, type] = {}
    exec(CHANNEL, namespace)
    written: dict[str, Any] = {
        "steps": [
            step(1, "convert.server_to_tee"),
            step(2, "tee.Identity", MODEL),
            step(3, "reveal.tee_to_server"),
        ],
        "weights": {MODEL: {"shape": SHAPE, "public": False}},
        "tee": {"kind": "simulated", "allow_simulated": True},
    }
    plan = json.loads(json.dumps(written))
    plan["tee"]["measurement"] = measure.measurement(plan)
    private, public = simulated.new_root()
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    process = subprocess.Popen(
        [sys.executable, "-c", ENCLAVE, str(theirs.fileno()), json.dumps(plan)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    assert process.stdin and process.stderr
    process.stdin.write(private)
    process.stdin.close()

    x, w = np.random.default_rng(3).normal(size=(2, *SHAPE))
    session = Session("server", plan, {"enclave": namespace["SocketChannel"]("enclave", ours)}, {MODEL: w})
    try:
        engine = setup(session, public)
        convert.server_to_tee(session, Step.from_json(plan["steps"][0]), Value("server", SHAPE, x))
        y = convert.tee_to_server(session, Step.from_json(plan["steps"][2]), Value("tee", SHAPE))
    finally:
        ours.close()
        errors = process.stderr.read().decode()
        process.stderr.close()
        code = process.wait(10)
    assert code == 0, errors
    np.testing.assert_allclose(y.data, x @ w)
    assert engine.claims and engine.claims.lockdown.keys() == lockdown.FEATURES.keys()
    wire = session.channels["enclave"].log  # type: ignore[attr-defined]
    for secret in (x, w, y.data):
        assert secret.tobytes()[:16] not in wire

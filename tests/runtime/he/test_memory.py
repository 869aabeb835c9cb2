"""What a server will need, against what it needs; and that a value goes after its last reader."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ppc.runtime.he.memory import server_memory
from ppc.runtime.layout import Layout
from ppc.runtime.local import LocalSession


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell resident memory")
@pytest.mark.parametrize("threads", [1, 3])
def test_the_prediction_is_near_what_a_process_takes(threads):
    script = Path(__file__).with_name("memory_of_a_run.py")
    done = subprocess.run([sys.executable, script, str(threads)], capture_output=True, text=True, check=True)
    predicted, measured = map(int, done.stdout.split())
    assert measured > 100e6  # else it says nothing
    assert measured / 1.5 < predicted < measured * 1.5


def chain(lengths, last_reads_first):
    """A plan of he.add steps at level 1; with `last_reads_first`, the last step still reads the first value."""
    layout = Layout.dense(4, 4096).to_json()
    flat = {f"layout_{part}": v for part, v in layout.items()}
    common = {"op": "", "node": "n", "dtype": "f32", "shape": [4], "shapes": [[4]]}
    steps = [
        common | {"step": "convert.client_to_he", "operands": ["x"], "results": ["v0"], "attrs": flat | {"level": 1}}
    ]
    for i in range(lengths):
        second = "v0" if last_reads_first and i == lengths - 1 else f"v{i}"
        steps.append(common | {"step": "he.add", "operands": [f"v{i}", second], "results": [f"v{i + 1}"], "attrs": {}})
    he = {"degree": 8192, "top_level": 1, "galois": {}, "relin": []}
    return {"he": he, "steps": [{"id": i + 1} | s for i, s in enumerate(steps)]}


def test_what_is_read_again_counts_and_the_rest_does_not():
    one = 2 * 2 * 8192 * 8
    short, long = (server_memory(chain(n, False)).ciphertexts for n in (2, 40))
    assert short == long
    assert server_memory(chain(40, True)).ciphertexts == long + one


def test_values_go_after_their_last_reader():
    lines = [
        {"step": "client.input", "operands": [], "results": ["x"], "attrs": {"name": "x"}},
        {"step": "client.Relu", "operands": ["x"], "results": ["a"], "attrs": {}},
        {"step": "client.Add", "operands": ["a", "x"], "results": ["b"], "attrs": {}},
        {"step": "client.Add", "operands": ["b", "b"], "results": ["c"], "attrs": {}},
        {"step": "client.output", "operands": ["c"], "results": [], "attrs": {"name": "y"}},
    ]
    common = {"op": "", "node": "n", "dtype": "f32", "shape": [2], "shapes": [[2]]}
    steps = [common | {"id": i + 1, "op": line["step"].partition(".")[2]} | line for i, line in enumerate(lines)]
    session = LocalSession("everyone", {"steps": steps, "weights": {}})
    for run in range(2):
        session.start_run(run, {"x": np.array([1.0, -2.0])})
        x = session.step("client.input")
        a = session.step("client.Relu", x)
        assert x.data is not None
        b = session.step("client.Add", a, x)
        assert x.data is None and a.data is None and b.data is not None
        c = session.step("client.Add", b, b)
        session.step("client.output", c)
        assert b.data is None and c.data is None
        assert session.outputs["y"].tolist() == [4.0, -4.0]

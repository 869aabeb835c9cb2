"""Batch packing by separate processes: with secret weights (a mask) and with public ones (decrypted directly)."""

from math import inf
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from three_way import assert_three_ways

from ppc.targets.he import choice

BATCH = 16
PUBLIC = """party client, server, dealer
input  *  secret of client
weight *  public
output *  reveal to client because "the client asked for its own prediction"
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
place operator * in he
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Conv, square, Flatten, Gemm; inputs beside it."""
    rng = np.random.default_rng(0)
    k, w = rng.normal(size=(2, 1, 3, 3)) / 3, rng.normal(size=(3, 32)) / 6
    constants = {"k": k, "kb": rng.normal(size=2), "w": w, "b": rng.normal(size=3)}
    nodes = [
        helper.make_node("Conv", ["x", "k", "kb"], ["c"], name="conv", pads=[0, 0, 0, 0]),
        helper.make_node("Mul", ["c", "c"], ["s"], name="square"),
        helper.make_node("Flatten", ["s"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], name="fc", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path = tmp_path / "small.onnx"
    onnx.save(made, path)
    np.savez(path.with_suffix(".npz"), x=rng.uniform(size=(2 * BATCH, 1, 6, 6)).astype(np.float32))
    return path


@pytest.mark.parametrize("policy,privacy", [(None, "masking"), (PUBLIC, "public weights")])
def test_two_passes(model: Path, policy: str | None, privacy: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(choice, "program_seconds", lambda program, primitives: inf)
    case = assert_three_ways(
        tmp_path,
        model,
        policy,
        targets=("he",),
        samples=2 * BATCH,
        batch=BATCH,
        budget=0.01,
        calibrate=model.with_suffix(".npz"),
    )
    steps = {s["step"]: s["attrs"] for s in case.compiled.manifest["steps"]}
    assert "he.batch_rescale" in steps and steps["reveal.he_to_client"]["privacy"] == privacy
    assert case.compiled.manifest["he"]["packing"] == "batch"
    assert case.compiled.manifest["he"]["galois"] == {}
    text = (tmp_path / "plan.py").read_text()
    assert "p.he.batch_linear(x_he, p.weight(" in text and "p.he.batch_square(" in text
    assert "288 weights in 16 blocks" in text and "96 weights in 1 block," in text

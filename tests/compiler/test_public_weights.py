"""A model that is no secret, under HE from end to end."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import ppc

POLICY = Path(__file__).parents[2] / "examples" / "policies" / "he_public_weights.ppc"


def square_net(folder: Path, *widths: int) -> Path:
    """Gemm, squared, Gemm, ..."""
    random, nodes, weights, name = np.random.default_rng(3), [], [], "x"
    for i, (rows, columns) in enumerate(pairwise(widths)):
        weights.append(numpy_helper.from_array(random.normal(size=(rows, columns)).astype(np.float32) / rows, f"w{i}"))
        out = "y" if i + 2 == len(widths) else f"h{i}"
        nodes.append(helper.make_node("Gemm", [name, f"w{i}"], [out], name=f"gemm{i}"))
        name = out
        if out != "y":
            nodes.append(helper.make_node("Mul", [out, out], [f"s{i}"], name=f"square{i}"))
            name = f"s{i}"
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, w]) for n, w in (("x", widths[0]), ("y", widths[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


@pytest.mark.parametrize("widths", [(30, 1), (64, 32, 10)])
def test_the_result_leaves_as_a_ciphertext(widths: tuple[int, ...], tmp_path: Path) -> None:
    """Also where the slots beside the result have to be masked before the client may decrypt."""
    np.savez(tmp_path / "fit.npz", x=np.random.default_rng(4).normal(size=(32, widths[0])).astype(np.float32))
    compiled = ppc.compile(square_net(tmp_path, *widths), POLICY, calibrate=tmp_path / "fit.npz")
    steps = [s["step"] for s in compiled.manifest["steps"]]
    assert steps[-2] == "reveal.he_to_client" and "convert.he_to_mpc" not in steps
    assert compiled.manifest["steps"][-2]["attrs"]["privacy"] == "public weights"
    nodes = {f"{kind}{i}" for i in range(len(widths)) for kind in ("gemm", "square")}
    assert {s["node"] for s in compiled.manifest["steps"] if s["step"].startswith("he.")} <= nodes

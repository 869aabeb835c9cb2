"""`ppc verify` where the model has control flow: compiled again, branches and turns get the same names and bytes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import ppc
from ppc.compiler.verify import verify_plan
from ppc.ir.policy import DEFAULT, print_policy

ENCLAVE = print_policy(DEFAULT) + "\nallow simulated tee\n"
FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
ROW = [1, 4]
W = np.random.default_rng(0).normal(size=(4, 4)).astype("f4") / 2

node, graph, info = onnx.helper.make_node, onnx.helper.make_graph, onnx.helper.make_tensor_value_info


def branch(op: str, *operands: str) -> onnx.GraphProto:
    return graph([node(op, operands, [f"of_{op}"])], op, [], [info(f"of_{op}", FLOAT, ROW)])


def choice(x: str, y: str) -> list[onnx.NodeProto]:
    """y = x W where the sum of x is positive, else -x."""
    return [
        node("ReduceSum", [x], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["positive"]),
        node("If", ["positive"], [y], then_branch=branch("MatMul", x, "w"), else_branch=branch("Neg", x)),
    ]


def loop() -> list[onnx.NodeProto]:
    turn = [info("i", INT, []), info("go", BOOL, []), info("h", FLOAT, ROW)]
    left = [info("going", BOOL, []), info("next", FLOAT, ROW)]
    body = graph([*choice("h", "next"), node("Identity", ["go"], ["going"])], "body", turn, left)
    return [node("Loop", ["turns", "true", "x"], ["y"], body=body)]


def scan() -> list[onnx.NodeProto]:
    steps = [node("MatMul", ["h", "w"], ["hw"]), node("Add", ["hw", "xi"], ["sum"]), node("Sigmoid", ["sum"], ["next"])]
    turn, left = [info("h", FLOAT, ROW), info("xi", FLOAT, ROW)], [info("next", FLOAT, ROW)]
    return [node("Scan", ["h0", "x"], ["y"], body=graph(steps, "body", turn, left), num_scan_inputs=1)]


MODELS = {"secret if": (choice("x", "y"), ROW), "loop": (loop(), ROW), "scan": (scan(), [5, *ROW])}


@pytest.mark.parametrize(("policy", "targets"), [(None, ("mpc", "client")), (ENCLAVE, ("he", "mpc", "tee", "client"))])
@pytest.mark.parametrize("name", MODELS)
def test_compiling_again_gives_the_same_bytes(
    name: str, policy: str | None, targets: tuple[str, ...], tmp_path: Path
) -> None:
    nodes, shape = MODELS[name]
    values = {"w": W, "zero": np.float32(0), "turns": np.int64(3), "true": np.array(True), "h0": np.zeros(ROW, "f4")}
    constants = [numpy_helper.from_array(np.asarray(a), n) for n, a in values.items()]
    whole = graph(nodes, name, [info("x", FLOAT, shape)], [info("y", FLOAT, ROW)], constants)
    path = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(whole, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    plan = ppc.compile(path, policy, targets=targets).save(tmp_path / "plan.py")
    said = verify_plan(plan, model=path, calibrate=None, calibration=None, weights=True)
    assert said[-1] == "compiling model.onnx again gives the same bytes"

"""What models bring that a plan must carry: text, infinities and NaN in attributes, dimensions that only data know."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import ppc
from ppc.ir.policy import DEFAULT, print_policy
from ppc.runtime.session import InferenceSession

TEE = print_policy(DEFAULT) + "\nallow simulated tee\n"
info = helper.make_tensor_value_info


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]) -> onnx.ModelProto:
    weights = [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, weights)
    rows = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=rows, ir_version=9)


def session(folder: Path, compiled: ppc.Compiled) -> InferenceSession:
    return InferenceSession(compiled.save(folder / "plan.py"), "clear")


def test_attributes_that_are_no_finite_numbers(tmp_path: Path) -> None:
    """An Imputer replaces NaN, and exporters pad before a MaxPool with -inf: JSON has neither."""
    imputer = helper.make_node("Imputer", ["x"], ["a"], domain="ai.onnx.ml", imputed_value_floats=[1.0, 2.0, 3.0],
                               replaced_value_float=float("nan"))  # fmt: skip
    nodes = [imputer, helper.make_node("Pad", ["a", "p", "v"], ["y"])]
    ends = [info("x", TensorProto.FLOAT, ["N", 3])], [info("y", TensorProto.FLOAT, ["N", 5])]
    constants = {"p": np.asarray([0, 1, 0, 1]), "v": np.float32(-np.inf)}
    made = ppc.compile(model(nodes, *ends, constants), TEE)
    (y,) = session(tmp_path, made).run(None, {"x": np.asarray([[4, 5, 6]], np.float32)})
    np.testing.assert_array_equal(y, [[-np.inf, 4, 5, 6, -np.inf]])
    assert "nan" not in made.plan and "inf" not in made.plan.replace("info", "")


def test_text_in_and_out_is_the_clients(tmp_path: Path) -> None:
    """Encoders of text run before encryption, and the names of classes are put back after the reveal."""
    encoder = helper.make_node(
        "OneHotEncoder", ["c"], ["h"], domain="ai.onnx.ml", cats_strings=["red", "blue"], zeros=1
    )
    names = helper.make_node("LabelEncoder", ["i"], ["y"], domain="ai.onnx.ml", keys_int64s=[0, 1, 2],
                             values_strings=["bad", "fair", "good"], default_string="?")  # fmt: skip
    nodes = [encoder, helper.make_node("Flatten", ["h"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["s"]),
             helper.make_node("ArgMax", ["s"], ["i"], axis=1, keepdims=0), names]  # fmt: skip
    ends = [info("c", TensorProto.STRING, ["N", 1])], [info("y", TensorProto.STRING, ["N"])]
    policy = print_policy(DEFAULT) + '\nallow parameters in plan because "categories and class names are public"\n'
    weights = np.asarray([[0, 2, 1], [1, 0, 3]], np.float32)
    made = ppc.compile(model(nodes, *ends, {"w": weights}), policy, targets=("mpc", "client"))
    steps = {step["step"] for step in made.manifest["steps"]}
    assert {"client.OneHotEncoder", "client.LabelEncoder"} <= steps and steps & {"mpc.MatMul", "mpc.Gemm"}
    (y,) = session(tmp_path, made).run(None, {"c": np.asarray([["red"], ["blue"]])})
    assert y.tolist() == ["fair", "good"]


def test_calibration_data_binds_what_is_open(tmp_path: Path) -> None:
    ends = [info("x", TensorProto.FLOAT, ["N", "time", 3])], [info("y", TensorProto.FLOAT, ["N", "time", 2])]
    open_ = model([helper.make_node("MatMul", ["x", "w"], ["y"])], *ends, {"w": np.ones((3, 2), np.float32)})
    with pytest.raises(ppc.CompileError) as caught:
        ppc.compile(open_)
    assert caught.value.diagnostics[0].code == "PPC1015" and "--calibrate" in str(caught.value.diagnostics[0].help)
    np.savez(tmp_path / "data.npz", x=np.ones((5, 7, 3), np.float32))
    made = ppc.compile(open_, calibrate=tmp_path / "data.npz")
    assert made.manifest["model"]["inputs"][0]["shape"] == [1, 7, 3]
    stated = ppc.compile(open_, calibrate=None, dims={"time": 4})
    assert stated.manifest["model"]["inputs"][0]["shape"] == [1, 4, 3]


def test_a_fixed_first_extent_is_the_batch(tmp_path: Path) -> None:
    ends = [info("x", TensorProto.FLOAT, [4, 3])], [info("y", TensorProto.FLOAT, [4, 2])]
    made = ppc.compile(
        model([helper.make_node("MatMul", ["x", "w"], ["y"])], *ends, {"w": np.ones((3, 2), np.float32)})
    )
    assert made.manifest["batch"] == 4
    (y,) = session(tmp_path, made).run(None, {"x": np.arange(15, dtype=np.float32).reshape(5, 3)})
    np.testing.assert_allclose(y, np.arange(15).reshape(5, 3) @ np.ones((3, 2)), atol=1e-6)


def test_parts_of_a_concat_under_he_may_depend_on_fewer_secrets() -> None:
    nodes = [helper.make_node("Gemm", ["a", "w"], ["h"]), helper.make_node("Concat", ["h", "b"], ["c"], axis=1),
             helper.make_node("Gemm", ["c", "v"], ["y"])]  # fmt: skip
    ends = [info(n, TensorProto.FLOAT, [1, 3]) for n in "ab"], [info("y", TensorProto.FLOAT, [1, 2])]
    constants = {"w": np.ones((3, 3), np.float32), "v": np.ones((6, 2), np.float32)}
    made = ppc.compile(model(nodes, *ends, constants), print_policy(DEFAULT) + "\nallow he\n", targets=("he",))
    assert made.manifest["uses"] == ["he"]


def test_a_mask_that_no_encoding_holds_is_refused_by_name() -> None:
    nodes = [helper.make_node("Add", ["x", "m"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    ends = [info("x", TensorProto.FLOAT, [1, 3])], [info("y", TensorProto.FLOAT, [1, 3])]
    with pytest.raises(ppc.CompileError) as caught:
        ppc.compile(model(nodes, *ends, {"m": np.float32([0, 0, -3.4e38])}), targets=("mpc", "he"))
    (found,) = caught.value.diagnostics
    assert "-3.4e+38" in str(found.excerpt)


@pytest.mark.parametrize("targets", ["tee", "mpc", "he"])
@pytest.mark.parametrize("names", [("x", "y"), ("a", "y"), ("y", "a"), ("y", "x")])
def test_nodes_named_like_values(tmp_path: Path, names: tuple[str, str], targets: str) -> None:
    """Exporters name a node after its output, or after its input; names of nodes and of values are apart in ONNX."""
    first = helper.make_node("MatMul", ["x", "w"], ["a"], name=names[0])
    nodes = [first, helper.make_node("Add", ["a", "b"], ["y"], name=names[1])]
    ends = [info("x", TensorProto.FLOAT, [1, 3])], [info("y", TensorProto.FLOAT, [1, 2])]
    w, b, x = (np.arange(n, dtype=np.float32).reshape(s) / 4 for n, s in ((6, (3, 2)), (2, (2,)), (3, (1, 3))))
    made = ppc.compile(model(nodes, *ends, {"w": w, "b": b}), TEE, targets=f"{targets},client,server".split(","))
    (y,) = session(tmp_path, made).run(None, {"x": x})
    np.testing.assert_allclose(y, x @ w + b, atol=1e-6)

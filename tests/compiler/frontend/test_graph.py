"""The graph as a whole: inputs, outputs, dimensions, functions, control flow, broken graphs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError
from ppc.ir.label import Label

Make = Callable[..., onnx.ModelProto]
Evaluate = Callable[..., list[np.ndarray]]
node = onnx.helper.make_node
info = onnx.helper.make_tensor_value_info
F = TensorProto.FLOAT


def code_of(model: Any, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        import_model(model, **options)
    return caught.value.diagnostics[0].code


def test_batch_and_named_dimensions_are_bound(make_model: Make) -> None:
    model = make_model([node("MatMul", ["x", "z"], ["y"])], {"x": ("b", "n", 3), "z": ("b", 3, "n")}, ["y"])
    module = import_model(model, batch=5, dims={"n": 7})
    assert module.values["y"].type.shape == (5, 7, 7) and module.attrs["batch"] == 5
    assert import_model(model, dims={"n": 2, "b": 3}).values["x"].type.shape == (3, 2, 3)


@pytest.mark.parametrize(
    "options",
    [{"batch": 0}, {"dims": {"n": 4, "m": 2}}, {"dims": {"n": 0}}, {"fixed": {"no": 1}}, {"fixed": {"x": [1, 2]}}],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], make_model: Make) -> None:
    model = make_model([node("Relu", ["x"], ["y"])], {"x": ("b", "n", 3)}, ["y"])
    assert code_of(model, **({"dims": {"n": 4}} | options)) == "PPC1016"


def test_an_input_with_an_initialiser_is_a_constant(make_model: Make) -> None:
    model = make_model([node("Add", ["x", "w"], ["y"])], {"x": (1, 2), "w": (2,)}, ["y"], {"w": np.ones(2, np.float32)})
    module = import_model(model)
    assert module.inputs == ("x",) and module.constants["@w"].label == Label.secret("server")


def test_constants_keep_their_bits_and_bfloat16_is_widened(make_model: Make) -> None:
    half = np.asarray([0.1, 65504], np.float16)
    model = make_model([node("Add", ["x", "w"], ["y"])], {"x": (1, 2)}, ["y"], {"w": half}, types={"x": 10, "y": 10})
    module = import_model(model)
    assert module.constants["@w"].type.dtype == "f16" and module.constants["@w"].data.tobytes() == half.tobytes()
    brain = onnx.helper.make_tensor("w", TensorProto.BFLOAT16, [2], [1.5, -2.0])
    model = make_model([node("Cast", ["w"], ["v"], to=F), node("Add", ["x", "v"], ["y"])], {"x": (1, 2)}, ["y"])
    model.graph.initializer.append(brain)
    (constant,) = import_model(model).constants.values()
    assert constant.type.dtype == "f32" and constant.data.tolist() == [1.5, -2.0]


def test_every_output_is_the_result_of_an_op_of_its_own(make_model: Make, evaluate: Evaluate) -> None:
    """Outputs that are an input, a constant, or the same value twice."""
    nodes = [
        node("Identity", ["x"], ["same"]),
        node("Constant", [], ["fixed"], value_float=2.0),
        node("Relu", ["x"], ["r"]),
        node("Identity", ["r"], ["r2"]),
    ]
    module = import_model(make_model(nodes, {"x": (1, 2)}, ["same", "fixed", "r", "r2"]))
    made = [r for op in module.ops for r in op.results]
    assert len(set(module.outputs)) == 4 and set(module.outputs) <= set(made)
    same, fixed, r, r2 = evaluate(module, np.asarray([[-1.0, 2.0]]))
    assert same.tolist() == [[-1, 2]] and float(fixed) == 2 and r.tolist() == r2.tolist() == [[0, 2]]


def test_functions_are_inlined(make_model: Make) -> None:
    model = make_model([node("Twice", ["x"], ["y"], domain="f")], {"x": (1, 2)}, ["y"], domains={"f": 1})
    body = [node("Add", ["a", "a"], ["b"])]
    model.functions.append(
        onnx.helper.make_function("f", "Twice", ["a"], ["b"], body, [onnx.helper.make_opsetid("", 21)])
    )
    assert [op.name for op in import_model(model).ops] == ["Add"]


def _if(condition: list[onnx.NodeProto], make: Make, **options: Any) -> onnx.ModelProto:
    then = onnx.helper.make_graph([node("Relu", ["x"], ["t"])], "then", [], [info("t", F, [1, 2])])
    other = onnx.helper.make_graph([node("Neg", ["x"], ["e"])], "else", [], [info("e", F, [1, 2])])
    nodes = [*condition, node("If", ["c"], ["y"], then_branch=then, else_branch=other)]
    return make(nodes, {"x": (1, 2), **options.pop("inputs", {})}, ["y"], **options)


def test_a_constant_condition_chooses_its_branch(make_model: Make) -> None:
    constants = {"c": np.asarray(False)}
    assert [op.name for op in import_model(_if([], make_model, constants=constants)).ops] == ["Neg"]


def test_a_fixed_input_decides_a_branch(make_model: Make) -> None:
    equal = [node("Equal", ["k", "eight"], ["c"])]
    model = _if(equal, make_model, inputs={"k": ()}, types={"k": 7}, constants={"eight": np.asarray(8)})
    module = import_model(model, fixed={"k": 8})
    assert [op.name for op in module.ops] == ["Relu"] and module.inputs == ("x",)


def test_a_secret_condition_takes_both_branches(make_model: Make, evaluate: Evaluate) -> None:
    secret = [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Cast", ["s"], ["c"], to=TensorProto.BOOL)]
    module = import_model(_if(secret, make_model))
    assert [op.name for op in module.ops][-3:] == ["Relu", "Neg", "Where"]
    assert evaluate(module, np.asarray([[1.0, -2.0]]))[0].tolist() == [[1, 0]]
    assert evaluate(module, np.asarray([[2.0, -2.0]]))[0].tolist() == [[-2, 2]]


def _loop(make: Make, count: str, constants: dict[str, np.ndarray], **options: Any) -> onnx.ModelProto:
    body = onnx.helper.make_graph(
        [
            node("Mul", ["h", "two"], ["h2"]),
            node("Identity", ["g"], ["g2"]),
            node("Add", ["h2", "x"], ["row"]),
        ],
        "body",
        [info("i", 7, []), info("g", 9, []), info("h", F, [1, 2])],
        [info("g2", 9, []), info("h2", F, [1, 2]), info("row", F, [1, 2])],
    )
    loop = node("Loop", [count, "", "x"], ["h", "y"], body=body)
    loop.output[0] = "final"
    constants = {"two": np.asarray(2, np.float32), **constants}
    return make([loop], {"x": (1, 2), **options.pop("inputs", {})}, ["final", "y"], constants, **options)


def test_a_loop_is_unrolled(make_model: Make, evaluate: Evaluate) -> None:
    model = _loop(make_model, "n", {"n": np.asarray(3)})
    x = np.asarray([[1.0, -2.0]], np.float32)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    for got, want in zip(evaluate(import_model(model), x), expected, strict=True):
        assert np.array_equal(got, want)


def test_a_loop_of_unknown_or_hostile_length_is_refused(make_model: Make) -> None:
    assert code_of(_loop(make_model, "n", {}, inputs={"n": ()}, types={"n": 7})) == "PPC1018"
    assert code_of(_loop(make_model, "n", {"n": np.asarray(10**9)})) == "PPC1003"


@pytest.mark.parametrize("backwards", [0, 1])
def test_a_scan_is_unrolled(backwards: int, make_model: Make, evaluate: Evaluate) -> None:
    body = onnx.helper.make_graph(
        [node("Add", ["h", "r"], ["h2"]), node("Neg", ["h2"], ["o"])],
        "body",
        [info("h", F, [2]), info("r", F, [2])],
        [info("h2", F, [2]), info("o", F, [2])],
    )
    attrs = {"scan_input_axes": [1], "scan_input_directions": [backwards], "scan_output_axes": [-1],
             "scan_output_directions": [1]}  # fmt: skip
    scan = node("Scan", ["h0", "x"], ["h", "y"], body=body, num_scan_inputs=1, **attrs)
    model = make_model([scan], {"x": (2, 3)}, ["h", "y"], {"h0": np.ones(2, np.float32)})
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    for got, want in zip(evaluate(import_model(model), x), expected, strict=True):
        assert np.array_equal(got, want)


def test_a_scan_of_distances_is_not_unrolled(make_model: Make, evaluate: Evaluate) -> None:
    body = onnx.helper.make_graph(
        [
            node("Identity", ["h"], ["h2"]),
            node("Sub", ["h", "r"], ["d"]),
            node("ReduceSumSquare", ["d", "one"], ["o"], keepdims=0),
        ],
        "body",
        [info("h", F, [2, 3]), info("r", F, [3])],
        [info("h2", F, [2, 3]), info("o", F, [2])],
        [onnx.numpy_helper.from_array(np.asarray([1]), "one")],
    )
    scan = node("Scan", ["x", "t"], ["h", "y"], body=body, num_scan_inputs=1)
    training = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    model = make_model([scan], {"x": (2, 3)}, ["y"], {"t": training})
    x = np.asarray([[1, 2, 3], [0, -1, 0]], np.float32)
    module = import_model(model)
    assert [op.name for op in module.ops] == ["Reshape", "Sub", "ReduceSumSquare"]
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.allclose(evaluate(module, x)[0], expected, rtol=1e-5)


BROKEN: dict[str, list[onnx.NodeProto]] = {
    "cycle": [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])],
    "itself": [node("Add", ["x", "y"], ["y"])],
    "twice": [node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])],
    "an input again": [node("Relu", ["x"], ["x"]), node("Neg", ["x"], ["y"])],
    "missing weight": [node("Add", ["x", "w"], ["y"])],
    "missing output": [node("Relu", ["x"], ["z"])],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_is_refused(name: str, make_model: Make) -> None:
    assert code_of(make_model(BROKEN[name], {"x": (1, 2)}, ["y"])) == "PPC1008"


@pytest.mark.parametrize(
    ("op", "constants"),
    [
        ("Expand", {"s": np.asarray([2**30, 2])}),
        ("Tile", {"s": np.asarray([2**20, 2**20])}),
        ("Pad", {"s": np.asarray([0, 0, 2**31, 2**31])}),
    ],
)
def test_a_small_model_cannot_ask_for_a_huge_tensor(op: str, constants: Any, make_model: Make) -> None:
    assert code_of(make_model([node(op, ["x", "s"], ["y"])], {"x": (1, 2)}, ["y"], constants)) == "PPC1003"
    ones = {"o": np.ones((1, 2), np.float32)}
    folded = [node(op, ["o", "s"], ["b"]), node("Add", ["x", "b"], ["y"])]
    assert code_of(make_model(folded, {"x": (1, 2)}, ["y"], constants | ones)) == "PPC1003"


def test_huge_dimensions_are_refused(make_model: Make) -> None:
    assert code_of(make_model([node("Relu", ["x"], ["y"])], {"x": (2**40, 2**40)}, ["y"])) == "PPC1003"
    model = make_model([node("Add", ["x", "w"], ["y"])], {"x": (1, 2)}, ["y"], {"w": np.ones(2, np.float32)})
    model.graph.initializer[0].dims[:] = [2**40]
    assert code_of(model) in ("PPC1006", "PPC1009")


def test_the_caller_s_model_is_not_changed(make_model: Make) -> None:
    model = make_model([node("Relu", ["x"], ["y"])], {"x": (1, 2)}, ["y"])
    before = model.SerializeToString(deterministic=True)
    import_model(model)
    assert model.SerializeToString(deterministic=True) == before


def test_importing_twice_gives_equal_modules(make_model: Make) -> None:
    model = make_model([node("Split", ["x"], ["a", "y"], num_outputs=2)], {"x": (4, 2)}, ["y"])
    assert import_model(model) == import_model(model)


def test_zipmap_gives_its_probabilities(make_model: Make) -> None:
    nodes = [
        node("Normalizer", ["x"], ["p"], domain="ai.onnx.ml", norm="L1"),
        node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    module = import_model(make_model(nodes, {"x": (1, 2)}, ["y"], domains={"ai.onnx.ml": 3}))
    assert [op.name for op in module.ops] == ["Normalizer"] and module.attrs["output_names"] == ("y",)


def test_a_large_constant_of_one_number_takes_no_memory(make_model: Make) -> None:
    """Architectures are published with weights like this; VGG-19's first dense layer has 103 million."""
    nodes = [
        node("ConstantOfShape", ["s"], ["w"], value=onnx.helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])),
        node("MatMul", ["x", "w"], ["y"]),
    ]
    module = import_model(make_model(nodes, {"x": (1, 2**14)}, ["y"], {"s": np.asarray([2**14, 2**12])}))
    (weight,) = (c.data for c in module.constants.values() if c.type.shape == (2**14, 2**12))
    assert weight.strides == (0, 0) and weight.dtype == np.float32 and weight[0, 0] == 0.5

"""Each code of the model chapter has a text, and a model that fails with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ppc.compiler.frontend.limits import MAX_MODEL_BYTES
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.codes.model import CODES
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
node = onnx.helper.make_node


def unary(make: Make, op: str = "Relu", shape: tuple[Any, ...] = (1, 4), **options: Any) -> onnx.ModelProto:
    return make([node(op, ["x"], ["y"])], {"x": shape}, ["y"], **options)


def external(make: Make, **entries: str) -> onnx.ModelProto:
    model = make([node("Add", ["x", "w"], ["y"])], {"x": (1, 4)}, ["y"], {"w": np.ones(4, np.float32)})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return model


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def lying_tensor(make: Make) -> onnx.ModelProto:
    model = make([node("Add", ["x", "w"], ["y"])], {"x": (1, 4)}, ["y"])
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(onnx.helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]))
    sparse.indices.CopyFrom(onnx.helper.make_tensor("i", TensorProto.INT64, [1], [2]))
    sparse.dims.append(4)
    return model


def branch(make: Make) -> onnx.ModelProto:
    """The branches have different shapes, and the condition is the sign of a sum."""

    def side(name: str, shape: list[int]) -> onnx.GraphProto:
        constant = node("Constant", [], [name], value=onnx.numpy_helper.from_array(np.ones(shape, np.float32)))
        info = onnx.helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        return onnx.helper.make_graph([constant], name, [], [info])

    nodes = [
        node("ReduceSum", ["x"], ["s"], keepdims=0),
        node("Cast", ["s"], ["b"], to=TensorProto.BOOL),
        node("If", ["b"], ["y"], then_branch=side("t", [1]), else_branch=side("e", [2])),
    ]
    return make(nodes, {"x": (1, 4)}, ["y"])


def limited(make: Make) -> onnx.ModelProto:
    return make([node("ConstantOfShape", ["s"], ["y"])], {"x": (1, 1)}, ["y"], {"s": np.asarray([2**20, 2**20])})


CASES: dict[str, Callable[[Make, Path], Any]] = {
    "PPC1001": lambda make, tmp: import_model(b"version https://git-lfs.github.com/spec/v1\n"),
    "PPC1002": lambda make, tmp: import_model(tmp / "no.onnx"),
    "PPC1003": lambda make, tmp: import_model(limited(make)),
    "PPC1004": lambda make, tmp: import_model(saved(external(make, location="../w.bin"), tmp)),
    "PPC1005": lambda make, tmp: import_model(saved(external(make, location="w.bin"), tmp)),
    "PPC1006": lambda make, tmp: import_model(make([node("Relu", ["x"], ["y"], alpha="no")], {"x": (1, 4)}, ["y"])),
    "PPC1007": lambda make, tmp: import_model(unary(make, opset=6)),
    "PPC1008": lambda make, tmp: import_model(make([node("Relu", ["nowhere"], ["y"])], {"x": (1, 4)}, ["y"])),
    "PPC1009": lambda make, tmp: import_model(lying_tensor(make)),
    "PPC1010": lambda make, tmp: import_model(
        make([onnx.helper.make_node("Wavelet", ["x"], ["y"], domain="acme")], {"x": (1, 4)}, ["y"],
             domains={"acme": 1})
    ),
    "PPC1011": lambda make, tmp: import_model(
        make([node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2]), node("Cast", ["i"], ["z"], to=1)],
             {"x": (1, 1, 4)}, ["y", "z"])
    ),
    "PPC1012": lambda make, tmp: import_model(
        make([node("CumSum", ["x", "a"], ["y"])], {"x": (1, 4), "a": ()}, ["y"], types={"a": TensorProto.INT64})
    ),
    "PPC1013": lambda make, tmp: import_model(unary(make, "NonZero", types={"y": TensorProto.INT64})),
    "PPC1014": lambda make, tmp: import_model(
        make([node("MatMul", ["x", "w"], ["y"])], {"x": (1, 4)}, ["y"], {"w": np.ones((5, 2), np.float32)})
    ),
    "PPC1015": lambda make, tmp: import_model(unary(make, shape=("batch", "length"))),
    "PPC1016": lambda make, tmp: import_model(unary(make), batch=4),
    "PPC1017": lambda make, tmp: import_model(
        make([node("Cast", ["x"], ["y"], to=TensorProto.STRING)], {"x": (1, 4)}, ["y"], types={"y": TensorProto.STRING})
    ),
    "PPC1018": lambda make, tmp: import_model(branch(make)),
}  # fmt: skip


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.code)
def test_a_code_has_a_text_and_a_model_that_fails_with_it(row: Any, make_model: Make, tmp_path: Path) -> None:
    assert row.title and len(row.explanation) > 40 and len(row.fix) > 20
    with pytest.raises(UserError) as caught:
        CASES[row.code](make_model, tmp_path)
    assert caught.value.diagnostics[0].code == row.code, str(caught.value)


def test_unbound_dimensions_are_named_with_the_flag_that_binds_them(make_model: Make) -> None:
    with pytest.raises(UserError) as caught:
        import_model(unary(make_model, shape=("batch", "length", None)))
    assert [d.help for d in caught.value.diagnostics] == [
        "give it: --dim length=VALUE, or --calibrate with data that has it",
        "give it: --dim x:2=VALUE, or --calibrate with data that has it",
    ]


def test_unsupported_nodes_come_in_one_report_of_at_most_20(make_model: Make) -> None:
    nodes = [onnx.helper.make_node("Wavelet", ["x"], [f"y{i}"], domain="acme", name=f"w{i}") for i in range(30)]
    with pytest.raises(UserError) as caught:
        import_model(make_model(nodes, {"x": (1, 4)}, ["y0"], domains={"acme": 1}))
    found = caught.value.diagnostics
    assert len(found) == 20 and found[0].node == "w0" and found[-1].message.startswith("11 more")


def test_a_truncated_model_never_gets_through(make_model: Make) -> None:
    """Every cut either fails with a code or (cut between two trailing fields) is still a model."""
    data = unary(make_model).SerializeToString()
    for end in range(len(data)):
        try:
            import_model(data[:end])
        except UserError as error:
            assert error.diagnostics[0].code.startswith("PPC10")


def test_random_bytes_are_refused() -> None:
    generator = np.random.default_rng(1)
    for size in (0, 1, 10, 1000):
        with pytest.raises(UserError) as caught:
            import_model(generator.bytes(size))
        assert caught.value.diagnostics[0].code == "PPC1001"


def test_the_size_limit_is_that_of_protobuf() -> None:
    assert MAX_MODEL_BYTES < 2**31

"""Bent ONNX files end in a module or a UserError, soon: bytes flipped, shapes wrong, cycles, huge dimensions, missing
and duplicate names, nested graphs, external data outside the folder."""

import random
import time
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError
from ppc.passes.fold import Fold

SECONDS = 10.0
Bend = Callable[[ModelProto, random.Random], None]


def seed_model() -> ModelProto:
    r = np.random.default_rng(7)
    f = {n: r.normal(size=s).astype("f4") for n, s in {"w": (4, 3, 3, 3), "b": (4,), "m": (64, 5)}.items()}
    constants = [onnx.numpy_helper.from_array(a, n) for n, a in f.items()]
    constants.append(onnx.numpy_helper.from_array(np.array([1, -1], np.int64), "to"))
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["h"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["p", "to"], ["v"]),
        helper.make_node("MatMul", ["v", "m"], ["s"]),
        helper.make_node("Softmax", ["s"], ["y"], axis=1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _wrong_shape(m: ModelProto, r: random.Random) -> None:
    t = r.choice(m.graph.initializer)
    t.dims[r.randrange(len(t.dims))] = r.choice([0, -1, 1, 2**31, 2**62, 7])


def _cycle(m: ModelProto, r: random.Random) -> None:
    node = r.choice(m.graph.node)
    node.input[0] = r.choice([n.output[0] for n in m.graph.node])


def _huge(m: ModelProto, r: random.Random) -> None:
    dims = m.graph.input[0].type.tensor_type.shape.dim
    dims[r.randrange(len(dims))].dim_value = r.choice([2**20, 2**31, 2**62, -5, 0])


def _huge_constant(m: ModelProto, r: random.Random) -> None:
    shape = onnx.numpy_helper.from_array(np.array([r.choice([2**20, 2**40]), 2**20], np.int64), "big")
    m.graph.initializer.append(shape)
    m.graph.node.insert(0, helper.make_node("ConstantOfShape", ["big"], ["c"]))
    m.graph.node.insert(1, helper.make_node("ReduceSum", ["c"], ["c2"], keepdims=0))
    m.graph.node.append(helper.make_node("Add", ["y", "c2"], ["z"]))
    m.graph.output[0].name = "z"


def _missing(m: ModelProto, r: random.Random) -> None:
    del m.graph.initializer[r.randrange(len(m.graph.initializer))]


def _twice(m: ModelProto, r: random.Random) -> None:
    m.graph.node.insert(r.randrange(len(m.graph.node)), r.choice(m.graph.node))


def _attribute(m: ModelProto, r: random.Random) -> None:
    node = r.choice([n for n in m.graph.node if n.attribute])
    a = r.choice(node.attribute)
    if a.ints:
        a.ints[r.randrange(len(a.ints))] = r.choice([-1, 0, 99, 2**31, 2**62])
    else:
        a.i = r.choice([-9, 9, 2**62])


def _operator(m: ModelProto, r: random.Random) -> None:
    r.choice(m.graph.node).op_type = r.choice(
        ["Gemm", "LSTM", "If", "Loop", "Split", "TopK", "Resize", "Einsum", "", "É"]
    )


def _escaping(m: ModelProto, r: random.Random) -> None:
    t = r.choice(m.graph.initializer)
    t.data_location = TensorProto.EXTERNAL
    t.external_data.add(key="location", value=r.choice(["../../etc/passwd", "/etc/passwd", "\x00", "a/../../b"]))


def _nested(m: ModelProto, r: random.Random) -> None:
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["o"])], "i", [], [m.graph.output[0]])
    for _ in range(r.choice([3, 9, 20])):  # protobuf itself ends at about 30
        body = helper.make_node("Loop", ["", "", "x"], ["o"], body=inner)
        inner = helper.make_graph([body], "i", [], [])
    m.graph.node.append(helper.make_node("Loop", ["", "", "x"], ["q"], body=inner))


BENDS: tuple[Bend, ...] = (
    _wrong_shape, _cycle, _huge, _huge_constant, _missing, _twice, _attribute, _operator, _escaping, _nested
)  # fmt: skip


def _bent(seed: int) -> bytes:
    r = random.Random(seed)
    model = seed_model()
    if seed % 3 == 0:
        data = bytearray(model.SerializeToString())
        for _ in range(r.choice([1, 3, 30])):
            data[r.randrange(len(data))] = r.randrange(256)
        return bytes(data[: r.randrange(len(data))] if r.random() < 0.2 else data)
    for bend in r.sample(BENDS, r.choice([1, 1, 2])):
        bend(model, r)
    return model.SerializeToString()


def _judge(seeds: range) -> None:
    for seed in seeds:
        start = time.perf_counter()
        try:
            Fold()(import_model(_bent(seed)))
        except UserError as e:
            assert e.diagnostics
        except Exception as e:
            raise AssertionError(f"seed {seed}: {type(e).__name__}: {e}") from e
        assert time.perf_counter() - start < SECONDS, seed


def test_a_bent_model_is_judged() -> None:
    _judge(range(300))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_bent_models_are_judged(block: int) -> None:
    _judge(range(1000 * block, 1000 * (block + 1)))

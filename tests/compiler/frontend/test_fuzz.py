"""Bent ONNX files end in a module or a UserError, soon and in little memory: bytes flipped, shapes wrong, cycles, huge
dimensions, missing and duplicate names, nested graphs, external data outside the folder. Bent are a small network, and
the node tests of the onnx wheel, so that every operator gets operands and attributes that it was not made for."""

import random
import resource
import time
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

from ppc.compiler.frontend.contrib import MICROSOFT
from ppc.compiler.frontend.contrib_rows import ROWS as FUSED
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError
from ppc.passes.fold import Fold

SECONDS = 10.0
MEGABYTES = 1000  # of the whole process, with numpy and onnx in it
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


@cache
def node_tests() -> list[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [t.model.SerializeToString() for t in collect_testcases(None) if t.model is not None]


def _number(m: ModelProto, r: random.Random) -> None:
    """Another number in an attribute, a dimension or a small constant; or another element type."""
    places: list[Callable[[int], None]] = []
    for n in m.graph.node:
        for a in n.attribute:
            places += [lambda v, a=a: setattr(a, "i", v)] if a.type == a.INT else []
            places += [lambda v, a=a, i=i: a.ints.__setitem__(i, v) for i in range(len(a.ints))]
    for info in m.graph.input:
        for d in info.type.tensor_type.shape.dim:
            places.append(lambda v, d=d: setattr(d, "dim_value", v))
        places.append(lambda v, info=info: setattr(info.type.tensor_type, "elem_type", abs(v) % 30))
    if places:
        r.choice(places)(r.choice([-(2**62), -7, -1, 0, 1, 2, 3, 99, 2**20, 2**31, 2**40, 2**62]))


def _swap(m: ModelProto, r: random.Random) -> None:
    """Another operator with the operands of this one, or operands in another order."""
    node = r.choice(m.graph.node)
    if r.random() < 0.5:
        node.op_type = r.choice([*(n.name for n in onnx.defs.get_all_schemas()), *FUSED])
        if node.op_type in FUSED and r.random() < 0.8:
            node.domain = MICROSOFT
            m.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    elif node.input:
        node.input[r.randrange(len(node.input))] = r.choice([*node.input, ""])


def _constant_operand(m: ModelProto, r: random.Random) -> None:
    """An input of the graph becomes a constant, so that it may decide shapes."""
    places = [i for i in m.graph.input if i.type.tensor_type.elem_type in (TensorProto.INT64, TensorProto.FLOAT)]
    if places:
        info = r.choice(places)
        dims = [min(max(d.dim_value, 0), 4) for d in info.type.tensor_type.shape.dim]
        values = [r.choice([-1, 0, 1, 2, 5, 2**20, 2**40]) for _ in range(int(np.prod(dims)))]
        dtype = np.int64 if info.type.tensor_type.elem_type == TensorProto.INT64 else np.float32
        m.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values, dtype).reshape(dims), info.name))


def _bytes(data: bytearray, r: random.Random) -> bytes:
    for _ in range(r.choice([1, 3, 30])):
        data[r.randrange(len(data))] = r.randrange(256)
    return bytes(data[: r.randrange(len(data))] if r.random() < 0.2 else data)


def _bent(seed: int) -> bytes:
    r = random.Random(seed)
    if seed % 4 >= 2:
        model = ModelProto.FromString(r.choice(node_tests()))
        if seed % 8 == 7:
            return _bytes(bytearray(model.SerializeToString()), r)
        for bend in r.choices((_number, _swap, _constant_operand), k=r.choice([1, 2, 3])):
            bend(model, r)
        return model.SerializeToString()
    model = seed_model()
    if seed % 4 == 0:
        return _bytes(bytearray(model.SerializeToString()), r)
    for bend in r.sample(BENDS, r.choice([1, 1, 2])):
        bend(model, r)
    return model.SerializeToString()


def _judge(seeds: range) -> None:
    for seed in seeds:
        data = _bent(seed)
        start = time.perf_counter()
        try:
            Fold()(import_model(data))
        except UserError as e:
            assert e.diagnostics
        except Exception as e:
            raise AssertionError(f"seed {seed}: {type(e).__name__}: {e}") from e
        assert time.perf_counter() - start < SECONDS, seed
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1000 * MEGABYTES, seed


def test_a_bent_model_is_judged() -> None:
    _judge(range(300))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_bent_models_are_judged(block: int) -> None:
    _judge(range(1000 * block, 1000 * (block + 1)))

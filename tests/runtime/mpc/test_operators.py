"""Every operator against onnxruntime, with the largest error that its protocol states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from ppc.runtime.mpc.protocols import PROTOCOLS

RNG = np.random.default_rng(11)
LSB = 2.0**-16


def oracle(op: str, inputs: Sequence[Any], attrs: Mapping[str, Any], opset: int = 21) -> np.ndarray:
    """onnxruntime's result for one node; operands are float32 unless they are integers or booleans."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper

    arrays = [None if a is None else np.asarray(a) for a in inputs]
    arrays = [None if a is None else a.astype(np.float32) if a.dtype.kind == "f" else a for a in arrays]
    names = ["" if a is None else f"x{i}" for i, a in enumerate(arrays)]
    given = {n: a for n, a in zip(names, arrays, strict=True) if a is not None}
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in given.items()
    ]
    node = helper.make_node(op, names, ["y"], **attrs)
    out = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "g", values, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    model = onnx.shape_inference.infer_shapes(model)
    found = model.graph.output[0].type.tensor_type
    found.elem_type = found.elem_type or TensorProto.FLOAT  # a function such as GroupNormalization is not inferred
    found = model.graph.output[0].type.tensor_type
    found.elem_type = found.elem_type or TensorProto.FLOAT  # a function such as GroupNormalization is not inferred
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, given)[0]
    return result.astype(np.float64)


@dataclass
class Case:
    op: str
    operands: list[Any]  # arrays are shared; ("w", array) is a weight of the server; None is absent
    attrs: dict[str, Any] = field(default_factory=dict)
    error: float = LSB
    onnx_inputs: list[Any] | None = None  # where ONNX takes as operands what a plan has as attributes
    onnx_attrs: dict[str, Any] | None = None
    relative: float = 0.0

    def __str__(self) -> str:
        shapes = "_".join("x".join(map(str, np.shape(_plain(o)))) for o in self.operands if o is not None)
        extra = ",".join(f"{k}={v}" for k, v in self.attrs.items())
        return f"{self.op}-{shapes}-{extra}"[:70]


def _plain(operand: Any) -> Any:
    return operand[1] if isinstance(operand, tuple) else operand


def grid(a: Any) -> np.ndarray:
    """Numbers that fixed point and float32 hold exactly."""
    return np.round(np.asarray(a, np.float64) * 4096) / 4096


def n(*shape: int) -> np.ndarray:
    return grid(RNG.normal(size=shape) * 2)


def w(*shape: int) -> tuple[str, np.ndarray]:
    return ("w", grid(RNG.normal(size=shape)))


EDGES = grid(np.concatenate([[0.0, LSB, -LSB, 1, -1, 0.5, -0.5, 2.0**20, -(2.0**20)], RNG.normal(size=24) * 5]))
EDGES[1], EDGES[2] = LSB, -LSB
WIDE = np.concatenate([np.linspace(-20, 20, 500), EDGES])
IMAGE = n(2, 4, 7, 6)
GRID = {"error": 2.0**-10}
LRN = {"size": 5, "alpha": 0.02, "bias": 2.0}

CASES = [
    # linear
    Case("Conv", [n(2, 3, 8, 8), w(4, 3, 3, 3), w(4)], {"pads": [1, 1, 1, 1]}, 2e-4),
    Case("Conv", [n(1, 4, 9, 7), w(6, 2, 3, 2)],
         {"strides": [2, 1], "group": 2, "dilations": [1, 2], "pads": [0, 1, 2, 1]}, 2e-4),
    Case("Conv", [n(1, 3, 20), w(5, 3, 4), w(5)], {"strides": [3]}, 2e-4),
    Case("Conv", [n(1, 2, 5, 6, 4), w(3, 2, 2, 3, 2)], {"pads": [0, 1, 0, 1, 0, 1]}, 2e-4),
    Case("Conv", [n(1, 3, 8, 9), w(3, 1, 3, 3)], {"group": 3, "auto_pad": "SAME_UPPER", "strides": [2, 2]}, 2e-4),
    Case("Gemm", [n(3, 20), w(20, 7), w(7)], {}, 2e-4),
    Case("Gemm", [n(20, 3), w(7, 20), w(3, 7)], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}, 2e-4),
    Case("Gemm", [n(3, 8), n(8, 4), n(4)], {"alpha": 0.25}, 5e-4),
    Case("MatMul", [n(2, 3, 8), w(8, 5)], {}, 2e-4),
    Case("MatMul", [w(4, 8), n(2, 8, 3)], {}, 2e-4),
    Case("MatMul", [n(2, 3, 4, 8), n(2, 1, 8, 5)], {}, 2e-4),
    Case("MatMul", [n(6), w(6, 3)], {}, 2e-4),
    Case("BatchNormalization", [n(2, 3, 4, 4), w(3), w(3), w(3), ("w", np.array([0.5, 1.5, 0.25]))],
         {"epsilon": 1e-3}, 2e-4),
    # sums and means
    Case("AveragePool", [IMAGE], {"kernel_shape": [2, 3], "strides": [1, 2], "pads": [1, 1, 0, 1]}),
    Case("AveragePool", [IMAGE],
         {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    Case("AveragePool", [IMAGE], {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}),
    Case("GlobalAveragePool", [IMAGE]),
    Case("ReduceMean", [IMAGE],
         {"axes": [1, -1], "keepdims": 0}, onnx_inputs=[IMAGE, np.array([1, -1])], onnx_attrs={"keepdims": 0}),
    Case("ReduceSum", [IMAGE], {"keepdims": 0}, 1e-4),
    Case("ReduceSumSquare", [IMAGE], {"axes": [2], "keepdims": 1}, 2e-4, [IMAGE, np.array([2])], {"keepdims": 1}),
    Case("Mean", [n(2, 3), n(3), w(2, 1)], {}, 2 * LSB),
    Case("ReduceL1", [IMAGE], {"axes": [2], "keepdims": 0}, 1e-4, [IMAGE, np.array([2])], {"keepdims": 0}),
    *(
        Case("LRN", [n(2, 7, 3, 3) * 20], {**LRN, **more}, 2 * LSB, None, LRN, 2.0**-12)
        for more in ({}, {"tables": "small"})
    ),
    Case("LRN", [n(1, 6, 2, 2)], {"size": 3, "alpha": 2.0, "beta": 1.0, "bias": 0.25}, 2 * LSB, relative=2.0**-12),
    Case("ReduceL2", [IMAGE], {"axes": [2, 3]}, LSB, [IMAGE, np.array([2, 3])], {}, 2.0**-14),
    Case("ReduceLogSum", [np.abs(IMAGE) + 1], {"axes": [2]}, 5e-4, [np.abs(IMAGE) + 1, np.array([2])], {}),
    Case("ReduceProd", [n(3, 5, 2)], {"axes": [1]}, 5e-3, [None, np.array([1])], {}),
    Case("ReduceProd", [n(2, 2)], {"keepdims": 0}, 5e-4, [None], {"keepdims": 0}),
    Case("LpNormalization", [n(4, 9)], {"axis": 1}, 5e-4),
    Case("LpNormalization", [n(4, 9)], {"axis": 0, "p": 1}, 5e-4),
    Case("Einsum", [n(2, 3, 4), n(2, 4, 5)], {"equation": "bij,bjk->bik"}, 5e-4),
    Case("Einsum", [n(2, 3, 4), w(4, 5)], {"equation": "bij,jk->kbi"}, 5e-4),
    Case("Einsum", [w(4, 5), n(2, 3, 4)], {"equation": "jk,bij->kbi"}, 5e-4),
    Case("Einsum", [n(4, 4)], {"equation": "ii"}, 1e-4),
    # arithmetic
    Case("Add", [n(2, 3, 4), n(3, 1)]),
    Case("Add", [n(2, 3), w(3)]),
    Case("Sub", [w(2, 3), n(3)]),
    Case("Neg", [EDGES]),
    Case("Sum", [n(2, 3), n(3), w(2, 1)]),
    Case("Mul", [n(2, 3, 4), n(3, 1)], {}, 2e-4),
    Case("Mul", [w(4), n(2, 3, 4)], {}, 2e-4),
    Case("Div", [n(50), ("w", grid(RNG.uniform(0.5, 4, 50)))], {}, 1e-4),
    Case("Div", [n(300), grid(RNG.uniform(0.25, 60, 300) * RNG.choice([-1, 1], 300))], {}, 5e-4),
    # views
    Case("Identity", [IMAGE]),
    Case("Reshape", [IMAGE], {"shape": [0, -1, 6]}, 0, [IMAGE, np.array([0, -1, 6])], {}),
    Case("Transpose", [IMAGE], {"perm": [0, 3, 1, 2]}, 0),
    Case("Slice", [IMAGE], {"starts": [1, -1], "ends": [3, -1000], "axes": [1, 2], "steps": [1, -2]}, 0,
         [IMAGE, np.array([1, -1]), np.array([3, -1000]), np.array([1, 2]), np.array([1, -2])], {}),
    Case("Concat", [n(2, 3), w(2, 2), n(2, 1)], {"axis": -1}, LSB),
    Case("Pad", [IMAGE],
         {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": -1.5}, 0,
         [IMAGE, np.array([0, 0, 1, 2, 0, 0, 0, 1]), np.float64(-1.5)], {}),
    Case("Pad", [IMAGE], {"pads": [1, 2, 1, 0], "axes": [2, 3], "mode": "reflect"}, 0,
         [IMAGE, np.array([1, 2, 1, 0]), None, np.array([2, 3])], {"mode": "reflect"}),
    Case("Expand", [n(3, 1)], {"shape": [2, 1, 4]}, 0, [None, np.array([2, 1, 4])], {}),
    Case("Tile", [IMAGE], {"repeats": [1, 2, 1, 3]}, 0, [IMAGE, np.array([1, 2, 1, 3])], {}),
    Case("Trilu", [n(2, 4, 5)], {"k": 1, "upper": 0}, 0, [None, np.int64(1)], {"upper": 0}),
    Case("CumSum", [n(3, 5)], {"axis": 1, "exclusive": 1, "reverse": 1}, 1e-4,
         [None, np.int64(1)], {"exclusive": 1, "reverse": 1}),
    # by an index
    Case("Gather", [IMAGE, ("w", np.array([[0, 5], [-1, 2]]))], {"axis": 3}),
    Case("Gather", [IMAGE, np.array([[0, 5], [-1, 2]])], {"axis": 3}, 0),
    Case("Gather", [IMAGE, np.array(-2)], {"axis": 1}, 0),
    Case("Gather", [w(7, 2, 3), np.array([[6, 0, -7]])]),
    Case("OneHot", [np.array([[0, 3, -1], [4, -5, 5]])], {"depth": 5, "values": (-1.0, 2.5), "axis": 1}, 0,
         [None, np.int64(5), np.array([-1.0, 2.5])], {"axis": 1}),
    Case("Hardmax", [np.round(n(5, 7))], {"axis": 0}, 0),
    Case("Resize", [IMAGE],
         {"sizes": [2, 4, 10, 9]}, 0, [IMAGE, None, None, np.array([2, 4, 10, 9])], {}),
    Case("Resize", [IMAGE], {"sizes": [2, 4, 14, 9], "mode": "linear"}, 1e-4,
         [IMAGE, None, None, np.array([2, 4, 14, 9])], {"mode": "linear"}),
    Case("DepthToSpace", [n(2, 8, 2, 3)], {"blocksize": 2}, 0),
    Case("DepthToSpace", [n(2, 8, 2, 3)], {"blocksize": 2, "mode": "CRD"}, 0),
    Case("SpaceToDepth", [n(2, 2, 4, 6)], {"blocksize": 2}, 0),
    # comparisons
    Case("Relu", [EDGES], {}, 0),
    *[Case(op, [EDGES], {"tables": "dcf"}, 0, onnx_attrs={}) for op in ("Relu", "Abs", "Sign", "Floor", "Round")],
    Case("HardSigmoid", [EDGES], {"tables": "dcf"}, 1e-4, onnx_attrs={}),
    Case("ReduceMax", [IMAGE], {"axes": [1, 3], "keepdims": 0, "tables": "dcf"}, 0, [IMAGE, np.array([1, 3])],
         {"keepdims": 0}),
    Case("Equal", [EDGES, np.roll(EDGES, 1)], {"tables": "dcf"}, 0, onnx_attrs={}),
    Case("LeakyRelu", [EDGES], {"alpha": 0.1}, 1e-4, relative=2.0**-17),
    Case("LeakyRelu", [n(60)], {"alpha": 0.1}),
    Case("PRelu", [n(2, 3, 4), w(3, 1)], {}, 1e-4),
    Case("Clip", [EDGES], {"min": -0.5, "max": 1.25}, 0, [EDGES, np.float64(-0.5), np.float64(1.25)], {}),
    Case("Clip", [EDGES], {"min": 0.0}, 0, [EDGES, np.float64(0)], {}),
    Case("Clip", [EDGES], {"max": 6.0, "min": float("-inf")}, 0, [EDGES, None, np.float64(6)], {}),
    Case("Abs", [EDGES], {}, 0),
    Case("Sign", [EDGES], {}, 0),
    *[Case(op, [np.concatenate([EDGES, np.arange(-24, 25) / 8])], {}, 0) for op in ("Floor", "Ceil", "Round")],
    *[Case(op, [EDGES, np.roll(EDGES, 1)],
         {}, 0) for op in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")],
    Case("Equal", [np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.5, 0.0])], {}, 0),
    Case("HardSigmoid", [WIDE], {"alpha": 0.25, "beta": 0.5}, 1e-4),
    Case("HardSwish", [np.linspace(-10, 10, 200)], {}, 2e-4),
    Case("ThresholdedRelu", [EDGES], {"alpha": 0.5}, 0),
    Case("Shrink", [EDGES], {"lambd": 1.0, "bias": 0.25}, 0),
    Case("Shrink", [EDGES], {"lambd": 0.5}, 0),
    # maxima
    Case("Max", [n(2, 3), n(3), w(2, 1)], {}, 0),
    Case("Min", [n(2, 3), n(3)], {}, 0),
    Case("MaxPool", [IMAGE], {"kernel_shape": [2, 2], "strides": [2, 2]}, 0),
    Case("MaxPool", [IMAGE], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, 0),
    Case("MaxPool", [IMAGE], {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, 0),
    Case("MaxPool", [np.zeros((1, 1, 4, 4))], {"kernel_shape": [2, 2]}, 0),
    Case("MaxPool", [n(1, 2, 9)], {"kernel_shape": [3], "dilations": [2]}, 0),
    Case("GlobalMaxPool", [IMAGE], {}, 0),
    Case("ReduceMax", [IMAGE], {"axes": [1, 3], "keepdims": 0}, 0, [IMAGE, np.array([1, 3])], {"keepdims": 0}),
    Case("ReduceMin", [IMAGE], {"axes": [2]}, 0, [IMAGE, np.array([2])], {}),
    Case("ArgMax", [n(4, 10)], {"axis": 1, "keepdims": 0}, 0),
    Case("ArgMax", [np.round(n(6, 9))], {"axis": 0, "select_last_index": 1}, 0),
    Case("ArgMin", [np.round(n(6, 9))], {"axis": -1}, 0),
    # smooth
    Case("Sigmoid", [WIDE], {}, **GRID),
    Case("Tanh", [WIDE], {}, **GRID),
    Case("Erf", [WIDE], {}, **GRID),
    Case("Gelu", [WIDE], {}, **GRID),
    Case("Gelu", [WIDE], {"approximate": "tanh"}, **GRID),
    Case("Softplus", [WIDE], {}, **GRID),
    *[Case(op, [WIDE], {"tables": tables}, **GRID, onnx_attrs={})
      for op in ("Sigmoid", "Gelu", "Softplus") for tables in ("small", "dcf")],
    Case("Exp", [np.linspace(-30, 10, 400)], {"tables": "small"}, 2e-4, onnx_attrs={}, relative=2.0**-14),
    Case("Softmax", [n(5, 10)], {"axis": -1, "tables": "small"}, 2e-4, onnx_attrs={"axis": -1}),
    Case("Elu", [WIDE], {"alpha": 1.5}, **GRID),
    Case("Celu", [WIDE], {"alpha": 2.0}, **GRID),
    Case("Selu", [np.linspace(-20, 20, 500)], {}, **GRID),
    Case("Selu", [np.linspace(-20, 20, 500)], {"alpha": 1.5, "gamma": 0.5}, **GRID),
    Case("Mish", [WIDE], {}, **GRID),
    Case("Softsign", [WIDE], {}, **GRID),
    Case("Sin", [np.linspace(-40, 40, 500)], {}, **GRID),
    Case("Cos", [np.linspace(-40, 40, 500)], {}, **GRID),
    Case("Exp", [np.linspace(-30, 10, 400)], {}, 2e-4, relative=2.0**-14),
    Case("Reciprocal", [grid(2.0 ** RNG.uniform(-9.9, 17.9, 300)) + 2.0**-10], {}, 2e-4, relative=2.0**-14),
    Case("Sqrt", [grid(2.0 ** RNG.uniform(-12, 19.9, 300)) + 2.0**-12], {}, 2e-4, relative=2.0**-14),
    Case("Log", [grid(2.0 ** RNG.uniform(-12, 23.9, 300)) + 2.0**-12], {}, 2e-4),
    # rows
    Case("Softmax", [n(5, 10)], {"axis": -1}, 2e-4),
    Case("Softmax", [n(2, 3, 4) * 30], {"axis": 1}, 2e-4),
    Case("Softmax", [n(5, 10) * 3], {"axis": -1, "operand_bits": [36]}, 2e-4, onnx_attrs={"axis": -1}),
    *[
        Case("Softmax", [logits], {"axis": axis, "below": 5, **more}, 2e-4, onnx_attrs={"axis": axis})
        for logits, axis in ((np.clip(n(40, 33), -8, 4.9), -1), (np.clip(n(3, 32, 5) * 4, -25, 4.9), 1))
        for more in ({}, {"tables": "small"}, {"tables": "dcf"}, {"operand_bits": [32]})
    ],
    *[Case("Softmax", [n(3, k) * 0.2], {"axis": -1, "below": 3}, 2e-4, onnx_attrs={"axis": -1}) for k in (1, 2, 512)],
    *[Case("Softmax", [n(3, k) * 0.2], {"axis": -1}, 2e-4) for k in (2, 63, 64, 65)],
    Case("Softmax", [np.zeros((2, 7))], {"axis": -1}, 2e-4),
    Case("Softmax", [n(3, 1)], {"axis": -1}, 2e-4),
    Case("LogSoftmax", [n(5, 10)], {"axis": -1}, 2e-4),
    Case("ReduceLogSumExp", [n(5, 10)], {"axes": [1], "keepdims": 0}, 2e-4, [None, np.array([1])], {"keepdims": 0}),
    Case("LayerNormalization", [n(4, 32), w(32), w(32)], {"axis": -1}, 5e-4),
    Case("LayerNormalization", [n(2, 3, 16) * 0.05, w(16)], {"axis": -1}, 1e-3),
    Case("LayerNormalization", [n(2, 3, 16) + 100, w(3, 16), w(3, 16)], {"axis": 1, "epsilon": 1e-12}, 1e-3),
    Case("InstanceNormalization", [n(2, 3, 5, 4), w(3), w(3)], {"epsilon": 1e-3}, 1e-3),
    Case("GroupNormalization", [n(2, 6, 5), w(6), w(6)], {"num_groups": 3}, 1e-3),
    Case("MeanVarianceNormalization", [n(2, 3, 5, 4)], {"axes": [0, 2, 3]}, 1e-3),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_onnxruntime(case: Case, step_of_mpc: Any) -> None:
    plain = [_plain(o) for o in case.operands]
    inputs = (
        plain
        if case.onnx_inputs is None
        else [plain[i] if a is None and i < len(plain) else a for i, a in enumerate(case.onnx_inputs)]
    )
    expected = oracle(case.op, inputs, case.attrs if case.onnx_attrs is None else case.onnx_attrs)
    weights = {f"@w{i}": o[1] for i, o in enumerate(case.operands) if isinstance(o, tuple)}
    operands = [f"@w{i}" if isinstance(o, tuple) else o for i, o in enumerate(case.operands)]
    got = step_of_mpc(case.op, *operands, attrs=case.attrs, weights=weights, shape=expected.shape).value
    np.testing.assert_allclose(got, expected, atol=case.error + 1e-9, rtol=case.relative + 1e-6)


BITS = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
ROWS = n(5, 8)
OTHERS: dict[str, Any] = {
    "Dropout": ([IMAGE], IMAGE),
    "Not": ([BITS[0]], 1 - BITS[0]),
    "And": (list(BITS), BITS[0] * BITS[1]),
    "Or": (list(BITS), np.maximum(*BITS)),
    "Xor": (list(BITS), (BITS[0] != BITS[1]).astype(float)),
    "Where": (
        [BITS[0], np.array([1.5, 2.5, -3.5, 4.5]), np.array([-1.0, 7.0, 1000.0, 0.0])],
        np.array([-1.0, 2.5, 1000.0, 4.5]),
    ),
    "Swish": ([WIDE], WIDE / (1 + np.exp(-np.maximum(WIDE, -700)))),
    "ReluMaxPool": ([IMAGE], np.maximum(IMAGE[:, :, :6].reshape(2, 4, 3, 2, 3, 2).max(axis=(3, 5)), 0)),
    "RMSNormalization": ([ROWS, np.ones(8)], ROWS / np.sqrt((ROWS**2).mean(-1, keepdims=True) + 1e-5)),
}


@pytest.mark.parametrize("op", OTHERS)
def test_against_numpy(op: str, step_of_mpc: Any) -> None:
    operands, expected = OTHERS[op]
    weights = {"@w": operands[1]} if op == "RMSNormalization" else {}
    attrs = {"kernel_shape": [2, 2], "strides": [2, 2]} if op == "ReluMaxPool" else {}
    given = operands[0], *(weights or operands[1:])
    got = step_of_mpc(op, *given, attrs=attrs, weights=weights, shape=expected.shape).value
    np.testing.assert_allclose(got, expected, atol=2.0**-10 if op in ("Swish", "RMSNormalization") else 2 * LSB)


def test_an_attention_mask_of_minus_infinity(step_of_mpc: Any) -> None:
    """A weight that means "never" saturates instead of wrapping, and softmax gives nothing to it."""
    mask = np.array([[0.0, -np.inf, -3.4e38, -1e9, 0.0]])
    masked = step_of_mpc("Add", np.ones((1, 5)), "@m", weights={"@m": mask}, shape=(1, 5)).value
    np.testing.assert_array_equal(masked, [[1.0, 1 - 2.0**29, 1 - 2.0**29, 1 - 2.0**29, 1.0]])
    weights = step_of_mpc("Softmax", masked, attrs={"axis": -1}, shape=(1, 5)).value
    np.testing.assert_allclose(weights, [[0.5, 0, 0, 0, 0.5]], atol=1e-4)
    late = {"fraction_bits": 32, "operand_bits": [32, 16]}
    masked = step_of_mpc("Add", np.ones((1, 5)), "@m", attrs=late, weights={"@m": mask}, shape=(1, 5)).value
    rows = {"axis": -1, "operand_bits": [32]}
    weights = step_of_mpc("Softmax", masked, attrs=rows, shape=(1, 5)).value
    np.testing.assert_allclose(weights, [[0.5, 0, 0, 0, 0.5]], atol=1e-4)
    chosen = step_of_mpc("Where", np.ones((1, 5)), "@m", np.zeros((1, 5)), weights={"@m": mask}, shape=(1, 5)).value
    np.testing.assert_allclose(chosen, np.maximum(mask, -(2.0**29)), atol=2 * LSB)


@pytest.mark.parametrize("bits", [32, 36])
@pytest.mark.parametrize("more", [{}, {"tables": "small"}])
def test_the_root_of_a_small_sum_of_squares_has_the_digits_of_its_products(
    bits: int, more: dict[str, str], step_of_mpc: Any
) -> None:
    squares = np.concatenate([[0.0], 2.0 ** np.linspace(-31, 19.9, 200)])
    got = step_of_mpc("Sqrt", squares, attrs={"operand_bits": [bits], **more}, shape=(201,)).value
    assert got[0] == 0
    np.testing.assert_allclose(got, np.sqrt(squares), rtol=2.0**-14, atol=2.0**-16)


def test_a_short_vector_has_its_length(step_of_mpc: Any) -> None:
    """A sum of squares truncated to 16 fractional bits would be wrong by 2^-8 in its root."""
    x = n(60, 3) * 2.0**-9
    got = step_of_mpc("ReduceL2", x, attrs={"axes": [1], "keepdims": 0}, shape=(60,)).value
    np.testing.assert_allclose(got, np.sqrt((x * x).sum(1)), rtol=2.0**-14, atol=3 * LSB)


@pytest.mark.parametrize("which", [(True, False), (False, True), (True, True), (False, False)])
def test_a_choice_by_a_weight(which: tuple[bool, bool], step_of_mpc: Any) -> None:
    """Constants are chosen exactly, whatever their size, and broadcast."""
    keep, a, b = np.array([[1.0], [0.0]]), n(2, 5), np.array([[-np.inf, 2.0**28, 3.25, 0.0, -1.0]])
    b = b if which[1] else np.clip(b, -100, 100)
    weights = {"@k": keep} | {name: v for name, v, is_weight in (("@a", a, which[0]), ("@b", b, which[1])) if is_weight}
    operands = ["@k", *(f"@{name}" if is_weight else v for name, v, is_weight in zip("ab", (a, b), which, strict=True))]
    got = step_of_mpc("Where", *operands, weights=weights, shape=(2, 5)).value
    np.testing.assert_allclose(got, np.where(keep > 0, a, np.maximum(b, -(2.0**29))), atol=3 * LSB)


def test_every_protocol_is_tested() -> None:
    aliases = {"Flatten", "Squeeze", "Unsqueeze", "Cast"}  # the rows of Reshape and Identity
    aliases |= {"LSTM", "GRU", "RNN", "TopK", "Rsqrt"}  # test_recurrent.py, and above
    assert set(PROTOCOLS) == {c.op for c in CASES} | set(OTHERS) | aliases

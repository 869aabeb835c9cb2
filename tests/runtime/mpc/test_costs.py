"""What the compiler counts is what the engine sends."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ppc.ir.label import PUBLIC
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.target import HeRung
from ppc.ir.types import TensorType
from ppc.runtime.mpc.protocols import PROTOCOLS
from ppc.targets.mpc.counts.count import Count
from ppc.targets.mpc.ops import OPS
from ppc.targets.mpc.rules import COUNTS, count
from ppc.targets.mpc.target import MpcTarget

RNG = np.random.default_rng(2)


def n(*shape: int) -> np.ndarray:
    return RNG.uniform(0.5, 2.0, size=shape)


ROW = {"axis": -1}
POOL = {"kernel_shape": [3, 3], "strides": [3, 3]}
LATE = {"operand_bits": (36,)}
#: operator, operands (a string is a weight of that shape), attributes, shape of the result
CASES: list[tuple[str, list[Any], dict[str, Any], tuple[int, ...]]] = [
    ("Conv", [n(2, 4, 12, 12), (8, 2, 3, 3), (8,)], {"group": 2}, (2, 8, 10, 10)),
    ("Gemm", [n(8, 50), (20, 50), (20,)], {"transB": 1}, (8, 20)),
    ("MatMul", [n(4, 20, 30), n(4, 30, 10)], {}, (4, 20, 10)),
    ("AveragePool", [n(1, 4, 12, 12)], POOL, (1, 4, 4, 4)),
    ("ReduceMean", [n(40, 30)], {"axes": [1], "keepdims": 0}, (40,)),
    ("Add", [n(40, 30), n(30)], {}, (40, 30)),
    ("Mul", [n(40, 30), n(30)], {}, (40, 30)),
    ("Mul", [n(40, 30), (30,)], {}, (40, 30)),
    ("Div", [n(200), n(200)], {}, (200,)),
    ("Div", [n(200), (200,)], {}, (200,)),
    ("ReduceSumSquare", [n(20, 30)], {"axes": [1], "keepdims": 0}, (20,)),
    ("Relu", [n(1000)], {}, (1000,)),
    ("Abs", [n(1000)], {}, (1000,)),
    ("LeakyRelu", [n(1000)], {"alpha": 0.1}, (1000,)),
    ("PRelu", [n(40, 30), (30,)], {}, (40, 30)),
    ("Clip", [n(1000)], {"min": 0.0, "max": 6.0}, (1000,)),
    ("Clip", [n(1000)], {"min": 0.0}, (1000,)),
    ("Sign", [n(1000)], {}, (1000,)),
    ("Less", [n(1000), n(1000)], {}, (1000,)),
    ("Equal", [n(1000), n(1000)], {}, (1000,)),
    ("Where", [n(1000), n(1000), n(1000)], {}, (1000,)),
    ("HardSigmoid", [n(1000)], {}, (1000,)),
    ("HardSwish", [n(1000)], {}, (1000,)),
    ("Max", [n(400), n(400), n(400)], {}, (400,)),
    ("MaxPool", [n(1, 4, 12, 12)], POOL, (1, 4, 4, 4)),
    ("ReduceMax", [n(40, 30)], {"axes": [1], "keepdims": 0}, (40,)),
    ("ArgMax", [n(40, 30)], {"axis": 1, "keepdims": 0}, (40,)),
    ("Sigmoid", [n(500)], {}, (500,)),
    ("Gelu", [n(500)], {}, (500,)),
    ("Swish", [n(500)], {}, (500,)),
    ("Exp", [n(500)], {}, (500,)),
    ("Elu", [n(500)], {}, (500,)),
    ("Elu", [n(500)], {"alpha": 0.5}, (500,)),
    ("Celu", [n(500)], {"alpha": 0.5}, (500,)),
    ("Selu", [n(500)], {}, (500,)),
    ("Swish", [n(500)], {"alpha": 1.702}, (500,)),
    ("Mish", [n(500)], {}, (500,)),
    ("Sin", [n(500)], {}, (500,)),
    ("Softsign", [n(300)], {}, (300,)),
    ("ThresholdedRelu", [n(500)], {}, (500,)),
    ("Shrink", [n(500)], {}, (500,)),
    ("Rsqrt", [n(300)], {}, (300,)),
    ("Div", [(200,), n(200)], {}, (200,)),
    ("Reciprocal", [n(300)], {}, (300,)),
    ("Sqrt", [n(300)], {}, (300,)),
    ("Log", [n(300)], {}, (300,)),
    ("Softmax", [n(20, 30)], ROW, (20, 30)),
    ("LogSoftmax", [n(20, 30)], ROW, (20, 30)),
    ("ReduceLogSumExp", [n(20, 30)], {"axes": [1], "keepdims": 0}, (20,)),
    ("LayerNormalization", [n(20, 32), (32,), (32,)], ROW, (20, 32)),
    ("Floor", [n(300)], {}, (300,)),
    ("Round", [n(300)], {}, (300,)),
    ("Xor", [n(300), n(300)], {}, (300,)),
    ("Mean", [n(30, 4), n(4)], {}, (30, 4)),
    ("ReduceL1", [n(40, 30)], {"axes": (1,), "keepdims": 0}, (40,)),
    ("ReduceL2", [n(40, 30)], {"axes": (1,), "keepdims": 0}, (40,)),
    ("ReduceLogSum", [n(40, 30)], {"axes": (1,), "keepdims": 0}, (40,)),
    ("ReduceProd", [n(40, 7)], {"axes": (1,), "keepdims": 0}, (40,)),
    ("Einsum", [n(8, 20), n(20, 10)], {"equation": "ij,jk->ik"}, (8, 10)),
    ("Einsum", [n(8, 20), (20, 10)], {"equation": "ij,jk->ik"}, (8, 10)),
    ("Resize", [n(1, 2, 8, 9)], {"sizes": (1, 2, 16, 12), "mode": "linear"}, (1, 2, 16, 12)),
    ("Resize", [n(1, 2, 8, 9)], {"sizes": (1, 2, 12, 12)}, (1, 2, 12, 12)),
    ("LpNormalization", [n(20, 30)], {"axis": -1}, (20, 30)),
    ("LpNormalization", [n(20, 30)], {"axis": -1, "p": 1}, (20, 30)),
    ("Gather", [n(20, 30), n(5)], {"axis": 1}, (20, 5)),
    ("Gather", [(20, 30), n(5)], {}, (5, 30)),
    ("OneHot", [n(60)], {"depth": 7}, (60, 7)),
    ("Hardmax", [n(20, 9)], {}, (20, 9)),
    ("TopK", [n(20, 9)], {"k": 3}, (20, 3)),
    ("LSTM", [n(5, 2, 3), (2, 32, 3), (2, 32, 8)], {"direction": "bidirectional"}, (5, 2, 2, 8)),
    ("GRU", [n(2, 9, 3), (1, 24, 3), (1, 24, 8), (1, 48)], {}, (2, 1, 9, 8)),
    ("GRU", [n(2, 9, 3), (1, 24, 3), (1, 24, 8)], {"linear_before_reset": 1}, (2, 1, 9, 8)),
    ("RNN", [n(5, 2, 3), (1, 8, 3), (1, 8, 8)], {}, (5, 1, 2, 8)),
    ("RNN", [n(2, 5, 3), (1, 8, 3), (1, 8, 8)], {"activations": ("Relu",), "layout": 1}, (2, 5, 1, 8)),
    ("RMSNormalization", [n(20, 32), (32,)], ROW, (20, 32)),
    ("InstanceNormalization", [n(4, 3, 8, 9), (3,), (3,)], {"epsilon": 1e-3}, (4, 3, 8, 9)),
    ("GroupNormalization", [n(4, 6, 8, 9), (6,), (6,)], {"num_groups": 2}, (4, 6, 8, 9)),
    ("MeanVarianceNormalization", [n(4, 3, 8, 9)], {}, (4, 3, 8, 9)),
    ("LRN", [n(2, 9, 8, 5)], {"size": 5}, (2, 9, 8, 5)),
]


KEPT = {"fraction_bits": 36}
SMALL, DCF = {"tables": "small"}, {"tables": "dcf"}
#: What is compared by keys.
KEYED: list[tuple[str, list[Any], dict[str, Any], tuple[int, ...]]] = [
    ("Relu", [n(300)], {}, (300,)),
    ("Relu", [n(300)], LATE, (300,)),
    ("Clip", [n(300)], {"min": 0.0, "max": 6.0, **LATE}, (300,)),
    ("Clip", [n(300)], {"min": 0.0, "max": 6.0}, (300,)),
    ("Less", [n(300), n(300)], {}, (300,)),
    ("Sign", [n(300)], LATE, (300,)),
    ("MaxPool", [n(1, 4, 12, 12)], POOL, (1, 4, 4, 4)),
    ("ReluMaxPool", [n(1, 4, 12, 12)], {**POOL, **LATE}, (1, 4, 4, 4)),
    ("ArgMax", [n(10, 30)], {"axis": 1, "keepdims": 0}, (10,)),
    ("Sigmoid", [n(200)], LATE, (200,)),
    ("Gelu", [n(200)], LATE, (200,)),
    ("Exp", [n(200)], {}, (200,)),
    ("Elu", [n(200)], {}, (200,)),
    ("Rsqrt", [n(100)], {}, (100,)),
    ("Log", [n(100)], {}, (100,)),
    ("Div", [n(100), n(100)], {}, (100,)),
    ("Softmax", [n(10, 30)], ROW, (10, 30)),
    ("Softmax", [n(10, 30)], ROW | {"below": 3, "operand_bits": (32,)}, (10, 30)),
    ("LogSoftmax", [n(10, 30)], ROW, (10, 30)),
    ("LayerNormalization", [n(10, 32), (32,), (32,)], ROW, (10, 32)),
    ("Round", [n(300)], {}, (300,)),
    ("ReduceL1", [n(20, 30)], {"axes": (1,), "keepdims": 0}, (20,)),
    ("ReduceL2", [n(20, 30)], {"axes": (1,), "keepdims": 0}, (20,)),
    ("LSTM", [n(3, 2, 3), (1, 32, 3), (1, 32, 8)], {}, (3, 1, 2, 8)),
    ("GRU", [n(3, 2, 3), (1, 24, 3), (1, 24, 8)], {}, (3, 1, 2, 8)),
    ("RNN", [n(2, 3, 3), (1, 8, 3), (1, 8, 8)], {"activations": ("Relu",), "layout": 1}, (2, 3, 1, 8)),
]

#: Steps as they are fused and chosen: what they read has more fractional bits, or their results keep them.
STEPS: list[tuple[str, list[Any], dict[str, Any], tuple[int, ...]]] = [
    ("Conv", [n(2, 4, 12, 12), (8, 2, 3, 3), (8,)], {"group": 2, **KEPT}, (2, 8, 10, 10)),
    ("Gemm", [n(8, 50), (20, 50), (20,)], {"transB": 1, **KEPT}, (8, 20)),
    ("MatMul", [n(4, 20, 30), n(4, 30, 10)], {"fraction_bits": 32}, (4, 20, 10)),
    ("ReduceMean", [n(40, 30)], {"axes": [1], "keepdims": 0, "fraction_bits": 42}, (40,)),
    ("Div", [n(200), (200,)], KEPT, (200,)),
    ("Add", [n(40, 30), n(30)], {"operand_bits": (16, 36), **KEPT}, (40, 30)),
    ("ReduceSumSquare", [n(20, 30)], {"axes": [1], "keepdims": 0, "fraction_bits": 32}, (20,)),
    ("LRN", [n(2, 9, 8, 5)], {"size": 4, "alpha": 1.0, "beta": 0.5, "bias": 2.0, **SMALL}, (2, 9, 8, 5)),
    ("LRN", [n(2, 9, 8, 5)], {"size": 3, "beta": 1.25, "alpha": 0.01}, (2, 9, 8, 5)),
    ("ReduceL2", [n(40, 30)], {"axes": (1,), "keepdims": 0, **SMALL}, (40,)),
    ("Sqrt", [n(300)], {"operand_bits": (32,)}, (300,)),
    ("Sqrt", [n(300)], LATE, (300,)),
    ("Sqrt", [n(300)], SMALL | LATE, (300,)),
    ("Relu", [n(1000)], LATE, (1000,)),
    ("Relu", [n(1000)], {"operand_bits": (32,)}, (1000,)),
    ("Relu", [n(1000)], {"operand_bits": (42,)}, (1000,)),
    ("Relu", [n(1000)], SMALL, (1000,)),
    ("Relu", [n(1000)], SMALL | LATE, (1000,)),
    ("Relu", [n(1000)], {"operand_bits": (42,), **SMALL}, (1000,)),
    ("LeakyRelu", [n(1000)], {"alpha": 0.1, **LATE}, (1000,)),
    ("Clip", [n(1000)], {"min": 0.0, "max": 6.0, **LATE}, (1000,)),
    ("Clip", [n(1000)], LATE, (1000,)),
    ("Sign", [n(1000)], LATE, (1000,)),
    *[
        (op, [n(1, 4, 2 * k, 2 * k)], {"kernel_shape": [k, k], "strides": [k, k], **late, **small}, (1, 4, 2, 2))
        for op in ("MaxPool", "ReluMaxPool")
        for k in (2, 3, 4)
        for late in ({}, LATE)
        for small in ({}, SMALL)
    ],
    ("ArgMax", [n(40, 30)], {"axis": 1, "keepdims": 0, **LATE}, (40,)),
    ("Gelu", [n(500)], LATE, (500,)),
    ("Gelu", [n(500)], LATE | SMALL, (500,)),
    ("Sigmoid", [n(500)], SMALL, (500,)),
    ("Softplus", [n(500)], SMALL, (500,)),
    ("Elu", [n(500)], LATE, (500,)),
    ("Exp", [n(500)], LATE | SMALL, (500,)),
    ("Reciprocal", [n(300)], SMALL, (300,)),
    ("Softmax", [n(20, 30)], ROW | SMALL, (20, 30)),
    ("Softmax", [n(20, 30)], ROW | {"operand_bits": (32,)}, (20, 30)),
    ("Softmax", [n(20, 1)], ROW | {"operand_bits": (32,)}, (20, 1)),
    *[("Softmax", [n(20, k)], ROW | {"below": 4} | more, (20, k)) for k in (1, 30, 512) for more in ({}, SMALL)],
    ("Softmax", [n(20, 32)], ROW | {"below": 4, "operand_bits": (32,)}, (20, 32)),
    ("Softmax", [n(4, 70)], ROW, (4, 70)),
    ("LayerNormalization", [n(20, 32), (32,), (32,)], ROW | SMALL, (20, 32)),
    ("LayerNormalization", [n(20, 32), (32,), (32,)], ROW | LATE, (20, 32)),
    ("LayerNormalization", [n(20, 32), (32,)], ROW | {"fraction_bits": 48}, (20, 32)),
    ("MeanVarianceNormalization", [n(4, 3, 8, 9)], {"operand_bits": (32,), "fraction_bits": 48}, (4, 3, 8, 9)),
    *[(op, operands, {**attrs, **DCF}, out) for op, operands, attrs, out in KEYED],
]


def module_of(op: str, operands: list[Any], attrs: Mapping[str, Any], out: tuple[int, ...]) -> tuple[Op, Module]:
    names = [f"@w{i}" if isinstance(o, tuple) else f"x{i}" for i, o in enumerate(operands)]
    types = {m: TensorType("f32", o if isinstance(o, tuple) else o.shape) for m, o in zip(names, operands, strict=True)}
    values = {m: Value(t) for m, t in types.items() if not m.startswith("@")} | {"y": Value(TensorType("f32", out))}
    constants = {m: Constant(t, PUBLIC, "") for m, t in types.items() if m.startswith("@")}
    node = Op(op, tuple(names), ("y",), attrs)
    return node, Module("m", Stage.LABELLED, (), ("y",), (node,), values, constants)


@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]}{i}" for i, c in enumerate(CASES)])
def test_counted_is_sent(case: Any, step_of_mpc: Any) -> None:
    op, operands, attrs, out = case
    node, module = module_of(*case)
    target = MpcTarget()
    assert target.refuses(node, module) is None
    counted = target.cost(node, module, HeRung(8192, 3))
    weights = {f"@w{i}": n(*o) for i, o in enumerate(operands) if isinstance(o, tuple)}
    given = [f"@w{i}" if isinstance(o, tuple) else o for i, o in enumerate(operands)]
    outcome = step_of_mpc(op, *given, attrs=attrs, weights=weights, shape=out)
    _same(counted, outcome)
    assert 0 < counted.seconds < 1


def _same(counted: Any, outcome: Any) -> None:
    assert counted.rounds == outcome.rounds
    assert counted.bytes == pytest.approx(max(outcome.sent), rel=0.01, abs=16)
    layout = 4000  # both descriptions and the keys
    offline = counted.offline if isinstance(counted, Count) else counted.offline_bytes
    assert offline <= outcome.dealt + 1 <= offline * 1.01 + 2 * layout


@pytest.mark.parametrize("case", STEPS, ids=[f"{c[0]}{i}" for i, c in enumerate(STEPS)])
def test_fused_steps_are_counted_as_they_are(case: Any, step_of_mpc: Any) -> None:
    op, operands, attrs, out = case
    weights = {f"@w{i}": n(*o) for i, o in enumerate(operands) if isinstance(o, tuple)}
    given = [f"@w{i}" if isinstance(o, tuple) else o for i, o in enumerate(operands)]
    _same(count(*module_of(*case)), step_of_mpc(op, *given, attrs=attrs, weights=weights, shape=out))


def test_tables_agree_with_the_engine() -> None:
    assert set(OPS) == set(PROTOCOLS)
    assert {row.count for row in OPS.values()} <= set(COUNTS)
    assert all(row.limits for row in OPS.values())

"""Shape rules: broadcasting against numpy for any shapes, and what is refused with which words."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from ppc.ir.ops import opdef
from ppc.ir.ops.declare import OpError
from ppc.ir.ops.linalg import matmul_dims
from ppc.ir.ops.rules import broadcast
from ppc.ir.types import TensorType
from ppc.runtime import kernels

Dims = tuple[int, ...]
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def numpy_broadcast(shapes: list[Dims]) -> Dims | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


@given(st.lists(SHAPES, min_size=1, max_size=4))
def test_broadcast_is_that_of_numpy_or_both_refuse(shapes: list[Dims]) -> None:
    try:
        ours: Dims | None = broadcast(*shapes)
    except OpError:
        ours = None
    assert ours == numpy_broadcast(shapes)


@given(mutually_broadcastable_shapes(num_shapes=3, max_dims=4, max_side=4))
def test_elementwise_rules_give_the_shape_of_the_kernel(drawn: Any) -> None:
    for name, operands in (("Sum", drawn.input_shapes), ("Add", drawn.input_shapes[:2])):
        arrays = [np.zeros(s, np.float32) for s in operands]
        (t,) = opdef(name).shape([TensorType("f32", s) for s in operands], {})
        (y,) = kernels.run(name, arrays, {})
        assert t.shape == y.shape


@given(mutually_broadcastable_shapes(signature="(m?,k),(k,n?)->(m?,n?)", max_dims=2, max_side=4))
def test_matmul_rule_is_that_of_numpy(drawn: Any) -> None:
    assert matmul_dims(*drawn.input_shapes) == drawn.result_shape


@settings(max_examples=200)
@given(st.data())
def test_slice_rule_is_what_the_kernel_does(data: st.DataObject) -> None:
    dims = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))
    bound = st.integers(-8, 8) | st.sampled_from([-(2**63), 2**63 - 1])
    pick = [data.draw(st.tuples(bound, bound, st.integers(-3, 3).filter(bool))) for _ in dims]
    starts, ends, steps = zip(*pick, strict=True)
    attrs = {"starts": starts, "ends": ends, "axes": tuple(range(len(dims))), "steps": steps}
    (t,) = opdef("Slice").shape([TensorType("f32", tuple(dims))], attrs)
    (y,) = kernels.run("Slice", [np.zeros(dims, np.float32)], attrs)
    assert t.shape == y.shape


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_window_rules_give_the_shape_of_the_kernel(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 2))

    def draw(low: int, high: int, count: int = rank) -> Dims:
        return tuple(data.draw(st.lists(st.integers(low, high), min_size=count, max_size=count)))

    dims, taps = draw(3, 7), draw(1, 3)
    pads = tuple(min(p, k - 1) for p, k in zip(draw(0, 2, 2 * rank), taps * 2, strict=True))
    attrs: dict[str, Any] = {"strides": draw(1, 3), "dilations": draw(1, 2), "pads": pads}
    if data.draw(st.booleans()):
        attrs = {"strides": attrs["strides"], "auto_pad": data.draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER"]))}
    x = np.zeros((1, 2, *dims), np.float32)
    for name, operands, extra in (
        ("Conv", [x, np.zeros((3, 2, *taps), np.float32)], {}),
        ("ConvTranspose", [x, np.zeros((2, 3, *taps), np.float32)], {}),
        ("MaxPool", [x], {"kernel_shape": taps, "ceil_mode": data.draw(st.integers(0, 1))}),
    ):
        types = [TensorType("f32", o.shape) for o in operands]
        try:
            (t,) = opdef(name).shape(types, attrs | extra)
        except OpError:
            continue  # the window is larger than the input
        (y,) = kernels.run(name, operands, attrs | extra)
        assert t.shape == y.shape, name


F = TensorType("f32", (2, 3))
I = TensorType("i64", (2, 3))  # noqa: E741
IMAGE = TensorType("f32", (1, 3, 8, 8))
REFUSED: list[tuple[str, list[TensorType | None], dict[str, Any], str]] = [
    ("Add", [F, TensorType("f32", (4,))], {}, "shapes 2x3, 4 do not broadcast: 3 and 4"),
    ("Add", [F, I], {}, "operands differ in element type: f32<2x3>, i64<2x3>"),
    ("Add", [F], {}, "Add takes 2 operands, not 1"),
    ("Add", [F, None], {}, "Add takes 2 operands"),
    ("Exp", [I], {}, "element type i64 is not one of f16 f32 f64"),
    ("Relu", [F], {"alpha": 1.0}, "Relu has no attribute 'alpha' (it has: none)"),
    ("Reshape", [F], {}, "Reshape needs the attribute shape"),
    ("Reshape", [F], {"shape": (4, 2)}, "Reshape of 2x3 (6 elements) to (4, 2) (8 elements)"),
    ("Reshape", [F], {"shape": 6}, "Reshape: attribute shape is int, not tuple"),
    ("Gemm", [F, F], {}, "Gemm: 3 columns meet 2 rows"),
    ("MatMul", [F, F], {}, "MatMul of 2x3 and 2x3: 3 columns meet 2 rows"),
    ("Conv", [IMAGE, TensorType("f32", (4, 2, 3, 3))], {}, "weights 4x2x3x3 in 1 groups do not fit 3 input channels"),
    ("Conv", [IMAGE, TensorType("f32", (4, 3, 9, 9))], {}, "is larger than the input 8x8"),
    ("Conv", [IMAGE, TensorType("f32", (4, 3, 3, 3))], {"strides": (2,)}, "(2,) has 1 entries; 2 are needed"),
    ("MaxPool", [IMAGE], {"kernel_shape": (2,)}, "a window 2 does not fit the 2 spatial axes"),
    ("BatchNormalization", [IMAGE] + [TensorType("f32", (4,))] * 4, {}, "4 elements for 3 channels of 1x3x8x8"),
    ("BatchNormalization", [IMAGE] + [TensorType("f32", (3,))] * 4, {"training_mode": 1}, "training mode"),
    ("Softmax", [F], {"axis": 2}, "axis 2 is outside a tensor of rank 2"),
    ("Transpose", [F], {"perm": (0, 0)}, "perm (0, 0) is no permutation of the 2 axes"),
    ("Concat", [F, TensorType("f32", (3, 3))], {"axis": 1}, "the other axes differ"),
    ("Split", [F], {"split": (1, 2), "axis": 0}, "Split of 2 elements into (1, 2)"),
    ("TopK", [F], {"k": 4}, "TopK of 4 from 3 elements"),
    ("Gather", [F, F], {}, "indices are f32<2x3>, not integers"),
    ("Resize", [IMAGE], {"sizes": (4, 4)}, "Resize of 4 axes needs 4 scales or 4 sizes"),
    ("Resize", [IMAGE], {"sizes": (1, 3, 4, 4), "mode": "lanczos"}, "mode 'lanczos' is not one of"),
    ("Cast", [F], {"to": "bf16"}, "to 'bf16' is not one of"),
    ("Polynomial", [F], {"coefficients": (1.0,), "lo": 1.0, "hi": 1.0}, "lo < hi"),
    ("LSTM", [F, F, F], {}, "x, W, R must have rank 3"),
    ("Einsum", [F, F], {"equation": "ij,jk->ik"}, "index j is both 3 and 2"),
    (
        "LinearClassifier",
        [F],
        {"coefficients": (1.0,) * 5, "classlabels_ints": (0, 1)},
        "5 coefficients for 3 features",
    ),
    ("LinearClassifier", [F], {"coefficients": (1.0,) * 6}, "labels as integers or as strings"),
]


@pytest.mark.parametrize(("name", "types", "attrs", "words"), REFUSED)
def test_refused_with_numbers(name: str, types: list[TensorType | None], attrs: dict[str, Any], words: str) -> None:
    with pytest.raises(OpError) as caught:
        opdef(name).shape(types, attrs)
    assert words in str(caught.value)

"""Cases: linear algebra, reductions, order, shapes, indexing."""

import numpy as np
from kernel_cases.elementwise import b, f, i
from kernel_oracle import Case

REDUCTIONS = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"]
X = f(2, 3, 4)
TIES = i(3, 20, low=0, high=5)
IMAGE = f(2, 3, 5, 6)
BIG = 2**62
_RESIZES = [
    {"scales": (1.0, 1.0, 2.0, 2.0)},
    {"scales": (1.0, 1.0, 0.6, 0.7)},
    {"scales": (1.0, 1.0, 2.5, 1.3)},
    {"sizes": (2, 3, 9, 4)},
]
CASES: list[Case] = [
    Case("MatMul", [f(3, 4), f(4, 5)]),
    Case("MatMul", [f(2, 1, 3, 4), f(5, 4, 2)]),
    Case("MatMul", [f(4), f(4, 5)]),
    Case("MatMul", [f(2, 3, 4), f(4)]),
    Case("MatMul", [f(4), f(4)]),
    Case("MatMul", [i(3, 4, dtype=np.int32), i(4, 2, dtype=np.int32)]),
    Case("Gemm", [f(3, 4), f(4, 5)]),
    Case("Gemm", [f(3, 4), f(4, 5), f(5)]),
    Case("Gemm", [f(4, 3), f(5, 4), f(3, 1)], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", [f(3, 4), f(5, 4), f(3, 5)], {"transB": 1}),
    Case("Einsum", [f(3, 4), f(4, 5)], {"equation": "ij,jk->ik"}),
    Case("Einsum", [f(2, 3, 4), f(2, 4, 5)], {"equation": "b i j, b j k"}),
    Case("Einsum", [f(2, 3, 4, 5)], {"equation": "bijk->bkij"}),
    Case("Einsum", [f(2, 2, 3, 4), f(4, 5)], {"equation": "...ij,jk->...ik"}),
    Case("Einsum", [f(3, 3)], {"equation": "ii->i"}),
    Case("Einsum", [f(2, 3), f(3, 4), f(4, 2)], {"equation": "ij,jk,kl->il"}),
    Case("Det", [f(3, 4, 4)]),
    Case("Det", [f(3, 3)]),
    *(Case("Reduce" + op, [np.abs(X) + 0.5]) for op in REDUCTIONS),
    *(Case("Reduce" + op, [np.abs(X)], {"axes": (1,), "keepdims": 0}) for op in REDUCTIONS),
    *(Case("Reduce" + op, [np.abs(X)], {"axes": (-1, 0)}) for op in REDUCTIONS),
    *(Case("Reduce" + op, [X], {"noop_with_empty_axes": 1}) for op in ("Sum", "Mean", "Max")),
    *(Case("Reduce" + op, [i(3, 4)], {"axes": (0,)}) for op in ("Sum", "Max", "Min", "Prod")),
    *(Case(op, [X]) for op in ("ArgMax", "ArgMin")),
    *(Case(op, [TIES], {"axis": 1, "keepdims": 0}) for op in ("ArgMax", "ArgMin")),
    *(Case(op, [TIES], {"axis": -1, "select_last_index": 1}) for op in ("ArgMax", "ArgMin")),
    Case("TopK", [f(3, 9)], {"k": 4}),
    Case("TopK", [TIES], {"k": 7}),
    Case("TopK", [TIES], {"k": 7, "largest": 0}),
    Case("TopK", [f(5, 4)], {"k": 3, "axis": 0}),
    Case("CumSum", [X], {"axis": 1}),
    Case("CumProd", [X], {"axis": 1, "exclusive": 1}, reference=True),
    Case("CumProd", [X], {"axis": 0, "reverse": 1}, reference=True),
    Case("CumSum", [X], {"axis": -1, "exclusive": 1}),
    Case("CumSum", [X], {"axis": 0, "reverse": 1}),
    Case("CumSum", [i(9)], {"axis": 0, "reverse": 1, "exclusive": 1}),
    Case("Identity", [X]),
    *(Case("Cast", [f(9, low=-5, high=5)], {"to": to}) for to in ("f32", "f64", "i64", "i32", "bool")),
    *(Case("Cast", [i(9)], {"to": to}) for to in ("f32", "i32", "bool", "i8", "u8")),
    Case("Cast", [b(5)], {"to": "f32"}),
    Case("Reshape", [X], {"shape": (4, 6)}),
    Case("Reshape", [X], {"shape": (0, -1)}),
    Case("Reshape", [X], {"shape": (-1, 2, 0)}),
    Case("Reshape", [f(0, 3)], {"shape": (3, 0), "allowzero": 1}),
    *(Case("Flatten", [X], {"axis": axis}) for axis in (0, 1, 2, 3, -1)),
    Case("Squeeze", [f(1, 3, 1, 2)]),
    Case("Squeeze", [f(1, 3, 1, 2)], {"axes": (-2,)}),
    Case("Unsqueeze", [f(3, 2)], {"axes": (0, 3)}),
    Case("Unsqueeze", [f(3, 2)], {"axes": (-1, 1)}),
    Case("Transpose", [X]),
    Case("Transpose", [X], {"perm": (1, 2, 0)}),
    Case("Slice", [f(8, 7)], {"starts": (1, 2), "ends": (6, 5)}),
    Case("Slice", [f(8, 7)], {"starts": (-3,), "ends": (BIG,), "axes": (1,)}),
    Case("Slice", [f(8, 7)], {"starts": (1, 0), "ends": (7, 7), "axes": (-2, -1), "steps": (2, 3)}),
    Case("Slice", [f(8, 7)], {"starts": (-1,), "ends": (-BIG,), "axes": (0,), "steps": (-1,)}),
    Case("Slice", [f(8, 7)], {"starts": (6, 20), "ends": (1, 2), "axes": (0, 1), "steps": (-2, -3)}),
    Case("Slice", [f(8, 7)], {"starts": (5,), "ends": (2,), "axes": (0,)}),
    Case("Slice", [f(8, 7)], {"starts": (7,), "ends": (-8,), "axes": (0,), "steps": (-1,)}),
    Case("Concat", [f(2, 3), f(2, 1), f(2, 4)], {"axis": 1}),
    Case("Concat", [i(2, 3), i(1, 3)], {"axis": -2}),
    Case("Split", [f(7, 4)], {"split": (2, 5)}),
    Case("Split", [f(7, 4)], {"num_outputs": 3}),
    Case("Split", [f(7, 4)], {"axis": -1, "num_outputs": 2}),
    Case("Expand", [f(3, 1)], {"shape": (2, 1, 4)}),
    Case("Expand", [f(3, 4)], {"shape": (1,)}),
    Case("Tile", [f(2, 3)], {"repeats": (2, 3)}),
    *(Case("Trilu", [f(2, 4, 5)], {"k": k, "upper": u}) for k in (-1, 0, 2) for u in (0, 1)),
    *(Case("DepthToSpace", [f(2, 8, 3, 2)], {"blocksize": 2, "mode": mode}) for mode in ("DCR", "CRD")),
    Case("SpaceToDepth", [f(2, 3, 4, 6)], {"blocksize": 2}),
    Case("ReverseSequence", [f(4, 3, 2), np.array([4, 1, 3])]),
    Case("ReverseSequence", [f(3, 4), np.array([4, 1, 3])], {"batch_axis": 0, "time_axis": 1}),
    Case("Pad", [f(2, 3)], {"pads": (0, 1, 2, 3)}),
    Case("Pad", [f(2, 3)], {"pads": (0, 1, 2, 3), "value": 1.5}),
    Case("Pad", [f(4, 5)], {"pads": (1, 2, 1, 1), "mode": "reflect"}),
    Case("Pad", [f(4, 5)], {"pads": (5, 2, 1, 7), "mode": "edge"}),
    Case("Pad", [f(4, 5)], {"pads": (1, 2, 3, 1), "mode": "wrap"}),
    Case("Pad", [f(4, 5)], {"pads": (-1, 2, 1, -2)}),
    Case("Pad", [f(4, 5, 6)], {"pads": (1, 2), "axes": (-1,)}),
    Case("CenterCropPad", [f(5, 4, 3)], {"shape": (3, 7, 3)}, reference=True),
    Case("CenterCropPad", [f(5, 4, 3)], {"shape": (8, 2), "axes": (0, 2)}, reference=True),
    *(Case("Resize", [IMAGE], attrs) for attrs in _RESIZES),
    *(Case("Resize", [IMAGE], {**attrs, "mode": "linear"}) for attrs in _RESIZES),
    *(Case("Resize", [IMAGE], {**attrs, "mode": "cubic"}) for attrs in _RESIZES),
    *(
        Case("Resize", [IMAGE], {**attrs, "mode": mode, "coordinate_transformation_mode": transform})
        for transform in ("align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric")
        for mode in ("nearest", "linear")
        for attrs in _RESIZES
    ),
    *(
        Case(
            "Resize",
            [IMAGE],
            {"scales": (1.0, 1.0, 1.5, 0.6), "nearest_mode": mode, "coordinate_transformation_mode": "asymmetric"},
        )
        for mode in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    Case("Resize", [IMAGE], {"scales": (0.6, 0.7), "axes": (2, 3), "mode": "linear", "antialias": 1}),
    Case("Resize", [IMAGE], {"scales": (1.0, 1.0, 0.4, 0.5), "mode": "cubic", "antialias": 1}),
    Case("Resize", [IMAGE], {"scales": (1.0, 1.0, 0.6, 0.7), "mode": "cubic", "exclude_outside": 1}),
    Case("Shape", [X]),
    Case("Shape", [X], {"start": 1, "end": -1}),
    Case("Size", [X]),
    Case("Range", [], {"start": 2, "limit": 11, "delta": 3}),
    Case("Range", [], {"start": 1.0, "limit": -0.6, "delta": -0.25}),
    Case("ConstantOfShape", [], {"shape": (2, 3)}),
    Case("ConstantOfShape", [], {"shape": (4,), "value": 7}),
    Case("ConstantOfShape", [], {"shape": (4,), "value": True}),
    Case("EyeLike", [f(3, 4)]),
    Case("EyeLike", [f(3, 4)], {"k": -1, "dtype": "i64"}),
    Case("Gather", [X, np.array([1, 0, -1])], {"axis": 1}),
    Case("Gather", [X, np.array([[1, 0], [0, 1]], np.int32)]),
    Case("Gather", [X, np.array(2)], {"axis": 2}),
    Case("GatherElements", [f(3, 4), np.array([[0, 2, 1], [-1, 0, 0]])]),
    Case("GatherElements", [f(3, 4), np.array([[0, 2], [-1, 0], [1, 1]])], {"axis": 1}),
    Case("GatherND", [X, np.array([[0, 1], [1, 2]])]),
    Case("GatherND", [X, np.array([[[0], [-1]]])]),
    Case("GatherND", [X, np.array([[1], [0]])], {"batch_dims": 1}),
    Case("GatherND", [f(2, 3, 4, 5), np.array([[[1], [0], [2]], [[3], [0], [1]]])], {"batch_dims": 2}),
    Case("ScatterElements", [f(3, 4), np.array([[0, 2, 1, 0]]), f(1, 4)]),
    Case("ScatterElements", [f(3, 4), np.array([[0, -1], [1, 2]]), f(2, 2)], {"axis": 1}),
    *(
        Case("ScatterElements", [f(3, 4), np.array([[0, 0], [1, 1]]), f(2, 2)], {"axis": 1, "reduction": r})
        for r in ("add", "mul", "min", "max")
    ),
    Case("ScatterND", [X, np.array([[0, 1], [1, -1]]), f(2, 4)]),
    *(Case("ScatterND", [X, np.array([[0], [0]]), f(2, 3, 4)], {"reduction": r}) for r in ("add", "mul", "min", "max")),
    Case("OneHot", [i(3, 4, low=-4, high=6)], {"depth": 5}),
    Case("OneHot", [i(3, low=0, high=4)], {"depth": 4, "values": (2.0, -1.0), "axis": 0}),
    Case("OneHot", [i(3, 2, low=0, high=4)], {"depth": 4, "values": (0, 1), "axis": 1}),
]

_RNG = np.random.default_rng(9)
_PICTURE = _RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
_POINTS = _RNG.uniform(-1.6, 1.6, (2, 3, 2, 2)).astype(np.float32)
CASES += [
    Case("GridSample", [_PICTURE, _POINTS], {"mode": mode, "padding_mode": padding, "align_corners": corners})
    for mode in ("linear", "nearest", "cubic")
    for padding in ("zeros", "border", "reflection")
    for corners in (0, 1)
]
CASES.append(
    Case(
        "GridSample", [_PICTURE[:1].reshape(1, 3, 4, 5, 1), _POINTS.reshape(1, 2, 2, 2, 3)], {"padding_mode": "border"}
    )
)

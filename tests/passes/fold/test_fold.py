"""Folding: what each pass leaves of a small model, and that the model still computes the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from ppc.compiler.frontend.known_ops import declaration
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.module import Module, Op, Stage
from ppc.passes.fold import STEPS, Fold
from ppc.passes.registry import pass_class

R = np.random.default_rng(3)


def n(op: str, inputs: str, output: str, **attrs: Any) -> onnx.NodeProto:
    return onnx.helper.make_node(op, inputs.split(","), output.split(","), **attrs)


def ml(op: str, inputs: str, outputs: str, **attrs: Any) -> onnx.NodeProto:
    return onnx.helper.make_node(op, inputs.split(","), outputs.split(","), domain="ai.onnx.ml", **attrs)


def f(*shape: int) -> np.ndarray:
    return R.normal(size=shape).astype(np.float32)


def close(got: np.ndarray, expected: np.ndarray) -> bool:
    """Equal up to the rounding of the new weights to f32, relative to the largest element."""
    size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
    return np.allclose(got, expected, rtol=0, atol=1e-6 * size)


BN = {"s": abs(f(4)), "b": f(4), "m": f(4), "v": abs(f(4)) + 0.1}
CONV = [n("Conv", "x,w,c", "h", pads=[1] * 4), n("BatchNormalization", "h,s,b,m,v", "y")]
ERF = [n("Div", "x,r", "a"), n("Erf", "a", "e"), n("Add", "e,one", "p")]
GELU = {"r": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}
NORM = [
    n("ReduceMean", "x", "mu", axes=[-1]),
    n("Sub", "x,mu", "d"),
    n("Pow", "d,two", "q"),
    n("ReduceMean", "q", "var", axes=[-1]),
    n("Add", "var,eps", "ve"),
    n("Sqrt", "ve", "sd"),
    n("Div", "d,sd", "z"),
]
LN = {"two": np.float32(2), "eps": np.float32(1e-5)}
SHAPE = {"s": np.asarray([2, 12])}

QK = [n("MatMul", "x,w", "h"), n("Add", "h,b", "q"), n("MatMul", "x,u", "k"), n("Transpose", "k", "t", perm=[1, 0])]
SCORES = {"w": f(6, 5), "b": f(5), "u": f(6, 5), "c": np.float32(2.5)}

#: name: (nodes, shape of x, constants, operators after folding)
CASES: dict[str, tuple[list[onnx.NodeProto], tuple[int, ...], dict[str, Any], list[str]]] = {
    "conv + batch-norm": (CONV, (2, 3, 5, 5), {"w": f(4, 3, 3, 3), "c": f(4), **BN}, ["Conv"]),
    "grouped conv + batch-norm": (
        [n("Conv", "x,w", "h", group=2), CONV[1]], (2, 4, 5, 5), {"w": f(4, 2, 3, 3), **BN}, ["Conv"]),
    "conv-transpose + batch-norm": (
        [n("ConvTranspose", "x,w", "h", group=2), CONV[1]], (2, 4, 5, 5), {"w": f(4, 2, 3, 3), **BN},
        ["Conv"]),
    "gemm + batch-norm": (
        [n("Gemm", "x,w,c", "h", transB=1), CONV[1]], (2, 3), {"w": f(4, 3), "c": f(4), **BN}, ["Gemm"]),
    "batch-norm alone": ([n("BatchNormalization", "x,s,b,m,v", "y")], (2, 4, 3), BN, ["Mul", "Add"]),
    "batch-norm + gemm": (
        [n("BatchNormalization", "x,s,b,m,v", "h"), n("MatMul", "h,w", "y")], (2, 4), {"w": f(4, 3), **BN}, ["Gemm"]),
    "factor before a padded grouped conv": (
        [n("Mul", "x,k", "h"), n("Conv", "h,w", "y", group=2, pads=[1] * 4)], (2, 4, 5, 5),
        {"w": f(6, 2, 3, 3), "k": f(4, 1, 1)}, ["Conv"]),
    "addend before a conv": (
        [n("Add", "x,k", "h"), n("Conv", "h,w", "y", group=2)], (2, 4, 5, 5), {"w": f(6, 2, 3, 3), "k": f(4, 1, 1)},
        ["Conv"]),
    "addend before a padded conv stays": (
        [n("Add", "x,k", "h"), n("Conv", "h,w", "y", pads=[1] * 4)], (2, 3, 5, 5),
        {"w": f(4, 3, 3, 3), "k": f(3, 1, 1)},
        ["Add", "Conv"]),
    "normalisation goes through a reshape": (
        [n("Sub", "x,k", "a"), n("Div", "a,d", "b"), n("Reshape", "b,s", "h"), n("Gemm", "h,w,c", "y")], (2, 3, 4),
        {"k": f(1, 3, 4), "d": abs(f(1, 3, 1)) + 1, "w": f(12, 5), "c": f(5), **SHAPE}, ["Reshape", "Gemm"]),
    "a constant that differs between samples stays": (
        [n("Add", "x,k", "h"), n("Gemm", "h,w", "y")], (2, 3), {"k": f(2, 3), "w": f(3, 2)}, ["Add", "Gemm"]),
    "two readers: nothing is fused": (
        [n("MatMul", "x,w", "h"), n("Add", "h,c", "a"), n("Mul", "a,h", "y")], (2, 3), {"w": f(3, 3), "c": f(3)},
        ["Gemm", "Add", "Mul"]),
    "matmul + add": ([n("MatMul", "x,w", "h"), n("Add", "c,h", "y")], (2, 3), {"w": f(3, 2), "c": f(2)}, ["Gemm"]),
    "gemm with everything": (
        [n("Gemm", "x,w,c", "y", alpha=0.5, beta=2.0, transA=1, transB=1)], (3, 2), {"w": f(4, 3), "c": f(1, 4)},
        ["Transpose", "Gemm"]),
    "gemm chain": (
        [n("Gemm", "x,w,c", "h"), n("Gemm", "h,v,d", "y")], (2, 3), {"w": f(3, 5), "c": f(5), "v": f(5, 2), "d": f(2)},
        ["Gemm"]),
    "a bottleneck stays": (
        [n("Gemm", "x,w", "h"), n("Gemm", "h,v", "y")], (2, 9), {"w": f(9, 1), "v": f(1, 9)}, ["Gemm", "Gemm"]),
    "transpose into gemm": (
        [n("Relu", "x", "a"), n("Transpose", "a", "t", perm=[0, 2, 3, 1]), n("Reshape", "t,s", "h"),
         n("Gemm", "h,w", "y")], (2, 3, 2, 2), {"w": f(12, 5), **SHAPE}, ["Relu", "Reshape", "Gemm"]),
    "transposes cancel": (
        [n("Transpose", "x", "a", perm=[0, 2, 1]), n("Transpose", "a", "b", perm=[0, 2, 1]), n("Relu", "b", "y")],
        (2, 3, 4), {}, ["Relu"]),
    "transpose of ones": ([n("Transpose", "x", "t", perm=[0, 2, 1]), n("Relu", "t", "y")], (2, 1, 4), {},
                          ["Reshape", "Relu"]),
    "mean of one": ([n("ReduceMean", "x", "m", axes=[1], keepdims=0), n("Relu", "m", "y")], (2, 1, 4), {},
                    ["Reshape", "Relu"]),
    "reshape twice": (
        [n("Reshape", "x,s", "a"), n("Reshape", "a,t", "b"), n("Relu", "b", "y")], (2, 3, 4),
        {"t": np.asarray([4, 6]), **SHAPE}, ["Reshape", "Relu"]),
    "nothing at all": (
        [n("Cast", "x", "a", to=1), n("Slice", "a,zero,big", "b"), n("Pad", "b,p", "c"), n("Mul", "c,one", "d"),
         n("Add", "d,nil", "e"), n("Pow", "e,one", "f"), n("Relu", "f", "y")], (2, 3),
        {"zero": np.asarray([0]), "big": np.asarray([99]), "p": np.zeros(4, np.int64), "one": np.float32(1),
         "nil": np.zeros(3, np.float32)}, ["Relu"]),
    "a cube": ([n("Pow", "x,e", "y")], (2, 3), {"e": np.float32(3)}, ["Mul", "Mul"]),
    "a sixth power": ([n("Pow", "x,e", "y")], (2, 3), {"e": np.float32(6)}, ["Mul", "Mul", "Mul"]),
    "a power that is an inverse": (
        [n("Exp", "x", "h"), n("Pow", "h,e", "y")], (2, 3), {"e": np.float32(-1)}, ["Exp", "Reciprocal"]),
    "a power that is a root's inverse": (
        [n("Exp", "x", "h"), n("Pow", "h,e", "y")], (2, 3), {"e": np.float32(-0.5)}, ["Exp", "Rsqrt"]),
    "one over a root": (
        [n("Exp", "x", "h"), n("Sqrt", "h", "i"), n("Reciprocal", "i", "y")], (2, 3), {}, ["Exp", "Rsqrt"]),
    "a power that stays": (
        [n("Exp", "x", "h"), n("Pow", "h,e", "y")], (2, 3), {"e": np.float32(2.5)}, ["Exp", "Pow"]),
    "constants merge": (
        [n("Add", "x,a", "h"), n("Sub", "h,b", "i"), n("Mul", "i,c", "j"), n("Div", "j,d", "y")], (2, 3),
        {"a": f(3), "b": f(1), "c": f(3), "d": abs(f(1)) + 1}, ["Add", "Mul"]),
    "two affine maps are one": (
        [n("Mul", "x,a", "h"), n("Add", "h,b", "i"), n("Mul", "i,c", "j"), n("Sub", "j,d", "k"), n("Relu", "k", "y")],
        (2, 3), {"a": f(3), "b": f(1), "c": f(3), "d": f(3)}, ["Mul", "Add", "Relu"]),
    "a division by zero stays": ([n("Div", "x,z", "y")], (2, 3), {"z": np.asarray([1, 0, 2], np.float32)}, ["Div"]),
    "constant sub-graph": (
        [n("Transpose", "w", "t"), n("Mul", "t,t", "u"), n("MatMul", "x,u", "y")], (2, 3), {"w": f(4, 3)}, ["Gemm"]),
    "dead code": ([n("Exp", "x", "dead"), n("Relu", "x", "y")], (2, 3), {}, ["Relu"]),
    "gelu, x first": ([*ERF, n("Mul", "x,p", "q"), n("Mul", "q,half", "y")], (2, 3), GELU, ["Gelu"]),
    "gelu, half first": ([*ERF, n("Mul", "half,x", "q"), n("Mul", "q,p", "y")], (2, 3), GELU, ["Gelu"]),
    "gelu, half inside": ([*ERF, n("Mul", "p,half", "q"), n("Mul", "x,q", "y")], (2, 3), GELU, ["Gelu"]),
    "not gelu: the factor is 0.51": (
        [*ERF, n("Mul", "x,p", "q"), n("Mul", "q,half", "y")], (2, 3), {**GELU, "half": np.float32(0.51)},
        ["Mul", "Erf", "Add", "Mul", "Mul"]),
    "layer-norm": (
        [*NORM, n("Mul", "z,g", "zg"), n("Add", "zg,h", "y")], (2, 3, 8), {**LN, "g": f(8), "h": f(8)},
        ["LayerNormalization"]),
    "layer-norm without scale": (
        [*NORM, n("Relu", "z", "y")], (2, 8), LN, ["LayerNormalization", "Relu"]),
    "gather one": ([n("Gather", "x,i", "y", axis=1)], (2, 5), {"i": np.asarray(3)}, ["Slice", "Reshape"]),
    "gather at random stays": ([n("Gather", "x,i", "y", axis=1)], (2, 5), {"i": np.asarray([3, 0, 1])}, ["Gather"]),
    "scaler": ([ml("Scaler", "x", "h", offset=[1.0, 2.0], scale=[3.0, 4.0]), n("MatMul", "h,w", "y")], (2, 2),
               {"w": f(2, 3)}, ["Gemm"]),
    "linear regressor": (
        [ml("LinearRegressor", "x", "y", coefficients=[1.0, 2.0, 3.0, 4.0], intercepts=[5.0, 6.0], targets=2)], (3, 2),
        {}, ["Gemm"]),
    "linear classifier, softmax": (
        [ml("LinearClassifier", "x", "l,y", coefficients=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], intercepts=[0.1, 0.2, 0.3],
            classlabels_ints=[0, 1, 2], post_transform="SOFTMAX")], (4, 2), {}, ["Gemm", "Softmax"]),
    "linear classifier, one row": (
        [ml("LinearClassifier", "x", "l,y", coefficients=[1.0, -2.0], intercepts=[0.1], classlabels_ints=[3, 5],
            post_transform="LOGISTIC")], (4, 2), {}, ["Gemm", "Sigmoid"]),
    "scale of scores": (
        [*QK, n("MatMul", "q,t", "p"), n("Div", "p,c", "r"), n("Softmax", "r", "y")], (4, 6), SCORES,
        ["Gemm", "Gemm", "Transpose", "MatMul", "Softmax"]),
    "scale of scores that are an output": (
        [*QK, n("MatMul", "q,t", "p"), n("Mul", "p,c", "y")], (4, 6), SCORES, ["Gemm", "Gemm", "Transpose", "MatMul"]),
    "scale of scores by the second factor": (
        [QK[0], n("Relu", "h", "q"), *QK[2:], n("MatMul", "q,t", "p"), n("Mul", "p,c", "y")], (4, 6), SCORES,
        ["Gemm", "Relu", "Gemm", "Transpose", "MatMul"]),
    "scale of scores without a layer": (
        [n("Relu", "x", "q"), n("Transpose", "x", "t", perm=[1, 0]), n("MatMul", "q,t", "p"), n("Mul", "p,c", "y")],
        (4, 6), {"c": np.float32(2.5)}, ["Relu", "Transpose", "MatMul", "Mul"]),
}  # fmt: skip


def check_rule(module: Module, op: Op) -> None:
    """The shape rule of the operator agrees with the types that the pass wrote (where there is a table of rules)."""
    row = declaration(op.name)
    if row is not None:
        found = row.shape([module.type_of(o) if o else None for o in op.operands], op.attrs)
        assert found[: len(op.results)] == tuple(module.type_of(r) for r in op.results), op


@pytest.fixture
def imported(make_model: Callable[..., Any]) -> Callable[[str], Module]:
    def get(name: str) -> Module:
        nodes, shape, constants, _ = CASES[name]
        opset = 13 if "norm" in name else 17
        return import_model(make_model(nodes, {"x": shape}, ["y"], constants, opset, domains={"ai.onnx.ml": 3}))

    return get


@pytest.mark.parametrize("name", CASES)
def test_folding_leaves_what_it_should_and_computes_the_same(
    name: str, imported: Callable[[str], Module], evaluate: Callable[..., Any]
) -> None:
    before = imported(name)
    after = Fold()(before)
    assert [op.name for op in after.ops] == CASES[name][3]
    assert after.stage is Stage.FOLDED and after.outputs == before.outputs
    x = R.normal(size=CASES[name][1])
    with np.errstate(divide="ignore"):
        expected, got = evaluate(before, x)[0], evaluate(after, x)[0]
    assert close(got, expected)


@pytest.mark.parametrize("name", CASES)
def test_each_pass_alone_is_exact_and_leaves_a_sound_module(
    name: str, imported: Callable[[str], Module], evaluate: Callable[..., Any]
) -> None:
    module = imported(name)
    x = R.normal(size=CASES[name][1])
    with np.errstate(divide="ignore"):
        expected = evaluate(module, x)[0]
        for step in STEPS:
            module = pass_class(step)()(module)
            defined = set(module.inputs)
            for op in module.ops:
                assert all(o in defined or o in module.constants or not o for o in op.operands), (step, op)
                defined |= set(op.results)
                check_rule(module, op)
            assert set(module.values) == defined and set(module.outputs) <= defined
            assert close(evaluate(module, x)[0], expected), step


@pytest.mark.parametrize("name", CASES)
def test_folding_twice_changes_nothing(name: str, imported: Callable[[str], Module]) -> None:
    once = Fold()(imported(name))
    assert Fold()(once) == once


def test_a_linear_classifier_keeps_its_labels(make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    nodes = CASES["linear classifier, one row"][0]
    types = {"l": onnx.TensorProto.INT64}
    model = make_model(nodes, {"x": (4, 2)}, ["l", "y"], {}, 17, types, {"ai.onnx.ml": 3})
    before = import_model(model)
    after = Fold()(before)
    assert sorted(op.name for op in after.ops) == [*("ArgMax", "Gemm", "Gemm", "OneHot", "Reshape", "Sigmoid")]
    x = R.normal(size=(4, 2))
    for a, b in zip(evaluate(after, x), evaluate(before, x), strict=True):
        assert np.allclose(a, b)


def test_a_merged_op_has_the_name_of_the_linear_node(make_model: Callable[..., Any]) -> None:
    nodes = [n("Conv", "x,w", "h", name="conv1"), n("Add", "h,c", "y", name="bias")]
    model = make_model(nodes, {"x": (1, 3, 5, 5)}, ["y"], {"w": f(4, 3, 3, 3), "c": f(4, 1, 1)})
    (op,) = Fold()(import_model(model)).ops
    assert op.loc == "conv1" and op.results == ("y",)


def test_a_folded_constant_keeps_the_secrecy_of_its_sources(make_model: Callable[..., Any]) -> None:
    model = make_model(CASES["matmul + add"][0], {"x": (2, 3)}, ["y"], CASES["matmul + add"][2])
    folded = Fold()(import_model(model))
    assert all(str(c.label) == "secret[server]" for c in folded.constants.values())

"""The reference interpreter and the features that cost models count."""

import gc
import itertools
import weakref
from typing import Any

import numpy as np
import pytest

from ppc.ir.diagnostic import InternalError
from ppc.ir.features import MACS, Features, features
from ppc.ir.interpret import interpret
from ppc.ir.label import PUBLIC
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.ops import OPS, opdef
from ppc.ir.types import TensorType
from ppc.runtime import kernels

RNG = np.random.default_rng(0)
W, B = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)


def module(
    *ops: Op, x: tuple[int, ...] = (2, 3), stage: Stage = Stage.IMPORTED, outputs: tuple[str, ...] = ()
) -> Module:
    """A module over input x and the constants @w, @b; types come from the shape rules."""
    constants = {f"@{n}": Constant.of(a, TensorType("f32", a.shape), PUBLIC) for n, a in (("w", W), ("b", B))}
    types = {"x": TensorType("f32", x), **{n: c.type for n, c in constants.items()}}
    for op in ops:
        results = opdef(op.name).shape([types[o] if o else None for o in op.operands], op.attrs)
        types |= dict(zip(op.results, results, strict=False))
    values = {n: Value(t) for n, t in types.items() if n and not n.startswith("@")}
    return Module("m", stage, ("x",), outputs or ops[-1].results, ops, values, constants)


MLP = (
    Op("Gemm", ("x", "@w", "@b"), ("h",), {"transB": 1}, "fc"),
    Op("Relu", ("h",), ("r",), {}, "act"),
    Op("ReduceSum", ("r",), ("s",), {"axes": (1,), "keepdims": 0}, "sum"),
)
X = RNG.normal(size=(2, 3)).astype(np.float32)


def test_runs_in_float64_and_returns_the_outputs_alone() -> None:
    out = interpret(module(*MLP), {"x": X})
    wide = np.maximum(X.astype(np.float64) @ W.T.astype(np.float64) + B, 0).sum(1)
    assert list(out) == ["s"] and out["s"].dtype == np.float64
    np.testing.assert_allclose(out["s"], wide, rtol=1e-14)


def test_keeps_what_is_asked_for() -> None:
    assert set(interpret(module(*MLP), {"x": X}, keep=("h",))) == {"s", "h"}
    assert set(interpret(module(*MLP), {"x": X}, keep="all")) == {"x", "h", "r", "s"}


def test_values_are_freed_after_their_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[Any] = []
    peak = 0
    original = kernels.run

    def watching(name: str, operands: Any, attrs: Any) -> Any:
        nonlocal peak
        results = original(name, operands, attrs)
        alive.extend(weakref.ref(r) for r in results)
        gc.collect()
        peak = max(peak, sum(r() is not None for r in alive))
        return results

    monkeypatch.setattr(kernels, "run", watching)
    names = ["x", *(f"v{i}" for i in range(12))]
    chain = [Op("Exp", (a,), (b,)) for a, b in itertools.pairwise(names)]
    interpret(module(*chain), {"x": 0 * X})
    assert peak <= 3


def test_optional_operands_and_results() -> None:
    norm = Op("LayerNormalization", ("x", "@g", ""), ("y", "", "d"), {})
    m = module(Op("Identity", ("x",), ("i",)))
    g = Constant.of(np.ones(3, np.float32), TensorType("f32", (3,)), PUBLIC)
    values = {**m.values, "y": Value(TensorType("f32", (2, 3))), "d": Value(TensorType("f32", (2, 1)))}
    m = Module("m", Stage.FOLDED, ("x",), ("y", "d"), (norm,), values, {"@g": g})
    out = interpret(m, {"x": X})
    np.testing.assert_allclose(out["y"].mean(1), 0, atol=1e-12)
    assert out["d"].shape == (2, 1)


def test_an_input_may_be_an_output() -> None:
    assert set(interpret(module(*MLP, outputs=("x", "s")), {"x": X})) == {"x", "s"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: (module(*MLP), {}), "no array was given for input 'x'"),
        (lambda: (module(*MLP), {"x": X[:1]}), "input 'x' has shape (1, 3); the module says f32<2x3>"),
        (lambda: (module(*MLP, stage=Stage.CONVERTED), {"x": X}), "up to stage assigned, not converted"),
        (lambda: (without_data(module(*MLP)), {"x": X}), "constant '@w' has no data"),
        (
            lambda: (with_op(module(*MLP), Op("Nope", ("x",), ("s",), {}, "n")), {"x": X}),
            "no kernel for operator 'Nope'",
        ),
        (
            lambda: (with_op(module(*MLP), Op("Exp", ("q",), ("s",))), {"x": X}),
            "value 'q' is read before it is defined",
        ),
        (lambda: (with_op(module(*MLP), Op("Exp", ("x",), ("s",), {}, "n")), {"x": X}), "gave (2, 3) for 's'"),
    ],
)
def test_internal_errors(make: Any, words: str) -> None:
    m, inputs = make()
    with pytest.raises(InternalError) as caught:
        interpret(m, inputs)
    assert words in str(caught.value)


def without_data(m: Module) -> Module:
    constants = {n: Constant(c.type, c.label, c.sha256) for n, c in m.constants.items()}
    return Module(m.name, m.stage, m.inputs, m.outputs, m.ops, m.values, constants)


def with_op(m: Module, op: Op) -> Module:
    return Module(m.name, m.stage, m.inputs, m.outputs, (op,), m.values, m.constants)


def counted(op: Op, x: tuple[int, ...], **operands: tuple[int, ...]) -> Features:
    types = {"x": TensorType("f32", x), **{f"@{k}": TensorType("f32", v) for k, v in operands.items()}}
    results = opdef(op.name).shape([types[o] for o in op.operands], op.attrs)
    values = {"x": Value(types["x"]), **{r: Value(t) for r, t in zip(op.results, results, strict=False)}}
    constants = {k: Constant(t, PUBLIC, "") for k, t in types.items() if k != "x"}
    return features(op, Module("m", Stage.FOLDED, ("x",), op.results, (op,), values, constants))


def test_features_of_the_operators_that_multiply() -> None:
    conv = Op("Conv", ("x", "@w"), ("y",), {"group": 2, "pads": (1, 1, 1, 1)})
    assert counted(conv, (2, 4, 8, 8), w=(6, 2, 3, 3)) == Features(2 * 6 * 64 * 2 * 9, 2 * 6 * 64)
    up = Op("ConvTranspose", ("x", "@w"), ("y",), {"strides": (2, 2)})
    assert counted(up, (1, 4, 8, 8), w=(4, 3, 2, 2)) == Features(4 * 64 * 3 * 4, 3 * 256)
    assert counted(Op("Gemm", ("x", "@w"), ("y",), {"transA": 1}), (5, 2), w=(5, 7)) == Features(2 * 5 * 7, 14)
    assert counted(Op("MatMul", ("x", "@w"), ("y",)), (3, 2, 5), w=(5, 7)) == Features(3 * 2 * 5 * 7, 42)
    einsum = Op("Einsum", ("x", "@w"), ("y",), {"equation": "bij,bjk->bik"})
    assert counted(einsum, (3, 2, 5), w=(3, 5, 7)) == Features(3 * 2 * 5 * 7, 42)
    lstm = Op("LSTM", ("x", "@w", "@r"), ("y", "", ""))
    assert counted(lstm, (5, 1, 3), w=(1, 8, 3), r=(1, 8, 2)) == Features(5 * (24 + 16), 10)
    pool = Op("AveragePool", ("x",), ("y",), {"kernel_shape": (2, 2), "strides": (2, 2)})
    assert counted(pool, (1, 3, 8, 8)) == Features(3 * 16 * 4, 48)
    assert counted(Op("Polynomial", ("x",), ("y",), {"coefficients": (1.0,) * 4}), (2, 3)) == Features(18, 6)
    assert counted(Op("Relu", ("x",), ("y",)), (2, 3)) == Features(0, 6)


def test_only_known_operators_are_counted() -> None:
    assert set(MACS) <= set(OPS)

"""DFT and STFT become products with constant matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
Evaluate = Callable[..., list[np.ndarray]]
node = onnx.helper.make_node
RNG = np.random.default_rng(8)
REAL, COMPLEX = RNG.normal(size=(2, 6, 3, 1)), RNG.normal(size=(2, 6, 3, 2))


def pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1)


def complex_of(x: np.ndarray) -> np.ndarray:
    return x[..., 0] + (1j * x[..., 1] if x.shape[-1] == 2 else 0)


CASES: list[tuple[np.ndarray, dict[str, Any], int | None, np.ndarray]] = [
    (REAL, {}, None, pairs(np.fft.fft(complex_of(REAL), axis=1))),
    (COMPLEX, {}, 4, pairs(np.fft.fft(complex_of(COMPLEX), n=4, axis=1))),
    (COMPLEX, {}, 9, pairs(np.fft.fft(complex_of(COMPLEX), n=9, axis=1))),
    (COMPLEX, {"inverse": 1}, None, pairs(np.fft.ifft(complex_of(COMPLEX), axis=1))),
    (REAL, {"onesided": 1}, None, pairs(np.fft.rfft(REAL[..., 0], axis=1))),
    (COMPLEX, {"inverse": 1, "onesided": 1}, None, np.fft.irfft(complex_of(COMPLEX), axis=1)[..., None]),
    (COMPLEX, {"inverse": 1, "onesided": 1}, 9, np.fft.irfft(complex_of(COMPLEX), n=9, axis=1)[..., None]),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_dft(make_model: Make, evaluate: Evaluate, case: int) -> None:
    x, attrs, length, want = CASES[case]
    constants = {"a": np.asarray(1, np.int64)} | ({"n": np.asarray(length, np.int64)} if length else {})
    operands = ["x", "n" if length else "", "a"]
    module = import_model(make_model([node("DFT", operands, ["y"], **attrs)], {"x": x.shape}, ["y"], constants))
    assert {op.name for op in module.ops} <= {"Reshape", "Transpose", "MatMul"}
    (got,) = evaluate(module, x)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_stft(make_model: Make, evaluate: Evaluate) -> None:
    x, window = RNG.normal(size=(2, 16)), np.hanning(6).astype(np.float32)
    constants = {"step": np.asarray(5, np.int64), "w": window}
    model = make_model([node("STFT", ["x", "step", "w"], ["y"])], {"x": x.shape}, ["y"], constants, opset=17)
    (got,) = evaluate(import_model(model), x)
    frames = np.stack([x[:, s : s + 6] * window for s in (0, 5, 10)], 1)
    np.testing.assert_allclose(got, pairs(np.fft.rfft(frames, axis=-1)), atol=1e-5)


def test_frames_that_do_not_fit(make_model: Make) -> None:
    constants = {"step": np.asarray(0, np.int64), "w": np.ones(40, np.float32)}
    with pytest.raises(UserError) as caught:
        import_model(make_model([node("STFT", ["x", "step", "w"], ["y"])], {"x": (2, 16)}, ["y"], constants, opset=17))
    assert caught.value.diagnostics[0].code == "PPC1014"

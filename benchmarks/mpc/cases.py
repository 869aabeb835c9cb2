"""What is measured: networks, data, and how many passes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from benchmarks.mpc import models

LENET = Path(__file__).parents[2] / "examples" / "models" / "lenet5_relu_maxpool_mnist.onnx"
FLAT, ROWS, WIDE, IMAGE = (1, 10_000), (1, 313, 32), (1, 79, 128), (1, 1, 100, 100)


@dataclass(frozen=True)
class Case:
    """A model with one input, and samples for it: the first axis counts them, `batch` go into a pass."""

    name: str
    model: onnx.ModelProto
    samples: NDArray[np.float32]
    batch: int = 1
    passes: int = 5  # on a LAN; fewer on a slow network

    def write(self, folder: Path) -> Path:
        """The model's file."""
        path = folder / "model.onnx"
        onnx.save(self.model, path)
        return path

    def of_passes(self, count: int) -> NDArray[np.float32]:
        """Samples of so many passes; again from the first where there are fewer."""
        return self.samples[np.arange(count * self.batch) % len(self.samples)]


def cases() -> Iterator[Case]:
    random = np.random.default_rng(0)

    def normal(shape: tuple[int, ...], scale: float = 3.0) -> NDArray[np.float32]:
        return (scale * random.normal(size=shape)).astype(np.float32)

    def even(lo: float, hi: float) -> NDArray[np.float32]:
        return np.linspace(lo, hi, 10_000, dtype=np.float32).reshape(FLAT)

    images = np.load(LENET.with_suffix(".npz"))["x"]
    yield Case("lenet5", onnx.load(LENET), images, passes=10)
    yield Case("lenet5 x64", onnx.load(LENET), images, batch=64, passes=2)
    yield Case("block", models.block(), normal((8, models.TOKENS, models.WIDTH), 1.0), passes=4)
    yield Case("Relu", models.function("Relu", FLAT), normal(FLAT), passes=20)
    yield Case("Abs", models.function("Abs", FLAT), normal(FLAT))
    yield Case("MaxPool", models.function("MaxPool", IMAGE, kernel_shape=[2, 2], strides=[2, 2]), normal(IMAGE))
    for name in ("Sigmoid", "Tanh", "Erf", "Gelu", "Exp"):
        yield Case(name, models.function(name, FLAT), even(-6, 6))
    yield Case("Silu", models.silu(FLAT), even(-6, 6))
    for name in ("Log", "Sqrt", "Reciprocal"):
        yield Case(name, models.function(name, FLAT), even(0.1, 200))
    for name in ("Softmax", "LogSoftmax"):
        yield Case(name, models.function(name, ROWS, axis=-1), normal(ROWS, 2.0))
    yield Case("LayerNorm", models.function("LayerNormalization", WIDE, axis=-1), normal(WIDE))

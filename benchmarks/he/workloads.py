"""The networks, and how their weights are owned."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]

#: Networks that run under HE from end to end; and those of which only the linear layers can.
WHOLE = (
    "models-bench/w1",
    "models-bench/w2_sq",
    "models-bench/w3",
    "models-ours/cryptonets_mnist",
    "models-bench/w4_sq",
)
PARTS = ("models-ours/resnet8_cifar10", "models-ours/mobilenet_tiny_cifar10")

#: How the weights are owned -> policy. Secret is the default policy: results leave through shares.
POLICIES: Mapping[str, Path | None] = {
    "secret": None,
    "public": ROOT / "examples" / "policies" / "he_public_weights.ppc",
}

CALIBRATION = 64  # samples for the ranges of values


@dataclass(frozen=True)
class Workload:
    """A model and its data: `x` to run on, `fit` to calibrate the ranges with."""

    model: Path
    x: NDArray[np.float32]
    fit: NDArray[np.float32]

    @property
    def name(self) -> str:
        return self.model.stem

    @staticmethod
    def of(model: Path) -> "Workload":
        data = np.load(model.with_suffix(".npz"))
        x = data["x"] if "x" in data else data[data.files[0]]
        fit = data["xtr"] if "xtr" in data else x[len(x) // 2 :]
        return Workload(model, x, fit[:CALIBRATION])

    def write(self, folder: Path, samples: int) -> tuple[Path, Path]:
        """(file of the first samples, file to calibrate with)"""
        data, fit = folder / "samples.npz", folder / "calibration.npz"
        np.savez(data, x=self.x[:samples])
        np.savez(fit, x=self.fit)
        return data, fit


def present(corpus: Path, names: tuple[str, ...], wanted: list[str]) -> tuple[list[Path], list[str]]:
    """(models of the corpus, names of those that are not there), of those that are wanted (none: all)."""
    chosen = [name for name in names if not wanted or Path(name).name in wanted]
    found = [corpus / f"{name}.onnx" for name in chosen]
    return [p for p in found if p.exists()], [p.stem for p in found if not p.exists()]

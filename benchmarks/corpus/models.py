"""The models of the table: $PPC_CORPUS (public, ours, bench) and the `light_*` architectures of the onnx wheel."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.compiler.runner import reference
from ppc.runtime.data import load_inputs

Arrays = dict[str, NDArray[Any]]

#: Folders of the corpus with so many models; `models-bench` (workloads of others) is not among those that the
#: thresholds are about.
FOLDERS = {"models-bench": 6, "models-ours": 35, "models-public": 29}
LIGHT = 9
#: What has to be refused, and the code: custom operators.
REFUSED = {"super_resolution_prepost": "PPC1010"}

#: What the symbolic dimensions of a model stand for, and which of its inputs are public.
OPTIONS: dict[str, dict[str, Any]] = {
    "byte_bidi_lstm": {"dims": {"length": 64}},
    "silero_vad_full": {"dims": {"input:1": 512, "state:1": 1}, "fixed": {"sr": 16000}},
    "skl_tfidf_logreg_sms": {"dims": {"tokenized:2": 256}},
    "tribuo_tinybert": {"dims": {"sequence": 24}},
}
#: Models with logits beyond the ranges that are assumed without calibration: compiled with their samples.
CALIBRATED = {"skl_tfidf_logreg_sms"}


@dataclass(frozen=True)
class Model:
    path: Path
    group: str  # its folder, or `light`
    options: dict[str, Any] = field(default_factory=dict)  # of `Request`

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def calibrate(self) -> Path | None:
        """Data that it is compiled with."""
        return self.path.with_suffix(".npz") if self.name in CALIBRATED else None

    def samples(self, inputs: list[dict[str, Any]]) -> Arrays:
        """Stored samples by input, one a row of a first axis; of `light` one that is drawn, always the same."""
        if self.group != "light":
            return load_inputs(self.path.with_suffix(".npz"), inputs)[0]
        rng = np.random.default_rng(0)
        return {i["name"]: rng.standard_normal((1, *i["shape"])).astype(np.float32) for i in inputs}

    def expected(self, feed: Arrays) -> Arrays:
        """onnxruntime's outputs on these samples."""
        count = len(next(iter(feed.values())))
        extra = {name: np.full(count, value, np.int64) for name, value in self.options.get("fixed", {}).items()}
        return {name: _dense(rows) for name, rows in reference(self.path, {**feed, **extra}, count).items()}


def corpus(folder: Path) -> list[Model]:
    """Small files first: a run that is interrupted has most rows by then."""
    paths = [(path, group) for group in FOLDERS for path in (folder / group).glob("*.onnx")]
    found = [Model(path, group, OPTIONS.get(path.stem, {})) for path, group in paths]
    return sorted(found, key=lambda model: (model.path.stat().st_size, model.name))


def light() -> Iterator[Model]:
    """Nine architectures with synthetic weights, which the onnx wheel brings."""
    import onnx

    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    for path in sorted(folder.glob("light_*.onnx")):
        yield Model(path, "light")


def _dense(rows: NDArray[Any]) -> NDArray[Any]:
    """What ZipMap gives (a dictionary a sample) as rows of numbers in the order of the keys."""
    return np.asarray([[row[k] for k in sorted(row)] for row in rows]) if rows.dtype == object else rows

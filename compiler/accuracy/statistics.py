"""How far outputs are from others, and how often they are right."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError

Arrays = Mapping[str, NDArray[Any]]

#: Stands for every larger difference, and for one from or to NaN or infinity: reports hold no infinities.
LARGEST = 1e300


@dataclass(frozen=True)
class Distance:
    """Of all floating-point outputs together. `relative` is the largest difference over the range of its output (the
    measure of a policy's `error` limit), `argmax_agreement` the share of samples with the same decision."""

    max_error: float
    mean_error: float
    relative: float
    argmax_agreement: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def distance(got: Arrays, want: Arrays, samples: int) -> Distance:
    """`got` against `want` (a superset of its outputs; shapes may differ in axes of length one).

    Outputs that are no numbers, and integers, count for the agreement alone: they agree where they are equal.
    """
    largest, total, count, relative, agree = 0.0, 0.0, 0, 0.0, 1.0
    for name, array in got.items():
        expected = np.asarray(want[name]).reshape(array.shape)
        agree = min(agree, float((decisions(array, samples) == decisions(expected, samples)).mean()))
        if array.dtype.kind != "f" or not array.size:
            continue
        # equal infinities are no difference; a NaN on one side alone is an infinite one
        a, b = array.astype(np.float64), expected.astype(np.float64)
        with np.errstate(invalid="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            off = np.where(same, 0.0, np.nan_to_num(np.abs(a - b), nan=LARGEST, posinf=LARGEST))
        finite = b[np.isfinite(b)]
        span = float(np.ptp(finite)) if finite.size else 0.0
        largest, total, count = max(largest, float(off.max())), total + float(off.sum()), count + off.size
        relative = max(relative, float(off.max()) / (span or 1.0))
    mean = total / count if count else 0.0
    return Distance(min(largest, LARGEST), min(mean, LARGEST), min(relative, LARGEST), agree)


def decisions(output: NDArray[Any], samples: int) -> NDArray[Any]:
    """What each sample's row of an output decides: of several numbers the largest one's index, of one number whether
    it is above one half, of integers and text the row itself. A row with a NaN decides -1."""
    rows = output.reshape(samples, -1)
    if output.dtype.kind != "f":
        return rows[:, 0] if rows.shape[1] == 1 else np.array([row.tobytes() for row in rows], dtype=object)
    found = rows.argmax(axis=1) if rows.shape[1] > 1 else (rows[:, 0] > 0.5).astype(np.int64)
    decided: NDArray[Any] = np.where(np.isnan(rows).any(axis=1), -1, found)
    return decided


def accuracy(outputs: Arrays, labels: NDArray[Any], samples: int) -> float:
    """Share of samples whose decision, by the first output that has one number or one row a sample, is the label.
    Raises PartyError PPC6005 where there is not one label a sample."""
    if labels.size < samples or labels.reshape(len(labels), -1).shape[1] != 1:
        shape = "x".join(map(str, labels.shape))
        raise PartyError("PPC6005", f"labels of shape {shape} for {samples} samples", help="one label a sample")
    first = next(iter(outputs.values()))
    return float((decisions(first, samples) == labels.reshape(-1)[:samples]).mean())

"""Ranges of values from calibration data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf, isnan, sqrt
from typing import ClassVar

import numpy as np

from ppc.ir.calibration import MARGIN, widened
from ppc.ir.interpret import interpret
from ppc.ir.module import Array, Module

#: An end of a range, and the batch that it was seen in.
End = tuple[float, int]


@dataclass
class Seen:
    """What the batches have of a value: its two least and its two greatest ends, each of another batch."""

    low: list[End] = field(default_factory=lambda: [(inf, -1), (inf, -1)])
    high: list[End] = field(default_factory=lambda: [(-inf, -1), (-inf, -1)])
    squares: float = 0.0  # their sum
    count: int = 0

    def add(self, array: Array, batch: int) -> None:
        low, high = float(array.min()), float(array.max())
        if not isnan(low):  # a NaN says nothing about the range
            self.low = sorted([*self.low, (low, batch)])[:2]
            self.high = sorted([*self.high, (high, batch)], reverse=True)[:2]
        self.squares += float(np.square(array, dtype=np.float64).sum())
        self.count += array.size

    @property
    def range(self) -> tuple[float, float]:
        return self.low[0][0], self.high[0][0]

    def without(self, batch: int) -> tuple[float, float]:
        """The range over all other batches; of a value of one batch it is empty (inf, -inf)."""
        return (
            next((v for v, b in self.low if b != batch), inf),
            next((v for v, b in self.high if b != batch), -inf),
        )

    @property
    def ends(self) -> tuple[int, int]:
        """The batches that have the least and the greatest number."""
        return self.low[0][1], self.high[0][1]


def seen(module: Module, batches: tuple[Mapping[str, Array], ...]) -> dict[str, Seen]:
    """Run the reference on all batches: what they have of each value of floating-point numbers."""
    found: dict[str, Seen] = {}
    for number, batch in enumerate(batches):
        for value, array in interpret(module, dict(batch), keep="all").items():
            if array.dtype.kind == "f" and array.size:
                found.setdefault(value, Seen()).add(array, number)
    return found


@dataclass(frozen=True)
class Calibrate:
    """Write each value's minimum, maximum (both widened) and root mean square over the batches.

    Assumption: the data stands for what the plan will see. `margin` widens the interval on both sides by that
    fraction of its width.
    """

    name: ClassVar[str] = "calibrate"
    found: Mapping[str, Seen] = field(default_factory=dict)
    margin: float = MARGIN

    def run(self, module: Module) -> Module:
        values = dict(module.values)
        for name in values.keys() & self.found.keys():
            of = self.found[name]
            range, rms = widened(*of.range, self.margin), sqrt(of.squares / of.count)
            values[name] = replace(values[name], range=range, rms=rms)
        return replace(module, values=values)

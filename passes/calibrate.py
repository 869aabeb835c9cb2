"""Ranges of values from calibration data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import ClassVar

import numpy as np

from ppc.ir.calibration import MARGIN, widened
from ppc.ir.interpret import interpret
from ppc.ir.module import Array, Module


@dataclass(frozen=True)
class Calibrate:
    """Run the reference on sample batches and write each value's minimum, maximum (both widened) and root mean square.

    Assumption: the data stands for what the plan will see. `margin` widens the interval on both sides by that
    fraction of its width.
    """

    name: ClassVar[str] = "calibrate"
    batches: tuple[Mapping[str, Array], ...] = ()
    margin: float = MARGIN

    def run(self, module: Module) -> Module:
        low: dict[str, float] = {}
        high: dict[str, float] = {}
        squares: dict[str, tuple[float, int]] = {}  # sum, and of how many
        for batch in self.batches:
            for value, array in interpret(module, dict(batch), keep="all").items():
                if array.dtype.kind == "f" and array.size:
                    low[value] = min(low.get(value, np.inf), float(array.min()))
                    high[value] = max(high.get(value, -np.inf), float(array.max()))
                    total, count = squares.get(value, (0.0, 0))
                    squares[value] = total + float(np.square(array, dtype=np.float64).sum()), count + array.size
        values = {
            name: replace(v, range=widened(low[name], high[name], self.margin), rms=_rms(*squares[name]))
            if name in low
            else v
            for name, v in module.values.items()
        }
        return replace(module, values=values)


def _rms(total: float, count: int) -> float:
    return sqrt(total / count)

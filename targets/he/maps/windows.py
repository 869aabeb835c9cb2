"""Index arithmetic of sliding windows in any number of spatial dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry of a convolution or a pool. `pads` is [begin..., end...], all tuples one entry a spatial axis."""

    space: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    out: tuple[int, ...]  # spatial shape of the result, from its type: ceil_mode is settled there

    def taps(self) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Flat spatial input index, "inside the input", "inside the padded input" of each (output, tap).

        All three have shape (*out, *kernel).
        """
        rank = len(self.space)
        one = (1,) * (2 * rank)
        flat = np.zeros(one, np.int64)
        inside, padded = np.ones(one, np.bool_), np.ones(one, np.bool_)
        for i in range(rank):
            o = np.arange(self.out[i])[:, None] * self.strides[i] - self.pads[i]
            at = o + np.arange(self.kernel[i])[None, :] * self.dilations[i]
            shape = [1] * (2 * rank)
            shape[i], shape[rank + i] = self.out[i], self.kernel[i]
            at = at.reshape(shape)
            flat = flat * self.space[i] + at
            inside = inside & (at >= 0) & (at < self.space[i])
            padded = padded & (at < self.space[i] + self.pads[rank + i])
        return flat, inside, padded


def ones(rank: int, value: int = 1) -> Sequence[int]:
    return (value,) * rank

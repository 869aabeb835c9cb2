"""Resize: the nearest elements are taken; linear and cubic interpolation are public matrices, an axis after another.

Nearest: exact, no round. Else a round an axis, error 2^-16 and |x| 2^-21 a tap. |x| < 2^26.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.kernels.resize import axis_matrices
from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WEIGHT_BITS


def resize(e: Engine, attrs: Mapping[str, Any], x: Ring) -> Rounds[Ring]:
    for axis, matrix in axis_matrices(x.shape, attrs):
        if attrs.get("mode", "nearest") == "nearest":
            x = np.take(x, matrix.argmax(1), axis)
            continue
        y = ring.matmul(np.moveaxis(x, axis, -1), ring.encode(matrix.T, WEIGHT_BITS))
        x = yield from truncate(e, np.moveaxis(y, -1, axis), WEIGHT_BITS)
    return x

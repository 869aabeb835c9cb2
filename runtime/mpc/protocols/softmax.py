"""Softmax and its kin: the maximum of each row by a tree, one exponential table, one reciprocal a row.

Differences to the maximum below −14 count as −14 (weight 10^-6). Error 2^-14; rounds: 13, and 3 a level of the
maximum's tree of fours.
"""

from collections.abc import Mapping
from math import ceil, log2
from typing import Any

import numpy as np

from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.exponential import Exponential
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.protocols.compare import clamp
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.protocols.maximum import reduce_max
from ppc.runtime.mpc.protocols.octave import F_RECIPROCAL, log_by_octave, normalise, times_power
from ppc.runtime.mpc.protocols.shapes import axes_of
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.schema import FRACTION_BITS

Attrs = Mapping[str, Any]
EXP_BITS = 20  # fractional bits of the exponentials and of their sum
_START = -14


def _exponentials(e: Engine, x: Ring, axes: tuple[int, ...]) -> tuple[Ring, Ring, Ring]:
    """(x − max, exp(x − max) at EXP_BITS, max); max keeps its axes."""
    top = reduce_max(e, {"axes": axes, "keepdims": 1}, x)
    shifted = x - top
    inside = clamp(e, shifted, (_START << FRACTION_BITS) + 2, None).inside
    gate = Exponential(x.shape, FRACTION_BITS, _START, 4)
    return shifted, truncate(e, e.apply(gate, inside), gate.scale - EXP_BITS), top


def _octaves(count: int) -> tuple[int, int]:
    """The range of a sum of `count` exponentials of which one is 1, in units of 2^-EXP_BITS, with an octave to
    spare."""
    return EXP_BITS - 1, EXP_BITS + ceil(log2(count)) + 1


def softmax(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    axis = int(attrs.get("axis", -1)) % x.ndim
    _, powers, _ = _exponentials(e, x, (axis,))
    total = powers.sum(axis=axis, keepdims=True, dtype=np.uint64)
    n = normalise(e, total, *_octaves(x.shape[axis]))
    r, bits = times_power(e, n, EXP_BITS, F_RECIPROCAL, -1.0)
    y: Ring = e.apply(Product(np.multiply, powers.shape, r.shape), powers, r)
    return truncate(e, y, EXP_BITS + bits - FRACTION_BITS)


def _log_sum(e: Engine, powers: Ring, axes: tuple[int, ...], count: int) -> Ring:
    """log of a sum of exponentials, at 16 bits."""
    total = powers.sum(axis=axes, keepdims=True, dtype=np.uint64)
    return log_by_octave(e, normalise(e, total, *_octaves(count)), EXP_BITS)


def log_softmax(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    axis = int(attrs.get("axis", -1)) % x.ndim
    shifted, powers, _ = _exponentials(e, x, (axis,))
    return shifted - _log_sum(e, powers, (axis,), x.shape[axis])


def reduce_log_sum_exp(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    axes = axes_of(attrs, x.ndim)
    _, powers, top = _exponentials(e, x, axes)
    count = int(np.prod([x.shape[a] for a in axes]))
    result = top + _log_sum(e, powers, axes, count)
    return result if attrs.get("keepdims", 1) else result.reshape([n for a, n in enumerate(x.shape) if a not in axes])

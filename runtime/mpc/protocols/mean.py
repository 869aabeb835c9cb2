"""Sums and means: local sums, then one truncation (one round), unless the step that reads the mean truncates it.
Error 2^-16. |sum| < 2^20."""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.protocols.local import shared
from ppc.runtime.mpc.protocols.scale import keeps
from ppc.runtime.mpc.protocols.shapes import axes_of, pads_of
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
#: Fractional bits of a public divisor's inverse: a mean over many elements needs more than 16.
INVERSE_BITS = 26
#: Of a mean before it is truncated.
MEAN_BITS = FRACTION_BITS + INVERSE_BITS


def _sum(x: Ring, axes: tuple[int, ...], keepdims: bool) -> Ring:
    total: Ring = x.sum(axis=axes, dtype=np.uint64, keepdims=keepdims)
    return np.asarray(total)


def reduce_sum(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    """Exact, no round."""
    return _sum(x, axes_of(attrs, x.ndim), bool(attrs.get("keepdims", 1)))


def mean_over(e: Engine, x: Ring, axes: tuple[int, ...], keepdims: bool, attrs: Attrs | None = None) -> Rounds[Ring]:
    count = prod(x.shape[a] for a in axes)
    return _truncated(e, attrs or {}, _sum(x, axes, keepdims) * ring.encode(1 / count, INVERSE_BITS))


def _truncated(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """At 16 fractional bits, unless the step keeps those of the quotient."""
    yield from ()
    return x if keeps(attrs, MEAN_BITS) else (yield from truncate(e, x, INVERSE_BITS))


def reduce_mean(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return mean_over(e, x, axes_of(attrs, x.ndim), bool(attrs.get("keepdims", 1)), attrs)


def mean_of(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Rounds[Ring]:
    """Mean of several tensors, broadcast."""
    total = shared(e, operands[0])
    for operand in operands[1:]:
        total = total + shared(e, operand)
    return truncate(e, total * ring.encode(1 / len(operands), INVERSE_BITS), INVERSE_BITS)


def global_average_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return mean_over(e, x, tuple(range(2, x.ndim)), True, attrs)


def average_pool(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Any window; `count_include_pad` decides whether padding counts."""
    kernel = tuple(attrs["kernel_shape"])
    rank = len(kernel)
    strides = tuple(attrs.get("strides") or (1,) * rank)
    dilations = tuple(attrs.get("dilations") or (1,) * rank)
    pads = pads_of(attrs, x.shape[2:], kernel, strides, dilations)
    over = tuple(range(2 + rank, 2 + 2 * rank))
    total = _sum(ring.windows(x, kernel, strides, pads, dilations), over, False)
    counted = np.ones((1, 1, *x.shape[2:]), np.uint64)
    if attrs.get("count_include_pad", 0):  # padding that the model names counts; what ceil_mode adds does not
        named = tuple(
            attrs.get("pads") or pads if not attrs.get("ceil_mode", 0) else attrs.get("pads") or (0,) * 2 * rank
        )
        counted = np.pad(counted, [(0, 0), (0, 0), *zip(named[:rank], named[rank:], strict=True)], constant_values=1)
        pads = tuple(p - n for p, n in zip(pads, named, strict=True))
    count = _sum(ring.windows(counted, kernel, strides, pads, dilations), over, False)
    return _truncated(e, attrs, total * ring.encode(1 / count.astype(np.float64), INVERSE_BITS))

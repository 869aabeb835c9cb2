"""Reductions that are more than a sum."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.protocols.arithmetic import reduce_sum_square
from ppc.runtime.mpc.protocols.compare import absolute
from ppc.runtime.mpc.protocols.linear import SQUARE_BITS, plain, product, weighted
from ppc.runtime.mpc.protocols.mean import reduce_sum
from ppc.runtime.mpc.protocols.octave import log_of, root
from ppc.runtime.mpc.protocols.shapes import axes_of
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]


def reduce_l1(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Exact: three rounds."""
    return reduce_sum(e, attrs, (yield from absolute(e, {}, x)))


def reduce_l2(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """Squares keep their bits: eight rounds, error 2^-14 relative plus 2^-16."""
    squares = yield from reduce_sum_square(e, {**attrs, "fraction_bits": SQUARE_BITS}, x)
    return (yield from root(e, squares, SQUARE_BITS))


def reduce_log_sum(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    return log_of(e, {}, reduce_sum(e, attrs, x))


def reduce_prod(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    """A tree of products: two rounds a level, error 2^-16 a level; every partial product below 2^30."""
    axes = axes_of(attrs, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    front = x.transpose(*axes, *kept).reshape(-1, *(x.shape[a] for a in kept))
    while len(front) > 1:
        half = len(front) // 2
        paired = yield from product(e, np.multiply, front[:half], front[half : 2 * half])
        front = np.concatenate([paired, front[2 * half :]])
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    result: Ring = front[0].reshape(shape) if attrs.get("keepdims", 1) else front[0]
    return result


def einsum(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Rounds[Ring]:
    """One operand: local, exact. Two: a product, as MatMul is one."""
    equation = str(attrs["equation"]).replace(" ", "")
    if len(operands) == 1:
        (x,) = operands
        assert not isinstance(x, Weight)
        return ring.einsum(equation, x)
    a, b = operands
    if isinstance(b, Weight):
        assert not isinstance(a, Weight)
        return (yield from weighted(e, lambda x, w: ring.einsum(equation, x, w), a, plain(b)))
    if isinstance(a, Weight):
        return (yield from weighted(e, lambda x, w: ring.einsum(equation, w, x), b, plain(a)))
    return (yield from product(e, lambda x, y: ring.einsum(equation, x, y), a, b))

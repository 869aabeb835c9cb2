"""Element by element: sums are local and exact; products take two rounds (a weight: two messages), error 2^-16
relative to factors near one. |result| < 2^30 between secrets, 2^26 with a weight."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import SelfProduct
from ppc.runtime.mpc.protocols.linear import PRODUCT_BITS, SQUARE_BITS, plain, product, truncate, weighted
from ppc.runtime.mpc.protocols.mean import reduce_sum
from ppc.runtime.mpc.protocols.octave import quotient
from ppc.runtime.mpc.protocols.scale import keeps, operand_bits, result_bits
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]


def add(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Ring:
    return sum_of(e, attrs, a, b)


def sub(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Ring:
    left, right = _alike(e, attrs, a, b)
    return left - right


def _alike(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> list[Ring]:
    """Shares of all operands at the fractional bits of the result."""
    bits = result_bits(attrs)
    return [
        e.constant(o, bits, saturates=True) if isinstance(o, Weight) else o << word(bits - operand_bits(attrs, i))
        for i, o in enumerate(operands)
    ]


def neg(e: Engine, attrs: Attrs, x: Ring) -> Ring:
    return np.uint64(0) - x


def sum_of(e: Engine, attrs: Attrs, *operands: Ring | Weight) -> Ring:
    total, *others = _alike(e, attrs, *operands)
    for other in others:
        total = total + other
    return total


def mul(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    if isinstance(a, Weight):
        a, b = b, a
    assert not isinstance(a, Weight)
    if isinstance(b, Weight):
        return weighted(e, np.multiply, a, plain(b), keep=keeps(attrs, PRODUCT_BITS))
    return product(e, np.multiply, a, b, keeps(attrs, SQUARE_BITS))


def div(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    """By a weight: times its inverse. By a secret: see `octave.quotient`."""
    if isinstance(b, Weight):
        assert not isinstance(a, Weight)
        form = WeightForm((b.name,), "inverse", (), b.shape)
        return weighted(e, np.multiply, a, form, keep=keeps(attrs, PRODUCT_BITS))
    return quotient(e, a, b)


def reduce_sum_square(e: Engine, attrs: Attrs, x: Ring) -> Rounds[Ring]:
    z, _ = yield from e.apply(SelfProduct(x.shape), x)
    total = reduce_sum(e, attrs, z)
    return total if keeps(attrs, SQUARE_BITS) else (yield from truncate(e, total, FRACTION_BITS))

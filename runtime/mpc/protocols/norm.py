"""LayerNormalization: the sum of squares stays at 32 fractional bits and goes through one reciprocal root a row.

The sum of a row's squared deviations must stay below 2^28. Error 2^-11 where the deviation of a row is above 0.05;
below that, 2^-16 of input precision is what limits it (0.01: 2^-9.5). Thirteen rounds, two of them messages one way.
"""

from collections.abc import Mapping
from math import floor, log2, prod, sqrt
from typing import Any

import numpy as np

from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product, SelfProduct
from ppc.runtime.mpc.protocols.linear import PRODUCT_BITS, plain, truncate, weighted
from ppc.runtime.mpc.protocols.mean import mean_over
from ppc.runtime.mpc.protocols.octave import rsqrt
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
SQUARES_BITS = 2 * FRACTION_BITS
ROOT_BITS = 20
_TOP = 60


def layer_normalization(e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight | None = None) -> Rounds[Ring]:
    axes = tuple(range(int(attrs.get("axis", -1)) % x.ndim, x.ndim))
    count, epsilon = prod(x.shape[a] for a in axes), float(attrs.get("epsilon", 1e-5))
    centred = x - (yield from mean_over(e, x, axes, True))
    squares: Ring = yield from e.apply(SelfProduct(centred.shape), centred)
    total = squares.sum(axis=axes, keepdims=True, dtype=np.uint64) + e.public(count * epsilon, SQUARES_BITS)
    lo = max(0, floor(log2(count * epsilon) + SQUARES_BITS))
    root, bits = yield from rsqrt(e, total, SQUARES_BITS, lo, _TOP, sqrt(count))
    root = yield from truncate(e, root, bits - ROOT_BITS)
    y: Ring = yield from e.apply(Product(np.multiply, centred.shape, root.shape), centred, root)
    y = yield from truncate(e, y, ROOT_BITS)
    added = None if bias is None else e.constant(bias, PRODUCT_BITS)
    return (yield from weighted(e, np.multiply, y, plain(scale), added))

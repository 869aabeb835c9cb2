"""Linear layers. With a weight: one message from the client, 8 bytes an element of the operand
(`gates.product.Weighted`), and |x| 2^-21 a term from the weight's 20 fractional bits. Truncated at once, where the plan
does not keep the product's fractional bits: another message with 8 bytes an element of the result, error 2^-16.
|result| < 2^26."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.masked_weight import MaskedWeight
from ppc.runtime.mpc.gates.product import Bilinear, Product, Weighted
from ppc.runtime.mpc.gates.truncate import Truncate
from ppc.runtime.mpc.protocols.scale import keeps
from ppc.runtime.mpc.protocols.shapes import pads_of
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WEIGHT_BITS, WeightForm
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
#: Fractional bits of a product with a weight, and of two values.
PRODUCT_BITS, SQUARE_BITS = FRACTION_BITS + WEIGHT_BITS, 2 * FRACTION_BITS


def plain(weight: Weight, factor: float = 1.0) -> WeightForm:
    """The weight itself, times a public factor."""
    return WeightForm((weight.name,), "plain", (factor,), weight.shape)


def by_weight(e: Engine) -> type[Weighted] | type[MaskedWeight]:
    """The gate of a product with a weight: whether the server holds a share decides."""
    return MaskedWeight if e.outsourced else Weighted


def weighted(
    e: Engine, f: Bilinear, x: Ring, form: WeightForm, bias: Ring | None = None, keep: bool = False
) -> Rounds[Ring]:
    """f(x, W) + bias at 16 fractional bits, or (`keep`) at PRODUCT_BITS, where the bias is."""
    gate = by_weight(e)(f, x.shape, form, 0 if keep else WEIGHT_BITS)
    return e.apply(gate, x, np.uint64(0) if bias is None else bias)  # type: ignore[arg-type]


def product(e: Engine, f: Bilinear, x: Ring, y: Ring, keep: bool = False) -> Rounds[Ring]:
    """f(x, y) of two shares at 16 fractional bits: two rounds; one where the result is left (`keep`) at 32."""
    z: Ring = yield from e.apply(Product(f, x.shape, y.shape), x, y)
    return z if keep else (yield from truncate(e, z, FRACTION_BITS))


def truncate(e: Engine, x: Ring, bits: int) -> Rounds[Ring]:
    """x / 2^bits, to one unit: one round."""
    return e.apply(Truncate(x.shape, bits), x)


def conv(e: Engine, attrs: Attrs, x: Ring, w: Weight, bias: Weight | None = None) -> Rounds[Ring]:
    """Convolution of any rank with a weight; strides, pads, dilations, groups."""
    kernel = w.shape[2:]
    rank = len(kernel)
    strides = tuple(attrs.get("strides", (1,) * rank))
    dilations = tuple(attrs.get("dilations", (1,) * rank))
    pads = pads_of(attrs, x.shape[2:], kernel, strides, dilations)
    group = int(attrs.get("group", 1))
    added = None if bias is None else e.constant(bias, PRODUCT_BITS).reshape(-1, *[1] * rank)
    keep = keeps(attrs, PRODUCT_BITS)
    return weighted(e, lambda a, b: ring.conv(a, b, strides, pads, dilations, group), x, plain(w), added, keep)


def gemm(e: Engine, attrs: Attrs, a: Ring, b: Weight | Ring, c: Weight | Ring | None = None) -> Rounds[Ring]:
    """alpha · op(A) op(B) + beta · C."""
    alpha, beta = float(attrs.get("alpha", 1.0)), float(attrs.get("beta", 1.0))
    if attrs.get("transA", 0):
        a = a.T
    if isinstance(b, Weight):
        form = plain(b, alpha)
        if attrs.get("transB", 0):
            form = WeightForm((b.name,), "transposed", (alpha,), b.shape[::-1])
        bias = e.constant(c, PRODUCT_BITS) if isinstance(c, Weight) and beta == 1.0 else None
        y = yield from weighted(e, ring.matmul, a, form, bias, keeps(attrs, PRODUCT_BITS))
        if bias is not None or c is None:
            return y
    else:
        y = yield from product(e, ring.matmul, a, b.T if attrs.get("transB", 0) else b)
        y = y if alpha == 1.0 else (yield from scaled(e, y, alpha))
    if c is None:
        return y
    added = e.constant(c, FRACTION_BITS) if isinstance(c, Weight) else c
    return y + (added if beta == 1.0 else (yield from scaled(e, added, beta)))


def scaled(e: Engine, x: Ring, factor: float, bits: int = WEIGHT_BITS) -> Rounds[Ring]:
    """A share times a public number: one round."""
    return truncate(e, x * ring.encode(factor, bits), bits)


def matmul(e: Engine, attrs: Attrs, a: Ring | Weight, b: Ring | Weight) -> Rounds[Ring]:
    """Batched matrix product; either operand may be a weight."""
    if isinstance(b, Weight):
        assert not isinstance(a, Weight)
        return weighted(e, ring.matmul, a, plain(b), keep=keeps(attrs, PRODUCT_BITS))
    if isinstance(a, Weight):
        return weighted(e, lambda x, w: ring.matmul(w, x), b, plain(a), keep=keeps(attrs, PRODUCT_BITS))
    return product(e, ring.matmul, a, b, keeps(attrs, SQUARE_BITS))


def batch_normalization(
    e: Engine, attrs: Attrs, x: Ring, scale: Weight, bias: Weight, mean: Weight, var: Weight
) -> Rounds[Ring]:
    """(x − mean) / sqrt(var + epsilon) · scale + bias, with the running statistics."""
    rank = x.ndim - 2
    column = (-1, *[1] * rank)
    form = WeightForm(
        (scale.name, var.name),
        "over_deviation",
        (float(attrs.get("epsilon", 1e-5)), float(rank)),
        (scale.shape[0], *[1] * rank),
    )
    centred = x - e.constant(mean, FRACTION_BITS).reshape(column)
    added = e.constant(bias, PRODUCT_BITS).reshape(column)
    return weighted(e, np.multiply, centred, form, added, keeps(attrs, PRODUCT_BITS))

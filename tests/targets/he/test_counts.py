"""Rotations and products of known networks: regressions in layouts show here first."""

import numpy as np
import pytest

from ppc.targets.he.lower import lower_he
from ppc.targets.he.verify import verify_he

RNG = np.random.default_rng(11)


def count(module):
    """(rotations, products, ciphertext products) of a lowered module's he.* steps."""
    rotations = products = squares = 0
    for op in module.ops:
        if op.name == "he.linear":
            terms = op.attrs["terms"]
            babies = {(i, b) for i, _, b, _ in terms if b}
            giants = {(o, g) for _, o, _, g in terms if g}
            rotations += len(babies) + len(giants) + len(op.attrs["post"]) * len({t[1] for t in terms})
            products += len(terms)
        squares += op.name in ("he.mul", "he.square")
    return rotations, products, squares


def conv(b, out, filters, channels, kernel=5, **attrs):
    w = RNG.normal(size=(filters, channels, kernel, kernel)) / kernel
    b.op("Conv", [b.last, b.weight(w), b.weight(RNG.normal(size=filters))], out, attrs)


def dense(b, rows, columns):
    w = RNG.normal(size=(rows, columns)) / columns**0.5
    b.op("Gemm", [b.last, b.weight(w), b.weight(RNG.normal(size=rows))], (b.batch, rows), {"transB": 1})


def square(b):
    b.op("Mul", [b.last, b.last], b.values[b.last].type.shape)


def flatten(b):
    shape = b.values[b.last].type.shape
    size = int(np.prod(shape[1:]))
    b.op("Reshape", [b.last], (shape[0], size), {"shape": (shape[0], size)})


def pool(b):
    n, c, h, w = b.values[b.last].type.shape
    b.op("AveragePool", [b.last], (n, c, h // 2, w // 2), {"kernel_shape": (2, 2), "strides": (2, 2)})


def cryptonets(builder):
    b = builder((1, 1, 28, 28))
    conv(b, (1, 5, 13, 13), 5, 1, strides=(2, 2), pads=(1, 1, 1, 1))
    square(b)
    flatten(b)
    dense(b, 100, 845)
    square(b)
    dense(b, 10, 100)
    return b.module()


def lenet(builder):
    b = builder((1, 1, 28, 28))
    conv(b, (1, 6, 24, 24), 6, 1)
    square(b)
    pool(b)
    conv(b, (1, 16, 8, 8), 16, 6)
    square(b)
    pool(b)
    flatten(b)
    for rows, columns in ((120, 256), (84, 120)):
        dense(b, rows, columns)
        square(b)
    dense(b, 10, 84)
    return b.module()


def conv1(builder):
    b = builder((1, 1, 28, 28))
    conv(b, (1, 6, 24, 24), 6, 1)
    return b.module()


def conv2(builder):
    b = builder((1, 6, 12, 12))
    conv(b, (1, 16, 8, 8), 16, 6)
    return b.module()


#: Most rotations and products, a little above what is found.
NETS = {
    "LeNet conv1": (conv1, 14, 55),
    "LeNet conv2": (conv2, 30, 210),
    "CryptoNets": (cryptonets, 32, 60),
    "LeNet": (lenet, 80, 300),
}


@pytest.mark.parametrize("net", NETS)
def test_counts(builder, calibrated, net):
    make, most_rotations, most_products = NETS[net]
    module = make(builder)
    lowered = lower_he(calibrated(module, RNG.normal(size=module.values["x"].type.shape)))
    verify_he(lowered)
    rotations, products, squares = count(lowered)
    print(
        f"\n{net}: {rotations} rotations, {products} products, {squares} squares, N = {lowered.attrs['he.degree']}, "
        f"{lowered.attrs['he.top_level']} levels"
    )
    assert rotations <= most_rotations
    assert products <= most_products


def test_a_batch_costs_no_more_than_a_sample_where_it_fits(builder):
    def lowered(batch):
        b = builder((batch, 30), batch)
        dense(b, 16, 30)
        square(b)
        dense(b, 2, 16)
        # a result that leaves as shares would take no rotations for its sums
        return count(lower_he(b.module("reveal.he_to_client", {"privacy": "public weights"})))

    one, many = lowered(1), lowered(64)
    assert sum(many[:2]) <= 2 * sum(one[:2])
